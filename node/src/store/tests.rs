//! What the store promises of its secrets.

use musette_protocol::replica::rotating::NewEpoch;

use super::*;
use crate::{home::VaultChoice, lifecycle::create};

/// Starts an epoch, as tidying does once the present one is old.
fn begin_epoch(store: &mut Store) -> Result<()> {
    let keeper = SigningKey::from_secret(&store.keys.epochs.duplicate().into_parts().1.unwrap());
    let recovery = Some(inception_of(&store.keys).unwrap().body().recovery_kem);
    let (secret, entropy) = (entropy::secret(), entropy::secret());
    let new = NewEpoch { keeper: &keeper, device: &store.device_key, recovery, secret, entropy };
    let effects = store.replica.begin_epoch(&new, &mut entropy::bytes::<NONCE_LEN>).unwrap();
    store.unsynced = true;
    store.apply(effects, Vec::new())
}

#[test]
fn nothing_is_durable_under_an_epoch_that_is_not_in_the_vault() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::locate(Some(folder.path())).unwrap();
    create(&home, "Emilie", "laptop", &VaultChoice::KeyFile).unwrap();
    let mut store = Store::open(&home, None, Repair::No).unwrap();
    let position = store.replica.journal().position();
    // Where the vault is written before it takes the place of the old one.
    let in_the_way = home.vault_path().with_added_extension("new");
    std::fs::create_dir(&in_the_way).unwrap();
    begin_epoch(&mut store).unwrap_err();
    store.commit().unwrap_err();
    assert_eq!(store.replica.journal().position(), position);
    std::fs::remove_dir(&in_the_way).unwrap();
    store.commit().unwrap();
    assert!(store.replica.journal().position() > position);
    let (_, keys) = Vault::open::<Keys>(&home, None).unwrap();
    assert_eq!((keys.epochs.count(), store.state().keyring().count()), (2, 2));
}
