//! The joining side.

use super::{
    CONFIRMATION_MS, Channel, HANDSHAKE_MS, InviterStatement, JoinerStatement, MAX_HANDSHAKE_FRAME_LEN,
    MAX_WELCOME_LEN, Output, PairingError, Ticket, WELCOME_MS,
    message::Message,
    transcript::{Randomness, Session, Side},
};
use crate::{
    codec::encode,
    crypto::{kem::KemPublic, secret::Secret32, sign::SigningKey},
    id::DeviceId,
    identity::{certificate::Certificate, person::Inception},
    signed::Signed,
    time::Timestamp,
};

/// The new device's own keys and name.
pub struct NewDevice {
    /// Signs the certificate.
    pub key: SigningKey,
    /// What secrets will be sealed to.
    pub kem: KemPublic,
    /// What its person calls it.
    pub name: String,
}

/// The session with the inviting device. Begin with [`Joiner::start`], then feed it frames
/// ([`Joiner::handle`]) and time ([`Joiner::handle_time`]). After [`Output::Failed`] or
/// [`Output::Finished`] it answers nothing.
pub struct Joiner {
    ticket: Ticket,
    channel: Channel,
    device: NewDevice,
    salt: [u8; 32],
    reveal: Message,
    deadline: Timestamp,
    state: State,
}

enum State {
    Hello,
    Commit(Session),
    Reveal { session: Session, commitment: [u8; 32] },
    Welcome { session: Session, offer: Offer },
    Storing(Session),
    Over,
}

/// What the inviter revealed, as far as it is still needed.
struct Offer {
    inception: Vec<u8>,
    certificate: Certificate,
    context: [u8; 32],
}

type Step = Result<(State, Vec<Output>), PairingError>;

impl Joiner {
    /// A session with the peer that the ticket names. `entropy` was drawn for it.
    ///
    /// # Errors
    /// [`PairingError::NotInvited`] when the connection leads to another peer than the ticket's;
    /// [`PairingError::Broken`] when the name cannot be shown (see [`Certificate::is_name_valid`]).
    pub fn new(
        ticket: Ticket,
        channel: Channel,
        device: NewDevice,
        entropy: &Secret32,
        now: Timestamp,
    ) -> Result<Self, PairingError> {
        // Whoever photographed the ticket has the secret, not the inviter's transport key.
        if channel.inviter != ticket.peer {
            return Err(PairingError::NotInvited);
        }
        if !Certificate::is_name_valid(&device.name) {
            return Err(PairingError::Broken);
        }
        let Randomness { salt, nonce } = Randomness::from_entropy(entropy);
        let statement = JoinerStatement {
            device: DeviceId::from_bytes(*device.key.verifying_key().as_bytes()),
            kem: device.kem,
            name: device.name.clone(),
        };
        Ok(Self {
            ticket,
            channel,
            device,
            salt,
            reveal: Message::JoinerReveal { nonce, statement },
            deadline: now.plus_millis(HANDSHAKE_MS),
            state: State::Hello,
        })
    }

    /// The first frame.
    #[must_use]
    pub fn start(&self) -> Vec<Output> {
        vec![Output::Send(encode(&Message::Hello { salt: self.salt }))]
    }

    /// When to call [`Joiner::handle_time`]; `None` when it is over.
    #[must_use]
    pub const fn deadline(&self) -> Option<Timestamp> {
        if matches!(self.state, State::Over) { None } else { Some(self.deadline) }
    }

    /// Takes a frame from the inviter.
    pub fn handle(&mut self, frame: &[u8], now: Timestamp) -> Vec<Output> {
        let step = match self.take() {
            State::Hello => self.hello(frame),
            State::Commit(session) => self.committed(session, frame),
            State::Reveal { session, commitment } => self.revealed(session, commitment, frame, now),
            State::Welcome { session, offer } => self.welcomed(session, offer, frame, now),
            State::Storing(_) => Err(PairingError::Broken),
            State::Over => return Vec::new(),
        };
        match step {
            Ok((state, outputs)) => {
                self.state = state;
                outputs
            }
            Err(error) => vec![Output::Failed(error)],
        }
    }

    /// Ends the session if its deadline has passed.
    pub fn handle_time(&mut self, now: Timestamp) -> Vec<Output> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Vec::new();
        }
        self.state = State::Over;
        vec![Output::Failed(PairingError::Deadline)]
    }

    /// The welcome is checked and durable.
    pub fn stored(&mut self) -> Vec<Output> {
        let State::Storing(mut session) = self.take() else {
            return Vec::new();
        };
        vec![Output::Send(session.seal(&Message::Done)), Output::Finished]
    }

    fn hello(&self, frame: &[u8]) -> Step {
        let salt = match Message::read(frame, MAX_HANDSHAKE_FRAME_LEN)? {
            Message::Hello { salt } => salt,
            Message::NotInvited => return Err(PairingError::NotInvited),
            _ => return Err(PairingError::Broken),
        };
        let mut session = Session::new(Side::Joiner, &self.ticket.secret, &self.channel, &self.salt, &salt);
        let own = Message::Commit(session.commitment(&self.reveal));
        let commit = session.seal(&own);
        Ok((State::Commit(session), vec![Output::Send(commit)]))
    }

    fn committed(&self, mut session: Session, frame: &[u8]) -> Step {
        // The inviter could not open our commitment: it knows another secret, or none.
        if Message::read(frame, MAX_HANDSHAKE_FRAME_LEN)? == Message::NotInvited {
            return Err(PairingError::NotInvited);
        }
        let Message::Commit(commitment) = open(&mut session, frame, MAX_HANDSHAKE_FRAME_LEN)? else {
            return Err(PairingError::Broken);
        };
        let reveal = session.seal(&self.reveal);
        Ok((State::Reveal { session, commitment }, vec![Output::Send(reveal)]))
    }

    fn revealed(&mut self, mut session: Session, commitment: [u8; 32], frame: &[u8], now: Timestamp) -> Step {
        let reveal = open(&mut session, frame, MAX_HANDSHAKE_FRAME_LEN)?;
        if session.commitment(&reveal) != commitment {
            return Err(PairingError::Cheated);
        }
        let agreed = session.agree(&self.reveal, &reveal);
        let Message::InviterReveal { statement, .. } = reveal else {
            return Err(PairingError::Broken);
        };
        let certificate = self.certificate(&statement)?;
        let signature = certificate.countersign(&self.device.key);
        let consent = session.seal(&Message::Countersigned(signature));
        self.deadline = now.plus_millis(CONFIRMATION_MS + WELCOME_MS);
        let offer = Offer { inception: statement.inception, certificate, context: agreed.context };
        Ok((State::Welcome { session, offer }, vec![Output::Words(agreed.words), Output::Send(consent)]))
    }

    /// What this device agrees to be, composed here: nothing is signed because it was sent.
    fn certificate(&self, statement: &InviterStatement) -> Result<Certificate, PairingError> {
        let inception = Signed::<Inception>::from_bytes(&statement.inception)?;
        Ok(Certificate {
            person: inception.person().map_err(|_| PairingError::Cheated)?,
            device: DeviceId::from_bytes(*self.device.key.verifying_key().as_bytes()),
            kem: self.device.kem,
            name: self.device.name.clone(),
            admin: statement.admin,
        })
    }

    fn welcomed(&mut self, mut session: Session, offer: Offer, frame: &[u8], now: Timestamp) -> Step {
        let Message::Welcome(welcome) = open(&mut session, frame, MAX_WELCOME_LEN)? else {
            return Err(PairingError::Broken);
        };
        self.deadline = now.plus_millis(WELCOME_MS);
        let Offer { inception, certificate, context } = offer;
        let output = Output::Welcome { welcome, inception, certificate, context };
        Ok((State::Storing(session), vec![output]))
    }

    const fn take(&mut self) -> State {
        std::mem::replace(&mut self.state, State::Over)
    }
}

/// Opens a frame; a refusal becomes the error that it stands for.
fn open(session: &mut Session, frame: &[u8], max_len: usize) -> Result<Message, PairingError> {
    match session.open(frame, max_len)? {
        Message::Refused(refusal) => Err(refusal.into()),
        message => Ok(message),
    }
}
