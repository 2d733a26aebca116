//! Beginnings and ends: a new Musette, a new device, a node that starts and stops.

use std::sync::Arc;

use axum::Router;
use libp2p::{Multiaddr, PeerId, multiaddr::Protocol as Part};
use musette_protocol::{
    crypto::{kem::KemSecret, secret::Secret32, sign::SigningKey},
    epoch::{EpochStatement, Grant, Keyring, space_id},
    id::DeviceId,
    identity::{
        certificate::Certificate,
        log::{Action, Author, DeviceLog, Operation},
        person::{Inception, Recovery},
    },
    journal::JournalId,
    pairing::{Channel, Joiner, Output, Ticket, Welcome, joiner::NewDevice},
    record::Payload,
    signed::Signed,
};
use tokio::{sync::oneshot, task::JoinHandle};
use zeroize::Zeroizing;

use crate::{
    api::{Context, router, socket::Socket},
    client::Client,
    clock,
    config::Config,
    driver::Driver,
    entropy,
    error::{Error, Result},
    home::{Home, HomeLock, VaultChoice},
    net::{Endpoint, EndpointConfig, Framed, NetEvent, Protocol},
    pairing::{Pairing, parse_ticket},
    store::{Repair, Store, keys::Keys, vault::Vault},
    sync::Network,
};

pub use crate::store::vault::is_passphrase_needed;

/// Where a node listens when nobody said otherwise: on any port, kept for the next start.
const DEFAULT_LISTEN: [&str; 2] = ["/ip4/0.0.0.0/udp/0/quic-v1", "/ip4/0.0.0.0/tcp/0"];

/// A Musette that was just created.
pub struct Created {
    /// The person's id.
    pub person: String,
    /// The device's id.
    pub device: String,
    /// What the recovery words say.
    pub recovery_entropy: Zeroizing<[u8; 32]>,
}

/// Creates a person and their first device.
///
/// # Errors
/// When there is a Musette already, a name cannot be shown, or the disk refuses.
pub fn create(home: &Home, person_name: &str, device_name: &str, vault: &VaultChoice) -> Result<Created> {
    check_name(device_name)?;
    check_name(person_name)?;
    let lock = empty_home(home)?;
    let entropy = entropy::secret();
    let recovery = Recovery::from_entropy(&entropy);
    let inception = recovery.incept();
    let person = inception.person().map_err(|_| Error::new("internal"))?;
    let (device_seed, kem_seed, keeper_seed) = (entropy::secret(), entropy::secret(), entropy::secret());
    let kem = KemSecret::from_secret(&kem_seed).public();
    let keeper = SigningKey::from_secret(&keeper_seed);
    let space = space_id(&keeper.verifying_key(), &inception.body().recovery_keeper);
    let first_secret = entropy::secret();
    let recipients = [kem, inception.body().recovery_kem];
    let epoch = EpochStatement::begin(
        space,
        &keeper,
        &first_secret,
        &recipients,
        &Keyring::default(),
        &entropy::secret(),
    )
    .map_err(|_| Error::new("internal"))?;
    let mut keyring = Keyring::default();
    keyring.insert(first_secret, &[]);
    let keys = Keys {
        inception: inception.to_bytes(),
        space,
        device: device_seed,
        kem: kem_seed,
        epochs: keyring.to_grant().with_keeper(keeper_seed),
        index: entropy::secret(),
        journal: JournalId::from_bytes(entropy::bytes()),
        recovery: Some(entropy.duplicate()),
        recovery_checked: false,
        words: Default::default(),
        addresses: Default::default(),
        healing: Default::default(),
    };
    let (device, device_key) = (keys.device_id(), keys.device_key());
    let log = DeviceLog::new(person, inception.body());
    let certificate = Certificate { person, device, kem, name: device_name.to_owned(), admin: true };
    let device_signature = certificate.countersign(&device_key);
    let enrolment = Action::Enrol { certificate, device_signature, verified: true };
    let operation = log.sign(Author::Root, enrolment, recovery.root());
    begin_home(home, lock, keys, vault, |store| {
        store.write_statement(Payload::Epoch(epoch))?;
        store.write_statement(Payload::Operation(operation))?;
        store.write_first_settings(person_name)
    })?;
    let recovery_entropy = Zeroizing::new(*entropy.expose());
    Ok(Created { person: person.to_string(), device: device.to_string(), recovery_entropy })
}

fn check_name(name: &str) -> Result<()> {
    if Certificate::is_name_valid(name) {
        Ok(())
    } else {
        Err(Error::new("bad-name").with("name", name.escape_debug()))
    }
}

/// Makes and locks a home that holds no Musette yet.
fn empty_home(home: &Home) -> Result<HomeLock> {
    if home.exists() {
        return Err(Error::new("home-exists").with("home", home.path().display()));
    }
    home.create()?;
    home.lock()
}

/// Writes a first vault and journal. The vault comes last: a home without one holds no Musette, and
/// what a crash left of its journal is removed at the next attempt.
fn begin_home(
    home: &Home,
    lock: HomeLock,
    keys: Keys,
    choice: &VaultChoice,
    write: impl FnOnce(&mut Store) -> Result<()>,
) -> Result<()> {
    for leftover in [home.journal_dir(), home.index_dir()] {
        match std::fs::remove_dir_all(&leftover) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(crate::store::replace::io_error(&error));
            }
            _ => {}
        }
    }
    Config::default().save(home)?;
    let vault = Vault::prepare(home, choice)?;
    let mut store = Store::open_unlocked(home.clone(), lock, vault, keys, Repair::No)?;
    write(&mut store)?;
    store.commit()?;
    store.save_vault()?;
    store.close()
}

/// How a node starts.
#[derive(Debug, Clone, Default)]
pub struct NodeOptions {
    /// Multiaddresses to listen on; empty for those of before, or the default.
    pub listen: Vec<String>,
    /// Whether to find devices on the local network, and be found.
    pub discovery: bool,
}

/// A node at work.
pub struct RunningNode {
    driver: Driver,
    context: Context,
    endpoint: Option<Arc<Endpoint>>,
    network: JoinHandle<()>,
    server: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// Starts the node of a home: network and local API.
///
/// # Errors
/// When the home cannot be opened, an address cannot be bound, or the socket cannot be made.
pub async fn start(
    home: &Home,
    passphrase: Option<Zeroizing<String>>,
    options: NodeOptions,
) -> Result<RunningNode> {
    let opened = home.clone();
    let open = move || Store::open(&opened, passphrase.as_deref().map(String::as_str), Repair::No);
    let store = tokio::task::spawn_blocking(open).await.map_err(|_| Error::new("internal"))??;
    let mut node = start_network(home, Driver::start(store), &options).await?;
    match Socket::bind(home) {
        Ok(socket) => node.serve(socket),
        Err(error) => {
            node.stop().await?;
            return Err(error);
        }
    }
    Ok(node)
}

async fn start_network(home: &Home, driver: Driver, options: &NodeOptions) -> Result<RunningNode> {
    let started = async {
        let config = Config::load(home)?;
        let discovery = options.discovery && config.lan_discovery;
        listen(home, config, &options.listen, discovery).await
    };
    let (endpoint, events) = match started.await {
        Ok(started) => started,
        Err(error) => {
            driver.stop().await?;
            return Err(error);
        }
    };
    let endpoint = Arc::new(endpoint);
    let pairing = Pairing::default();
    let network = Network::new(driver.clone(), endpoint.clone(), pairing.clone());
    let context = Context { driver: driver.clone(), network: Some((endpoint.clone(), pairing)) };
    let network = tokio::spawn(network.run(events));
    Ok(RunningNode { driver, context, endpoint: Some(endpoint), network, server: None })
}

type Started = (Endpoint, tokio::sync::mpsc::Receiver<NetEvent>);

/// Binds the addresses asked for, or those of before, or the default; and keeps the ports, so that
/// other devices find this one again.
async fn listen(home: &Home, mut config: Config, asked: &[String], discovery: bool) -> Result<Started> {
    let before = parse_addresses(&config.listen)?;
    let wanted = match (asked.is_empty(), before.is_empty()) {
        (false, _) => parse_addresses(asked)?,
        (true, false) => before.clone(),
        (true, true) => parse_addresses(&DEFAULT_LISTEN.map(str::to_owned))?,
    };
    let kept: Vec<Multiaddr> = wanted.iter().map(|address| with_port_of_before(address, &before)).collect();
    let started = match Endpoint::start(EndpointConfig { listen: kept.clone(), discovery }).await {
        // Another program took the port meanwhile: any port will do, unless the person named it.
        Err(error) if error.code() == "port-in-use" && (asked.is_empty() || kept != wanted) => {
            let listen =
                if asked.is_empty() { wanted.iter().map(any_port).collect() } else { wanted.clone() };
            Endpoint::start(EndpointConfig { listen, discovery }).await?
        }
        started => started?,
    };
    let bound = started.0.listen_addresses();
    let listen: Vec<String> =
        wanted.iter().map(|address| with_bound_port(address, &bound).to_string()).collect();
    if config.listen != listen {
        config.listen = listen;
        config.save(home)?;
    }
    Ok(started)
}

fn parse_addresses(texts: &[String]) -> Result<Vec<Multiaddr>> {
    let parse =
        |text: &String| text.parse().map_err(|_| Error::new("bad-listen-address").with("address", text));
    texts.iter().map(parse).collect()
}

/// The kind of an address: everything but host and port.
fn shape(address: &Multiaddr) -> Vec<String> {
    address
        .iter()
        .map(|part| match part {
            Part::Ip4(_) => "ip4".to_owned(),
            Part::Ip6(_) => "ip6".to_owned(),
            Part::Udp(_) => "udp".to_owned(),
            Part::Tcp(_) => "tcp".to_owned(),
            other => other.to_string(),
        })
        .collect()
}

fn port(address: &Multiaddr) -> u16 {
    let of = |part: Part<'_>| match part {
        Part::Udp(port) | Part::Tcp(port) => Some(port),
        _ => None,
    };
    address.iter().find_map(of).unwrap_or(0)
}

fn with_port(address: &Multiaddr, port: u16) -> Multiaddr {
    let replace = |part| match part {
        Part::Udp(_) => Part::Udp(port),
        Part::Tcp(_) => Part::Tcp(port),
        other => other,
    };
    address.iter().map(replace).collect()
}

fn any_port(address: &Multiaddr) -> Multiaddr {
    with_port(address, 0)
}

fn with_port_of_before(address: &Multiaddr, before: &[Multiaddr]) -> Multiaddr {
    let same_place = |known: &&Multiaddr| any_port(known) == any_port(address);
    match before.iter().find(same_place) {
        Some(known) if port(address) == 0 => known.clone(),
        _ => address.clone(),
    }
}

fn with_bound_port(address: &Multiaddr, bound: &[Multiaddr]) -> Multiaddr {
    let found = bound.iter().find(|bound| shape(bound) == shape(address));
    found.map_or_else(|| address.clone(), |bound| with_port(address, port(bound)))
}

impl RunningNode {
    fn serve(&mut self, socket: Socket) {
        let routes: Router = router(self.context.clone());
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(async move {
            let graceful = axum::serve(socket, routes).with_graceful_shutdown(async {
                drop(stopped.await);
            });
            drop(graceful.await);
        });
        self.server = Some((stop, server));
    }

    /// The API of this node, in this process.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::over(self.context.clone())
    }

    /// Resolves when the node can no longer work: the disk failed.
    pub async fn failed(&mut self) -> Error {
        self.driver.failed().await
    }

    /// Stops everything and closes the store.
    ///
    /// # Errors
    /// When the disk failed.
    pub async fn stop(mut self) -> Result<()> {
        if let Some((stop, server)) = self.server.take() {
            let _ = stop.send(());
            // Followers of events keep their connection open for ever.
            if tokio::time::timeout(std::time::Duration::from_millis(200), server).await.is_err() {
                tracing::debug!("a client of the socket was cut off");
            }
        }
        self.network.abort();
        drop((&mut self.network).await);
        let stopped = self.driver.stop().await;
        self.context.network = None;
        if let Some(endpoint) = self.endpoint.take().and_then(Arc::into_inner) {
            endpoint.stop().await;
        }
        stopped
    }
}

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
    let ticket = parse_ticket(&options.ticket, clock::now())?;
    if home.exists() {
        return Err(Error::new("home-not-empty").with("home", home.path().display()));
    }
    on_event(JoinEvent::Connecting);
    let addresses: Vec<Multiaddr> =
        ticket.addresses.iter().filter_map(|bytes| Multiaddr::try_from(bytes.clone()).ok()).collect();
    let inviter = enrol(home, &options, ticket, &addresses, on_event).await?;
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
    loop {
        let work = move |store: &mut Store| {
            let joined = Joined {
                person: store.person_name().to_owned(),
                device: store.device().to_string(),
                items: store.item_count() as u64,
            };
            Ok((store.has_all_of(inviter), joined))
        };
        let (done, joined) = driver.run(work).await?;
        if done {
            on_event(JoinEvent::Synced { items: joined.items });
            return Ok(joined);
        }
        on_event(JoinEvent::Syncing { received: joined.items });
        let waited = tokio::time::timeout(std::time::Duration::from_secs(60), changed.changed());
        waited.await.map_err(|_| Error::new("deadline"))?.map_err(|_| Error::new("stopping"))?;
    }
}

/// Talks with the inviting device until this one is enrolled and its home is written.
async fn enrol(
    home: &Home,
    options: &JoinOptions,
    ticket: Ticket,
    addresses: &[Multiaddr],
    on_event: &mut (dyn FnMut(JoinEvent) + Send),
) -> Result<DeviceId> {
    let (endpoint, _events) =
        Endpoint::start(EndpointConfig { listen: Vec::new(), discovery: false }).await?;
    let joined = enrol_over(&endpoint, home, options, ticket, addresses, on_event).await;
    endpoint.stop().await;
    joined
}

async fn enrol_over(
    endpoint: &Endpoint,
    home: &Home,
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
    let joined = Joining { home, options, machine, seeds, inviter: None }.run(&mut stream, on_event).await;
    drop(stream.close().await);
    joined
}

struct Seeds {
    device: Secret32,
    kem: Secret32,
}

struct Joining<'a> {
    home: &'a Home,
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
                () = tokio::time::sleep(std::time::Duration::from_millis(left)) => {
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
    ) -> Result<Vec<Signed<Operation>>> {
        let broken = || Error::new("pairing-broken");
        let inception = Signed::<Inception>::from_bytes(inception).map_err(|_| broken())?;
        let person = inception.person().map_err(|_| broken())?;
        let mut log = DeviceLog::new(person, inception.body());
        let mut operations = Vec::with_capacity(welcome.operations.len());
        for bytes in &welcome.operations {
            let operation = Signed::<Operation>::from_bytes(bytes).map_err(|_| broken())?;
            log.apply(operation.clone()).map_err(|_| broken())?;
            if let (Author::Device(author), Action::Enrol { certificate: enrolled, .. }) =
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
        &self,
        welcome: &Welcome,
        inception: &[u8],
        operations: Vec<Signed<Operation>>,
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
            healing: Default::default(),
        };
        let lock = empty_home(self.home)?;
        begin_home(self.home, lock, keys, &self.options.vault, |store| {
            operations
                .into_iter()
                .try_for_each(|operation| store.write_statement(Payload::Operation(operation)))
        })
    }
}
