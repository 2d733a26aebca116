//! A new device: pairing, the home that it writes, and the first sync.

use std::time::{Duration, Instant};

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol as Part};
use musette_protocol::{
    crypto::{kem::KemSecret, secret::Secret32, sign::SigningKey},
    epoch::Grant,
    id::DeviceId,
    identity::{
        certificate::Certificate,
        log::{Action, Author, DeviceLog, Operation},
        person::Inception,
    },
    journal::JournalId,
    membership::{Roster, Statement},
    pairing::{Channel, Joiner, Output, Ticket, Welcome, joiner::NewDevice},
    record::Payload,
    signed::Signed,
};

use super::{
    NodeOptions, check_listen,
    create::{begin_home, check_name, empty_home},
    start_network,
};
use crate::{
    clock,
    driver::Driver,
    entropy,
    error::{Error, Result},
    home::{Home, HomeLock, VaultChoice},
    net::{Endpoint, EndpointConfig, Framed, Protocol},
    pairing::parse_ticket,
    store::{Repair, Store, keys::Keys},
};

/// Without any news for this long, the first sync is given up; a later start goes on with it.
const SYNC_PATIENCE: Duration = Duration::from_secs(60);
/// How often the first sync is looked at although nothing arrived.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How a device joins.
pub struct JoinOptions {
    /// The ticket's text.
    pub ticket: String,
    /// What the person calls this device.
    pub device_name: String,
    /// How the new vault is locked.
    pub vault: VaultChoice,
    /// As in [`NodeOptions`].
    pub listen: Vec<String>,
    /// As in [`NodeOptions`].
    pub discovery: bool,
}

/// What happens while joining.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JoinEvent {
    /// The inviting device is being dialled.
    Connecting,
    /// Its person types these words; indices into the BIP39 lists.
    Words([u16; 3]),
    /// Accepted; items are coming in.
    Syncing {
        /// Items here so far.
        received: u64,
    },
    /// Everything is here.
    Synced {
        /// Items here.
        items: u64,
    },
}

/// A device that joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The person's name.
    pub person: String,
    /// This device's id.
    pub device: String,
    /// Items here.
    pub items: u64,
}

/// Joins a person's devices and runs until the first sync is done.
///
/// # Errors
/// When the home is not empty, the ticket is no good, the other device cannot be reached or
/// refuses, or the disk refuses.
pub async fn join(
    home: &Home,
    options: JoinOptions,
    on_event: &mut (dyn FnMut(JoinEvent) + Send),
) -> Result<Joined> {
    check_name(&options.device_name)?;
    check_listen(&options.listen)?;
    let ticket = parse_ticket(&options.ticket, clock::now())?;
    if home.exists() {
        return Err(Error::new("home-not-empty").with("home", home.path().display()));
    }
    // Before the ticket is spent: where nothing can be written, nobody is enrolled.
    let lock = empty_home(home)?;
    on_event(JoinEvent::Connecting);
    let addresses: Vec<Multiaddr> =
        ticket.addresses.iter().filter_map(|bytes| Multiaddr::try_from(bytes.clone()).ok()).collect();
    let inviter = enrol(home, lock, &options, ticket, &addresses, on_event).await?;
    let opened = home.clone();
    let passphrase = match options.vault {
        VaultChoice::Passphrase(passphrase) => Some(passphrase),
        VaultChoice::KeyFile => None,
    };
    let open = move || Store::open(&opened, passphrase.as_deref().map(String::as_str), Repair::No);
    let store = tokio::task::spawn_blocking(open).await.map_err(|_| Error::new("internal"))??;
    let driver = Driver::start(store);
    let known: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    driver.run(move |store| store.note_addresses(inviter, known)).await?;
    let node_options = NodeOptions { listen: options.listen, discovery: options.discovery };
    let node = start_network(home, driver.clone(), &node_options).await?;
    let synced = first_sync(&driver, inviter, on_event).await;
    node.stop().await?;
    synced
}

async fn first_sync(
    driver: &Driver,
    inviter: DeviceId,
    on_event: &mut (dyn FnMut(JoinEvent) + Send),
) -> Result<Joined> {
    let mut changed = driver.changed();
    let (mut held, mut since) = (0, Instant::now());
    loop {
        let work = move |store: &mut Store| {
            let joined = Joined {
                person: store.person_name().to_owned(),
                device: store.device().to_string(),
                items: store.item_count() as u64,
            };
            Ok((store.has_all_of(inviter), joined, store.journal_bytes(), store.disk_failure(inviter)))
        };
        let (done, joined, bytes, failure) = driver.run(work).await?;
        if done {
            on_event(JoinEvent::Synced { items: joined.items });
            return Ok(joined);
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
        on_event(JoinEvent::Syncing { received: joined.items });
        let news = tokio::time::timeout(LOOK_EVERY, changed.changed()).await;
        news.unwrap_or(Ok(())).map_err(|_| Error::new("stopping"))?;
    }
}

/// Talks with the inviting device until this one is enrolled and its home is written.
async fn enrol(
    home: &Home,
    lock: HomeLock,
    options: &JoinOptions,
    ticket: Ticket,
    addresses: &[Multiaddr],
    on_event: &mut (dyn FnMut(JoinEvent) + Send),
) -> Result<DeviceId> {
    let (endpoint, _events) =
        Endpoint::start(EndpointConfig { listen: Vec::new(), discovery: false }).await?;
    let joined = enrol_over(&endpoint, (home, lock), options, ticket, addresses, on_event).await;
    endpoint.stop().await;
    joined
}

async fn enrol_over(
    endpoint: &Endpoint,
    (home, lock): (&Home, HomeLock),
    options: &JoinOptions,
    ticket: Ticket,
    addresses: &[Multiaddr],
    on_event: &mut (dyn FnMut(JoinEvent) + Send),
) -> Result<DeviceId> {
    let inviter = PeerId::from_bytes(&ticket.peer).map_err(|_| Error::new("ticket-malformed"))?;
    let dialled = addresses.iter().map(|address| address.clone().with(Part::P2p(inviter))).collect();
    let peer = endpoint.connect_any(dialled).await?;
    let mut stream = endpoint.open_stream(peer, Protocol::Pairing).await?;
    let channel = Channel { joiner: endpoint.peer_id().to_bytes(), inviter: peer.to_bytes() };
    let (device_seed, kem_seed) = (entropy::secret(), entropy::secret());
    let new_device = NewDevice {
        key: SigningKey::from_secret(&device_seed),
        kem: KemSecret::from_secret(&kem_seed).public(),
        name: options.device_name.clone(),
    };
    let machine = Joiner::new(ticket, channel, new_device, &entropy::secret(), clock::now());
    let machine = machine.map_err(|error| Error::new(error.code()))?;
    let seeds = Seeds { device: device_seed, kem: kem_seed };
    let joined = Joining { home, lock: Some(lock), options, machine, seeds, inviter: None }
        .run(&mut stream, on_event)
        .await;
    drop(stream.close().await);
    joined
}

struct Seeds {
    device: Secret32,
    kem: Secret32,
}

struct Joining<'a> {
    home: &'a Home,
    /// Until the home is written.
    lock: Option<HomeLock>,
    options: &'a JoinOptions,
    machine: Joiner,
    seeds: Seeds,
    inviter: Option<DeviceId>,
}

impl Joining<'_> {
    async fn run(
        mut self,
        stream: &mut Framed,
        on_event: &mut (dyn FnMut(JoinEvent) + Send),
    ) -> Result<DeviceId> {
        let mut outputs = self.machine.start();
        loop {
            for output in std::mem::take(&mut outputs) {
                match output {
                    Output::Send(frame) => stream.send(&frame).await?,
                    Output::Words(words) => on_event(JoinEvent::Words(words)),
                    Output::Welcome { welcome, inception, certificate, context } => {
                        let operations = self.check(&welcome, &inception, &certificate)?;
                        self.store(&welcome, &inception, operations, &context)?;
                        outputs.extend(self.machine.stored());
                    }
                    Output::Finished => return self.inviter.ok_or_else(|| Error::new("pairing-broken")),
                    Output::Failed(error) => return Err(Error::new(error.code().to_owned())),
                    Output::AskConfirmation { .. } | Output::Enrol { .. } => {}
                }
            }
            if !outputs.is_empty() {
                continue;
            }
            let Some(deadline) = self.machine.deadline() else { return Err(Error::new("pairing-broken")) };
            let left = deadline.millis_since(clock::now()).max(0).unsigned_abs();
            outputs = tokio::select! {
                frame = stream.recv() => match frame? {
                    Some(frame) => self.machine.handle(&frame, clock::now()),
                    None => return Err(Error::new("connection-lost")),
                },
                () = tokio::time::sleep(Duration::from_millis(left)) => {
                    self.machine.handle_time(clock::now())
                }
            };
        }
    }

    /// The device log must hold, and this device must be in it as it signed.
    fn check(
        &mut self,
        welcome: &Welcome,
        inception: &[u8],
        certificate: &Certificate,
    ) -> Result<Vec<Statement>> {
        let broken = || Error::new("pairing-broken");
        let inception = Signed::<Inception>::from_bytes(inception).map_err(|_| broken())?;
        let person = inception.person().map_err(|_| broken())?;
        let mut roster = Roster::new(welcome.space, DeviceLog::new(person, inception.body()));
        let mut operations = Vec::with_capacity(welcome.operations.len());
        for bytes in &welcome.operations {
            let operation = match Signed::<Operation>::from_bytes(bytes) {
                Ok(operation) => Statement::Operation(operation),
                Err(_) => Statement::Membership(Signed::from_bytes(bytes).map_err(|_| broken())?),
            };
            roster.apply(&operation).map_err(|_| broken())?;
            if let Statement::Operation(operation) = &operation
                && let (Author::Device(author), Action::Enrol { certificate: enrolled, .. }) =
                    (operation.body().author, &operation.body().action)
                && enrolled == certificate
            {
                self.inviter = Some(author);
            }
            operations.push(operation);
        }
        self.inviter.map(|_| operations).ok_or_else(broken)
    }

    fn store(
        &mut self,
        welcome: &Welcome,
        inception: &[u8],
        operations: Vec<Statement>,
        context: &[u8; 32],
    ) -> Result<()> {
        let kem = KemSecret::from_secret(&self.seeds.kem);
        let epochs = Grant::open(&welcome.grant, &kem, context).map_err(|_| Error::new("pairing-broken"))?;
        let keys = Keys {
            inception: inception.to_vec(),
            space: welcome.space,
            device: self.seeds.device.duplicate(),
            kem: self.seeds.kem.duplicate(),
            epochs,
            index: entropy::secret(),
            journal: JournalId::from_bytes(entropy::bytes()),
            recovery: None,
            recovery_checked: false,
            words: Default::default(),
            addresses: Default::default(),
            met: Default::default(),
            healing: Default::default(),
        };
        let lock = self.lock.take().ok_or_else(|| Error::new("pairing-broken"))?;
        begin_home(
            self.home,
            lock,
            keys,
            &self.options.vault,
            |_| Ok(()),
            |store| {
                operations.into_iter().try_for_each(|operation| {
                    store.write_statement(match operation {
                        Statement::Operation(operation) => Payload::Operation(operation),
                        Statement::Membership(operation) => Payload::Membership(operation),
                    })
                })
            },
        )
    }
}
