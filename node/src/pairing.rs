//! The inviting side's shell: one open invitation, at most one device that is being let in.
//!
//! The machine is in [`musette_protocol::pairing`]; here are its clock, its stream, and the person
//! who types words through the API.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use libp2p::Multiaddr;
use musette_crdt::date::rfc3339;
use musette_protocol::{
    crypto::sign::Signature,
    id::DeviceId,
    identity::{
        certificate::Certificate,
        log::{Action, Author},
    },
    pairing::{
        Channel, Invitation, Inviter, InviterStatement, Output, PairingError, Ticket, TicketSecret, Welcome,
        ticket::{LIFETIME_MS, MAX_ADDRESSES},
        words,
    },
    record::Payload,
    time::Timestamp,
};
use serde_json::{Value as Json, json};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Duration, sleep},
};

use crate::{
    clock, entropy,
    error::{Error, Result},
    net::{Endpoint, Framed},
    store::{Store, relays::is_relay_ticket},
    sync::Network,
    welcome::welcome,
};

/// Where an invitation stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    None,
    Waiting,
    Confirm {
        device: String,
    },
    Joined {
        device: String,
    },
    Failed {
        reason: &'static str,
    },
}

/// Words that the person typed, and where the verdict goes.
struct Typed {
    words: String,
    verdict: oneshot::Sender<Result<()>>,
}

#[derive(Default)]
struct State {
    invitation: Option<Invitation>,
    unattended: bool,
    stage: Stage,
    typed: Option<mpsc::Sender<Typed>>,
}

/// The pairing of one node; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Pairing {
    state: Arc<Mutex<State>>,
    changed: watch::Sender<u64>,
}

impl Pairing {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_stage(&self, stage: Stage) {
        self.state().stage = stage;
        self.changed.send_modify(|generation| *generation += 1);
    }

    /// Changes whenever the stage does.
    pub(crate) fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Opens an invitation in place of one before it.
    pub(crate) fn open(&self, endpoint: &Endpoint, unattended: bool) -> Result<Json> {
        let mut addresses = endpoint.addresses();
        addresses.truncate(MAX_ADDRESSES);
        if addresses.is_empty() {
            return Err(Error::new("no-address"));
        }
        let ticket = Ticket {
            addresses: addresses.iter().map(Multiaddr::to_vec).collect(),
            peer: endpoint.peer_id().to_bytes(),
            secret: TicketSecret::from_bytes(entropy::bytes()),
            expires: clock::now().plus_millis(LIFETIME_MS),
        };
        let answer = json!({ "ticket": ticket.to_string(), "expires": rfc3339(ticket.expires) });
        let mut state = self.state();
        state.invitation = Some(Invitation::new(ticket));
        state.unattended = unattended;
        state.typed = None;
        drop(state);
        self.set_stage(Stage::Waiting);
        Ok(answer)
    }

    /// Where things stand, for the API.
    pub(crate) fn to_json(&self) -> Json {
        let state = self.state();
        let expires = state.invitation.as_ref().map(|invitation| invitation.ticket().expires);
        let expired = expires.is_some_and(|expires| clock::now() >= expires);
        let (name, device, reason) = match &state.stage {
            Stage::Waiting if expired => ("failed", None, Some("ticket-expired")),
            Stage::None => ("none", None, None),
            Stage::Waiting => ("waiting", None, None),
            Stage::Confirm { device } => ("confirm", Some(device.as_str()), None),
            Stage::Joined { device } => ("joined", Some(device.as_str()), None),
            Stage::Failed { reason } => ("failed", None, Some(*reason)),
        };
        json!({ "state": name, "device": device, "reason": reason, "expires": expires.and_then(rfc3339) })
    }

    /// Gives typed words to the device that waits for them.
    pub(crate) async fn confirm(&self, words: &str) -> Result<()> {
        let typed = self.state().typed.clone().ok_or_else(|| Error::new("no-pairing"))?;
        let (verdict, receiver) = oneshot::channel();
        let sent = typed.send(Typed { words: words.to_owned(), verdict }).await;
        sent.map_err(|_| Error::new("no-pairing"))?;
        receiver.await.map_err(|_| Error::new("no-pairing"))?
    }

    /// Whether a device waits for words.
    pub(crate) fn awaits_words(&self) -> bool {
        matches!(self.state().stage, Stage::Confirm { .. })
    }

    /// Talks with a device that opened a pairing stream.
    pub(crate) async fn invite(&self, network: &Network, channel: Channel, stream: Framed) {
        let statement = network.driver.run(|store| {
            Ok(InviterStatement {
                inception: store.keys().inception.clone(),
                device: store.device(),
                admin: true,
            })
        });
        let Ok(statement) = statement.await else { return };
        let Ok(machine) = Inviter::new(channel, statement, &entropy::secret(), clock::now()) else { return };
        let (sender, typed) = mpsc::channel(1);
        let letting_in = LettingIn {
            pairing: self.clone(),
            network: network.clone(),
            machine,
            stream,
            sender,
            name: None,
            words: None,
        };
        letting_in.run(typed).await;
    }
}

/// One session with a device that wants to join.
struct LettingIn {
    pairing: Pairing,
    network: Network,
    machine: Inviter,
    stream: Framed,
    sender: mpsc::Sender<Typed>,
    /// The joining device's name, once it proved to hold the ticket.
    name: Option<String>,
    /// The words it shows: the machine forgets them once it goes on.
    words: Option<[u16; 3]>,
}

impl LettingIn {
    async fn run(mut self, mut typed: mpsc::Receiver<Typed>) {
        while let Some(deadline) = self.machine.deadline() {
            let left = deadline.millis_since(clock::now()).max(0).unsigned_abs();
            let outputs = tokio::select! {
                frame = self.stream.recv() => match frame {
                    Ok(Some(frame)) => self.handle(&frame),
                    // It hung up, or the line is broken.
                    _ => self.machine.refuse(),
                },
                Some(typed) = typed.recv() => self.typed(typed),
                () = sleep(Duration::from_millis(left)) => self.machine.handle_time(clock::now()),
            };
            if !self.carry_out(outputs).await {
                break;
            }
        }
        drop(self.stream.close().await);
    }

    fn handle(&mut self, frame: &[u8]) -> Vec<Output> {
        let mut state = self.pairing.state();
        match &mut state.invitation {
            Some(invitation) => self.machine.handle(invitation, frame, clock::now()),
            None => self.machine.refuse(),
        }
    }

    fn typed(&mut self, typed: Typed) -> Vec<Output> {
        match self.machine.confirm(&typed.words, clock::now()) {
            Ok(outputs) => {
                let failed = outputs.iter().any(|output| matches!(output, Output::Failed(_)));
                let verdict = if failed { Err(Error::new("words-mismatch")) } else { Ok(()) };
                drop(typed.verdict.send(verdict));
                outputs
            }
            Err(error) => {
                drop(typed.verdict.send(Err(Error::new(error.code()))));
                Vec::new()
            }
        }
    }

    /// False when it is over.
    async fn carry_out(&mut self, outputs: Vec<Output>) -> bool {
        let mut outputs: std::collections::VecDeque<Output> = outputs.into();
        while let Some(output) = outputs.pop_front() {
            match output {
                Output::Send(frame) => {
                    if self.stream.send(&frame).await.is_err() {
                        outputs.extend(self.machine.refuse());
                    }
                }
                Output::AskConfirmation { name } => {
                    self.name = Some(name.clone());
                    self.words = self.machine.words();
                    let unattended = {
                        let mut state = self.pairing.state();
                        state.typed = Some(self.sender.clone());
                        state.unattended
                    };
                    if unattended {
                        outputs.extend(self.machine.accept_unverified(clock::now()));
                    } else {
                        self.pairing.set_stage(Stage::Confirm { device: name });
                    }
                }
                Output::Enrol { certificate, device_signature, verified, context } => {
                    let words = self.words;
                    let enrolled = self.enrol(certificate, device_signature, verified, context, words).await;
                    outputs.extend(match enrolled {
                        Ok(welcome) => self.machine.welcome(welcome),
                        Err(_) => self.machine.refuse(),
                    });
                }
                Output::Finished => {
                    let device = self.name.take().unwrap_or_default();
                    self.end(Stage::Joined { device });
                    return false;
                }
                Output::Failed(error) => {
                    self.failed(error);
                    return false;
                }
                Output::Words(_) | Output::Welcome { .. } => {}
            }
        }
        true
    }

    /// A stranger, or a late joiner, must not end what goes on with another device.
    fn failed(&self, error: PairingError) {
        tracing::info!(code = error.code(), "a pairing ended");
        if self.name.is_some() {
            self.end(Stage::Failed { reason: error.code() });
        }
    }

    fn end(&self, stage: Stage) {
        self.pairing.state().typed = None;
        self.pairing.set_stage(stage);
    }

    async fn enrol(
        &self,
        certificate: Certificate,
        device_signature: Signature,
        verified: bool,
        context: [u8; 32],
        words: Option<[u16; 3]>,
    ) -> Result<Welcome> {
        let driver = &self.network.driver;
        driver
            .run(move |store| {
                let (device, kem, admin) = (certificate.device, certificate.kem, certificate.admin);
                enrol(store, Action::Enrol { certificate, device_signature, verified })?;
                if let (false, Some(words)) = (verified, words) {
                    store.change_keys(|keys| {
                        keys.words.insert(device, words);
                    })?;
                }
                welcome(store, &kem, admin, &context)
            })
            .await
    }
}

fn enrol(store: &mut Store, action: Action) -> Result<()> {
    let author = Author::Device(store.device());
    let operation = store.state().log().sign(author, action, store.device_key());
    store.write_statement(Payload::Operation(operation))
}

/// Marks a device that joined unattended as verified, if these are its words.
pub(crate) fn vouch(store: &mut Store, typed: &str) -> Result<DeviceId> {
    if store.keys().words.is_empty() {
        return Err(Error::new("no-pairing"));
    }
    let readings = words::readings(typed);
    let found = store.keys().words.iter().find(|(_, words)| readings.contains(words));
    let device = *found.ok_or_else(|| Error::new("words-mismatch"))?.0;
    enrol(store, Action::Vouch { device })?;
    store.change_keys(|keys| {
        keys.words.remove(&device);
    })?;
    Ok(device)
}

/// Reads a ticket, and says at once when it cannot be used any more.
pub(crate) fn parse_ticket(text: &str, now: Timestamp) -> Result<Ticket> {
    if is_relay_ticket(text) {
        return Err(Error::new("ticket-is-a-relays"));
    }
    let ticket: Ticket =
        text.parse().map_err(|error: musette_protocol::pairing::TicketError| Error::new(error.code()))?;
    ticket.check_time(now).map_err(|error| Error::new(error.code()))?;
    Ok(ticket)
}
