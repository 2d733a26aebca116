//! A new device: pairing, the home that it writes, and the first sync.

use std::time::Duration;

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol as Part};
use musette_protocol::{
    id::DeviceId,
    identity::{
        certificate::Certificate,
        log::{Action, Author},
        person::Inception,
    },
    membership::Statement,
    pairing::{Channel, Joiner, Output, Ticket, Welcome},
    signed::Signed,
};

use super::{
    NodeOptions, check_listen,
    create::{check_name, empty_home},
    newcomer::{Arrived, FirstSync, Given, Seeds, statements_of, sync_first, write_home},
};
use crate::{
    clock, entropy,
    error::{Error, Result},
    home::{Home, HomeLock, VaultChoice},
    net::{Endpoint, EndpointConfig, Framed, Protocol},
    pairing::parse_ticket,
    store::vault::check_choice,
};

/// How long the other device is given to say that it has heard everything.
const FAREWELL_PATIENCE: Duration = Duration::from_secs(5);

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

/// Checks a ticket before anything is asked or made on its behalf.
///
/// # Errors
/// When it is no ticket, another kind of ticket, or over.
pub fn check_ticket(text: &str) -> Result<()> {
    parse_ticket(text, clock::now()).map(drop)
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
    check_choice(&options.vault)?;
    let lock = empty_home(home)?;
    on_event(JoinEvent::Connecting);
    let inviter = PeerId::from_bytes(&ticket.peer).map_err(|_| Error::new("ticket-malformed"))?;
    let addresses = ticket.addresses.iter().filter_map(|bytes| Multiaddr::try_from(bytes.clone()).ok());
    let addresses: Vec<Multiaddr> = addresses.map(|address| address.with(Part::P2p(inviter))).collect();
    let inviter = enrol(home, lock, &options, ticket, &addresses, on_event).await?;
    let node_options = NodeOptions { listen: options.listen, discovery: options.discovery };
    let Arrived { person, device, items } =
        sync_first(home, options.vault, &node_options, inviter, &mut |event| {
            on_event(match event {
                FirstSync::Received(received) => JoinEvent::Syncing { received },
                FirstSync::Done(items) => JoinEvent::Synced { items },
            });
        })
        .await?;
    Ok(Joined { person, device, items })
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
        Endpoint::start(EndpointConfig { relays: true, ..EndpointConfig::default() }).await?;
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
    let connection = endpoint.connect_any(addresses.to_vec()).await?;
    let peer = connection.peer;
    let mut stream = endpoint.open_stream(connection, Protocol::Pairing).await?;
    let channel = Channel { joiner: endpoint.peer_id().to_bytes(), inviter: peer.to_bytes() };
    let seeds = Seeds::draw();
    let new_device = seeds.device(&options.device_name);
    let machine = Joiner::new(ticket, channel, new_device, &entropy::secret(), clock::now());
    let machine = machine.map_err(|error| Error::new(error.code()))?;
    let joined = Joining { home, lock: Some(lock), options, addresses, machine, seeds, inviter: None }
        .run(&mut stream, on_event)
        .await;
    // A connection that ends takes along what has not arrived; the other device closes once it has all.
    if stream.close().await.is_ok() {
        drop(tokio::time::timeout(FAREWELL_PATIENCE, stream.recv()).await);
    }
    joined
}

struct Joining<'a> {
    home: &'a Home,
    /// Until the home is written.
    lock: Option<HomeLock>,
    options: &'a JoinOptions,
    /// Where the inviting device is, with its peer id.
    addresses: &'a [Multiaddr],
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
                        let inception = Signed::<Inception>::from_bytes(&inception)
                            .map_err(|_| Error::new("pairing-broken"))?;
                        let checked = self.check(&welcome, &inception, &certificate)?;
                        self.store(&welcome, &inception, checked, &context)?;
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
        inception: &Signed<Inception>,
        certificate: &Certificate,
    ) -> Result<(DeviceId, Vec<Statement>)> {
        let (_, statements) = statements_of(welcome, inception)?;
        let enrolled_by = statements.iter().find_map(|statement| match statement {
            Statement::Operation(operation) => match (operation.body().author, &operation.body().action) {
                (Author::Device(by), Action::Enrol { certificate: own, .. }) if own == certificate => {
                    Some(by)
                }
                _ => None,
            },
            Statement::Membership(_) => None,
        });
        let by = enrolled_by.ok_or_else(|| Error::new("pairing-broken"))?;
        self.inviter = Some(by);
        Ok((by, statements))
    }

    fn store(
        &mut self,
        welcome: &Welcome,
        inception: &Signed<Inception>,
        (by, statements): (DeviceId, Vec<Statement>),
        context: &[u8; 32],
    ) -> Result<()> {
        let epochs = self.seeds.open(welcome, context)?;
        let lock = self.lock.take().ok_or_else(|| Error::new("pairing-broken"))?;
        let by = (by, self.addresses);
        let given = Given { inception, welcome, epochs, statements, by, phrase_is_known: false };
        write_home(self.home, lock, &self.options.vault, &self.seeds, given)
    }
}
