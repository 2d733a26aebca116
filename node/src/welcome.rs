//! What a new device is handed, whoever let it in: the logs, and the secrets sealed to its key.

use musette_protocol::{crypto::kem::KemPublic, pairing::Welcome};

use crate::{
    entropy,
    error::{Error, Result},
    store::Store,
};

/// For a device that was certified with this key, in the context of the exchange that let it in.
pub(crate) fn welcome(store: &Store, kem: &KemPublic, admin: bool, context: &[u8; 32]) -> Result<Welcome> {
    let mut operations = log_operations(store);
    let membership = store.state().roster().membership();
    operations.extend(membership.operations().map(|one| one.to_bytes()));
    let grant = if admin { store.grant() } else { store.grant().without_keeper() };
    let grant = grant.seal(kem, context, &entropy::secret());
    let grant = grant.map_err(|_| Error::new("pairing-broken"))?;
    Ok(Welcome { space: *store.state().space(), operations, grant })
}

/// The device log, each operation after those it builds on.
pub(crate) fn log_operations(store: &Store) -> Vec<Vec<u8>> {
    store.state().log().in_order().iter().map(|one| one.to_bytes()).collect()
}
