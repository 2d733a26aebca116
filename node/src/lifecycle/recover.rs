//! From the 24 words alone, and a device of the person that runs somewhere in reach, to a new device.
//!
//! 1. Whoever listens at the addresses named, or announces itself on the local network, is asked in turn
//!    ([`musette_protocol::recovering`]). Who cannot answer for these words learns nothing of them.
//! 2. The device that can lets this one in, by the root's signature. From there on it is a device that
//!    joined: the same welcome, the same home, the same first sync.
//!
//! A run that is cut off before the home is written leaves a beginning, which the next one removes, and
//! perhaps a device in the log that nobody has: it can be taken out by its name.

use std::{collections::HashSet, net::SocketAddr, time::Duration};

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol as Part};
use musette_protocol::{
    id::DeviceId,
    identity::{
        certificate::Certificate,
        person::{Inception, Recovery},
    },
    limits::MAX_STRANGERS,
    pairing::{Channel, Welcome, words::recovery_entropy},
    recovering::{Asker, Output, RecoveringError},
    signed::Signed,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout_at},
};
use zeroize::Zeroizing;

use super::{
    NodeOptions, check_listen,
    create::{check_name, empty_home},
    newcomer::{Arrived, FirstSync, Given, Seeds, statements_of, sync_first, write_home},
    restore::with_right_keeper,
};
use crate::{
    clock, entropy,
    error::{Error, Result},
    home::{Home, HomeLock, VaultChoice},
    net::{Endpoint, EndpointConfig, Framed, NetEvent, Protocol, without_peer},
    store::{revoking::phrase_error, vault::check_choice},
};

/// How long the local network is searched: mDNS asks at once, and answers come within a second. Longer
/// for whoever starts the other device meanwhile.
const SEARCH_PATIENCE: Duration = Duration::from_secs(30);
/// How often a device that has too many at its door is asked again, and after what pause.
const TRIES_WHEN_BUSY: usize = 20;
const PAUSE_WHEN_BUSY: Duration = Duration::from_millis(500);

/// How a bare device is recovered.
pub struct RecoverOptions {
    /// The 24 recovery words, in French or English.
    pub words: Zeroizing<String>,
    /// Where the person's other device listens: multiaddresses, or IP address and port. Empty: the
    /// local network is searched.
    pub at: Vec<String>,
    /// What the person calls this device.
    pub device_name: String,
    /// How the new vault is locked.
    pub vault: VaultChoice,
    /// As in [`NodeOptions`].
    pub listen: Vec<String>,
    /// As in [`NodeOptions`].
    pub discovery: bool,
}

/// What happens while recovering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecoverEvent {
    /// Another device is looked for.
    Searching,
    /// This one was let in; items are coming in.
    LetIn {
        /// By which device.
        by: String,
    },
    /// See [`RecoverEvent::LetIn`].
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

/// A device that was recovered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The person's name.
    pub person: String,
    /// This device's id.
    pub device: String,
    /// The name of the device that let this one in.
    pub by: String,
    /// Items here.
    pub items: u64,
}

/// Makes a home with what another device of the person has, and runs until the first sync is done.
///
/// # Errors
/// When there is a Musette here already, the words are wrong, nobody in reach has these words' Musette,
/// or a disk refuses.
pub async fn recover(
    home: &Home,
    options: RecoverOptions,
    on_event: &mut (dyn FnMut(RecoverEvent) + Send),
) -> Result<Recovered> {
    check_name(&options.device_name)?;
    check_listen(&options.listen)?;
    let places = options.at.iter().map(|text| addresses_of(text)).collect::<Result<Vec<_>>>()?;
    let recovery = Recovery::from_entropy(&recovery_entropy(&options.words).map_err(phrase_error)?);
    // Before anybody is asked: who lets this device in does so once.
    check_choice(&options.vault)?;
    let mut newcomer = Newcomer {
        home,
        lock: Some(empty_home(home)?),
        recovery: &recovery,
        seeds: Seeds::draw(),
        device_name: &options.device_name,
        vault: &options.vault,
    };
    on_event(RecoverEvent::Searching);
    // Nothing is searched where an address is named: knocking at every door tells that somebody does.
    let discovery = places.is_empty() && options.discovery;
    let (endpoint, events) =
        Endpoint::start(EndpointConfig { discovery, relays: true, ..EndpointConfig::default() }).await?;
    let found = if places.is_empty() {
        newcomer.search(&endpoint, events).await
    } else {
        newcomer.ask_at(&endpoint, places).await
    };
    endpoint.stop().await;
    let (by, name) = found?;
    on_event(RecoverEvent::LetIn { by: name.clone() });
    let node_options = NodeOptions { listen: options.listen, discovery: options.discovery };
    let Arrived { person, device, items } =
        sync_first(home, options.vault, &node_options, by, &mut |event| {
            on_event(match event {
                FirstSync::Received(received) => RecoverEvent::Syncing { received },
                FirstSync::Done(items) => RecoverEvent::Synced { items },
            });
        })
        .await?;
    Ok(Recovered { person, device, by: name, items })
}

/// The addresses that a person's text stands for: a multiaddress, or IP address and port, by QUIC or TCP.
fn addresses_of(text: &str) -> Result<Vec<Multiaddr>> {
    if let Ok(socket) = text.parse::<SocketAddr>() {
        let ip = || Multiaddr::from(socket.ip());
        return Ok(vec![
            ip().with(Part::Udp(socket.port())).with(Part::QuicV1),
            ip().with(Part::Tcp(socket.port())),
        ]);
    }
    let bad = || Error::new("bad-address").with("address", text);
    let address: Multiaddr = text.parse().map_err(|_| bad())?;
    if address.is_empty() { Err(bad()) } else { Ok(vec![address]) }
}

/// Who let this device in, and its name.
type LetIn = (DeviceId, String);

/// What a recovery has to give: once, to the first that is the person's.
struct Newcomer<'a> {
    home: &'a Home,
    /// Until the home is written.
    lock: Option<HomeLock>,
    recovery: &'a Recovery,
    seeds: Seeds,
    device_name: &'a str,
    vault: &'a VaultChoice,
}

impl Newcomer<'_> {
    /// Asks at each of these places until one lets this device in; else why the last did not that
    /// could be reached.
    async fn ask_at(&mut self, endpoint: &Endpoint, places: Vec<Vec<Multiaddr>>) -> Result<LetIn> {
        let mut told = Error::new("unreachable");
        for addresses in places {
            match self.ask(endpoint, addresses).await {
                Err(error) if self.lock.is_some() => {
                    if error.code() != "unreachable" {
                        told = error;
                    }
                }
                ended => return ended,
            }
        }
        Err(told)
    }

    /// Asks whoever announces itself.
    async fn search(&mut self, endpoint: &Endpoint, mut events: mpsc::Receiver<NetEvent>) -> Result<LetIn> {
        let deadline = Instant::now() + SEARCH_PATIENCE;
        let mut asked: HashSet<PeerId> = HashSet::new();
        let mut told = Error::new("recover-nobody");
        while let Ok(Some(event)) = timeout_at(deadline, events.recv()).await {
            let NetEvent::Discovered { peer, addresses } = event else { continue };
            if asked.len() >= MAX_STRANGERS || !asked.insert(peer) {
                continue;
            }
            match self.ask(endpoint, addresses).await {
                Err(error) if self.lock.is_some() => {
                    tracing::debug!(code = error.code(), "a neighbour is not the one");
                    // The neighbours' own Musettes are no news; that one's own could not is.
                    let is_news = !matches!(
                        error.code(),
                        "unreachable" | "recover-other-person" | "stream-refused" | "connection-lost"
                    );
                    if is_news {
                        told = error;
                    }
                }
                ended => return ended,
            }
        }
        Err(told)
    }

    /// Asks whoever answers at one of these addresses, again while too many do.
    async fn ask(&mut self, endpoint: &Endpoint, addresses: Vec<Multiaddr>) -> Result<LetIn> {
        let connection = endpoint.connect_any(addresses.clone()).await?;
        let peer = connection.peer;
        let addresses: Vec<Multiaddr> = addresses.iter().map(without_peer).collect();
        let mut tries = 0;
        loop {
            let mut stream = endpoint.open_stream(connection, Protocol::Recovering).await?;
            let channel = Channel { joiner: endpoint.peer_id().to_bytes(), inviter: peer.to_bytes() };
            let ended = self.talk(channel, &addresses, &mut stream).await;
            drop(stream.close().await);
            match ended {
                Err(error) if error.code() == RecoveringError::Busy.code() && tries < TRIES_WHEN_BUSY => {
                    tries += 1;
                    sleep(PAUSE_WHEN_BUSY).await;
                }
                ended => return ended,
            }
        }
    }

    async fn talk(&mut self, channel: Channel, at: &[Multiaddr], stream: &mut Framed) -> Result<LetIn> {
        let device = self.seeds.device(self.device_name);
        let mut machine = Asker::new(channel, self.recovery, device, &entropy::secret(), clock::now())
            .map_err(|error| Error::new(error.code()))?;
        let mut outputs = machine.start();
        loop {
            for output in std::mem::take(&mut outputs) {
                match output {
                    Output::Send(frame) => stream.send(&frame).await?,
                    Output::Welcome { welcome, inception, answerer, certificate, context } => {
                        let by = (answerer, at);
                        let name = self.store(&welcome, &inception, by, &certificate, &context)?;
                        for output in machine.stored() {
                            if let Output::Send(frame) = output {
                                // The home is there: whether that was heard changes nothing.
                                drop(stream.send(&frame).await);
                            }
                        }
                        return Ok((answerer, name));
                    }
                    Output::Failed(error) => return Err(Error::new(error.code())),
                    Output::Finished | Output::Proved | Output::Enrol { .. } => {}
                }
            }
            let Some(deadline) = machine.deadline() else { return Err(Error::new("recover-broken")) };
            let left = deadline.millis_since(clock::now()).max(0).unsigned_abs();
            outputs = tokio::select! {
                frame = stream.recv() => match frame? {
                    Some(frame) => machine.handle(&frame, clock::now()),
                    None => return Err(Error::new("connection-lost")),
                },
                () = sleep(Duration::from_millis(left)) => machine.handle_time(clock::now()),
            };
        }
    }

    /// Writes the home, if this device is in the log as it asked to be; gives the name of the one that
    /// answered.
    fn store(
        &mut self,
        welcome: &Welcome,
        inception: &Signed<Inception>,
        by: (DeviceId, &[Multiaddr]),
        certificate: &Certificate,
        context: &[u8; 32],
    ) -> Result<String> {
        let broken = |_| Error::new("recover-broken");
        let (roster, statements) = statements_of(welcome, inception).map_err(broken)?;
        let devices = roster.owner().devices();
        let own = devices.get(&certificate.device).map(|device| &device.certificate);
        let (Some(other), true) = (devices.get(&by.0), own == Some(certificate)) else {
            return Err(Error::new("recover-broken"));
        };
        let name = other.certificate.name.clone();
        let epochs = self.seeds.open(welcome, context).map_err(broken)?;
        let epochs = with_right_keeper(epochs, &welcome.space, inception.body());
        let lock = self.lock.take().ok_or_else(|| Error::new("internal"))?;
        let given = Given { inception, welcome, epochs, statements, by, phrase_is_known: true };
        write_home(self.home, lock, self.vault, &self.seeds, given)?;
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_as_a_node_prints_it_or_as_people_write_it() {
        let texts =
            |text| -> Vec<String> { addresses_of(text).unwrap().iter().map(ToString::to_string).collect() };
        assert_eq!(texts("/ip4/192.0.2.7/udp/4001/quic-v1"), ["/ip4/192.0.2.7/udp/4001/quic-v1"]);
        assert_eq!(texts("192.0.2.7:4001"), ["/ip4/192.0.2.7/udp/4001/quic-v1", "/ip4/192.0.2.7/tcp/4001"]);
        assert_eq!(texts("[fd00::7]:4001")[1], "/ip6/fd00::7/tcp/4001");
        for bad in ["", "laptop", "192.0.2.7", "http://192.0.2.7:4001"] {
            assert_eq!(addresses_of(bad).unwrap_err().code(), "bad-address", "{bad}");
        }
    }
}
