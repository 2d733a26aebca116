//! A device that is new here: its keys, the home that it writes when it was let in, and the first sync.

use std::time::{Duration, Instant};

use libp2p::Multiaddr;
use musette_protocol::{
    crypto::{kem::KemSecret, secret::Secret32, sign::SigningKey},
    epoch::Grant,
    id::DeviceId,
    identity::{
        log::{DeviceLog, Operation},
        person::Inception,
    },
    journal::JournalId,
    membership::{Roster, Statement},
    pairing::{Welcome, joiner::NewDevice},
    record::Payload,
    signed::Signed,
};

use super::{NodeOptions, create::begin_home, start_network};
use crate::{
    driver::Driver,
    entropy,
    error::{Error, Result},
    home::{Home, HomeLock, VaultChoice},
    store::{Repair, Store, keys::Keys},
};

/// Without any news for this long, the first sync is given up; a later start goes on with it.
const SYNC_PATIENCE: Duration = Duration::from_secs(60);
/// How often the first sync is looked at although nothing arrived.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How far the first sync is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirstSync {
    /// Items here so far.
    Received(u64),
    /// Everything is here: so many items.
    Done(u64),
}

/// A device whose first sync is done.
pub(super) struct Arrived {
    /// The person's name.
    pub(super) person: String,
    /// This device's id.
    pub(super) device: String,
    /// Items here.
    pub(super) items: u64,
}

/// The seeds of a new device's keys.
pub(super) struct Seeds {
    device: Secret32,
    kem: Secret32,
}

impl Seeds {
    pub(super) fn draw() -> Self {
        Self { device: entropy::secret(), kem: entropy::secret() }
    }

    /// As a device of this name shows itself.
    pub(super) fn device(&self, name: &str) -> NewDevice {
        NewDevice {
            key: SigningKey::from_secret(&self.device),
            kem: KemSecret::from_secret(&self.kem).public(),
            name: name.to_owned(),
        }
    }

    /// Opens what was sealed to this device.
    pub(super) fn open(&self, welcome: &Welcome, context: &[u8; 32]) -> Result<Grant> {
        let kem = KemSecret::from_secret(&self.kem);
        Grant::open(&welcome.grant, &kem, context).map_err(|_| Error::new("pairing-broken"))
    }
}

/// The statements of a welcome, and what they give; each must hold.
pub(super) fn statements_of(
    welcome: &Welcome,
    inception: &Signed<Inception>,
) -> Result<(Roster, Vec<Statement>)> {
    let broken = || Error::new("pairing-broken");
    let person = inception.person().map_err(|_| broken())?;
    let mut roster = Roster::new(welcome.space, DeviceLog::new(person, inception.body()));
    let mut statements = Vec::with_capacity(welcome.operations.len());
    for bytes in &welcome.operations {
        let statement = match Signed::<Operation>::from_bytes(bytes) {
            Ok(operation) => Statement::Operation(operation),
            Err(_) => Statement::Membership(Signed::from_bytes(bytes).map_err(|_| broken())?),
        };
        roster.apply(&statement).map_err(|_| broken())?;
        statements.push(statement);
    }
    Ok((roster, statements))
}

/// What a new device was given.
pub(super) struct Given<'a> {
    pub(super) inception: &'a Signed<Inception>,
    pub(super) welcome: &'a Welcome,
    /// Opened, of the welcome.
    pub(super) epochs: Grant,
    /// Likewise, checked.
    pub(super) statements: Vec<Statement>,
    /// Who let it in, and where. In the home from the beginning: a device that is cut off before its
    /// first sync finds the other one again.
    pub(super) by: (DeviceId, &'a [Multiaddr]),
    /// Whether the person just typed the phrase.
    pub(super) phrase_is_known: bool,
}

/// Writes the home of a device that was let in.
pub(super) fn write_home(
    home: &Home,
    lock: HomeLock,
    vault: &VaultChoice,
    seeds: &Seeds,
    given: Given<'_>,
) -> Result<()> {
    let Given { inception, welcome, epochs, statements, by: (by, addresses), phrase_is_known } = given;
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let keys = Keys {
        inception: inception.to_bytes(),
        space: welcome.space,
        device: seeds.device.duplicate(),
        kem: seeds.kem.duplicate(),
        epochs,
        index: entropy::secret(),
        journal: JournalId::from_bytes(entropy::bytes()),
        recovery: None,
        recovery_checked: phrase_is_known,
        words: Default::default(),
        addresses: [(by, addresses)].into(),
        met: Default::default(),
        healing: Default::default(),
    };
    let write = |store: &mut Store| {
        statements.into_iter().try_for_each(|statement| {
            store.write_statement(match statement {
                Statement::Operation(operation) => Payload::Operation(operation),
                Statement::Membership(operation) => Payload::Membership(operation),
            })
        })
    };
    begin_home(home, lock, keys, vault, |_| Ok(()), write)
}

/// Runs the new device until it has all that `other` has, which let it in.
pub(super) async fn sync_first(
    home: &Home,
    vault: VaultChoice,
    options: &NodeOptions,
    other: DeviceId,
    on_event: &mut (dyn FnMut(FirstSync) + Send),
) -> Result<Arrived> {
    let opened = home.clone();
    let passphrase = match vault {
        VaultChoice::Passphrase(passphrase) => Some(passphrase),
        VaultChoice::KeyFile | VaultChoice::Keyring => None,
    };
    let open = move || Store::open(&opened, passphrase.as_deref().map(String::as_str), Repair::No);
    let store = tokio::task::spawn_blocking(open).await.map_err(|_| Error::new("internal"))??;
    let driver = Driver::start(store);
    let node = start_network(home, driver.clone(), options).await?;
    let synced = until_synced(&driver, other, on_event).await;
    node.stop().await?;
    synced
}

async fn until_synced(
    driver: &Driver,
    other: DeviceId,
    on_event: &mut (dyn FnMut(FirstSync) + Send),
) -> Result<Arrived> {
    let mut changed = driver.changed();
    let (mut held, mut since) = (0, Instant::now());
    loop {
        let work = move |store: &mut Store| {
            let arrived = Arrived {
                person: store.person_name().to_owned(),
                device: store.device().to_string(),
                items: store.item_count() as u64,
            };
            Ok((store.has_all_of(other), arrived, store.journal_bytes(), store.disk_failure(other)))
        };
        let (done, arrived, bytes, failure) = driver.run(work).await?;
        if done {
            on_event(FirstSync::Done(arrived.items));
            return Ok(arrived);
        }
        // The home is there: a later start goes on with it.
        if let Some(failure) = failure {
            return Err(failure);
        }
        if bytes > held {
            (held, since) = (bytes, Instant::now());
        }
        if since.elapsed() > SYNC_PATIENCE {
            return Err(Error::new("deadline"));
        }
        on_event(FirstSync::Received(arrived.items));
        let news = tokio::time::timeout(LOOK_EVERY, changed.changed()).await;
        news.unwrap_or(Ok(())).map_err(|_| Error::new("stopping"))?;
    }
}
