//! The bare device's side.

use super::{
    EXCHANGE_MS, Output, RecoveringError,
    proof::{self, Exchange},
};
use crate::{
    codec::encode,
    crypto::{
        secret::Secret32,
        sign::{Signature, VerifyingKey},
    },
    id::DeviceId,
    identity::{
        certificate::Certificate,
        log::{Action, Author, DeviceLog, Operation},
        person::{Inception, Recovery},
    },
    pairing::{
        Channel, MAX_HANDSHAKE_FRAME_LEN, MAX_WELCOME_LEN, WELCOME_MS, joiner::NewDevice, message::Message,
    },
    signed::Signed,
    time::Timestamp,
};

/// The exchange with whoever listens at an address. Begin with [`Asker::start`], then feed it frames
/// ([`Asker::handle`]) and time ([`Asker::handle_time`]). After [`Output::Failed`] or
/// [`Output::Finished`] it answers nothing.
pub struct Asker<'a> {
    channel: Channel,
    recovery: &'a Recovery,
    device: NewDevice,
    salt: [u8; 32],
    deadline: Timestamp,
    state: State,
}

enum State {
    Challenge,
    Answer(Exchange),
    Welcome { exchange: Exchange, offer: Offer },
    Storing(Exchange),
    Over,
}

/// Who answered, whose device that is, and as what this one asked to be let in.
struct Offer {
    inception: Box<Signed<Inception>>,
    answerer: DeviceId,
    certificate: Certificate,
    context: [u8; 32],
}

type Step = Result<(State, Vec<Output>), RecoveringError>;

impl<'a> Asker<'a> {
    /// An exchange over a connection between these two peers: the *joiner* is this device.
    /// `entropy` was drawn for it.
    ///
    /// # Errors
    /// [`RecoveringError::Broken`] when the name cannot be shown (see [`Certificate::is_name_valid`]).
    pub fn new(
        channel: Channel,
        recovery: &'a Recovery,
        device: NewDevice,
        entropy: &Secret32,
        now: Timestamp,
    ) -> Result<Self, RecoveringError> {
        if !Certificate::is_name_valid(&device.name) {
            return Err(RecoveringError::Broken);
        }
        Ok(Self {
            channel,
            recovery,
            device,
            salt: proof::salt(entropy),
            deadline: now.plus_millis(EXCHANGE_MS),
            state: State::Challenge,
        })
    }

    /// The first frame.
    #[must_use]
    pub fn start(&self) -> Vec<Output> {
        vec![Output::Send(encode(&Message::Hello { salt: self.salt }))]
    }

    /// When to call [`Asker::handle_time`]; `None` when it is over.
    #[must_use]
    pub const fn deadline(&self) -> Option<Timestamp> {
        if matches!(self.state, State::Over) { None } else { Some(self.deadline) }
    }

    /// Takes a frame from the answerer.
    pub fn handle(&mut self, frame: &[u8], now: Timestamp) -> Vec<Output> {
        let step = match self.take() {
            State::Challenge => self.challenged(frame),
            State::Answer(exchange) => self.answered(exchange, frame, now),
            State::Welcome { exchange, offer } => welcomed(exchange, offer, frame),
            State::Storing(_) => Err(RecoveringError::Broken),
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

    /// Ends the exchange if its deadline has passed.
    pub fn handle_time(&mut self, now: Timestamp) -> Vec<Output> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Vec::new();
        }
        self.state = State::Over;
        vec![Output::Failed(RecoveringError::Deadline)]
    }

    /// The welcome is checked and durable.
    pub fn stored(&mut self) -> Vec<Output> {
        let State::Storing(mut exchange) = self.take() else {
            return Vec::new();
        };
        vec![Output::Send(exchange.session.seal(&Message::Done)), Output::Finished]
    }

    fn challenged(&self, frame: &[u8]) -> Step {
        let (salt, sealed) = match Message::read(frame, MAX_HANDSHAKE_FRAME_LEN)? {
            Message::Challenge { salt, sealed } => (salt, sealed),
            Message::Busy => return Err(RecoveringError::Busy),
            _ => return Err(RecoveringError::Broken),
        };
        let exchange = Exchange::open(&self.channel, self.recovery.kem(), (&self.salt, &salt), &sealed);
        let mut exchange = exchange.ok_or(RecoveringError::OtherPerson)?;
        let claim = Message::Claim(exchange.prove(Author::Root, self.recovery.root()));
        let frame = exchange.session.seal(&claim);
        Ok((State::Answer(exchange), vec![Output::Send(frame)]))
    }

    fn answered(&mut self, mut exchange: Exchange, frame: &[u8], now: Timestamp) -> Step {
        let (inception, device, signature, operations) = match open(&mut exchange, frame)? {
            Message::Answer { inception, device, signature, operations } => {
                (inception, device, signature, operations)
            }
            Message::Replaced(by) => return Err(self.replaced(&by)),
            _ => return Err(RecoveringError::Broken),
        };
        let inception = Signed::<Inception>::from_bytes(&inception)?;
        let log = self.log_of(&inception, &operations)?;
        check_answerer(&exchange, &log, &device, &signature)?;
        let (certificate, operation) = self.enrolment(log)?;
        let bytes = operation.to_bytes();
        let context = exchange.context(&bytes);
        let frame = exchange.session.seal(&Message::Enrolment(bytes));
        self.deadline = now.plus_millis(WELCOME_MS);
        let offer = Offer { inception: Box::new(inception), answerer: device, certificate, context };
        Ok((State::Welcome { exchange, offer }, vec![Output::Send(frame)]))
    }

    /// The log of the person for whom these words speak; any other is refused. That they do is not for
    /// others to say: to be put into a log takes their own root's consent.
    fn log_of(
        &self,
        inception: &Signed<Inception>,
        operations: &[Vec<u8>],
    ) -> Result<DeviceLog, RecoveringError> {
        let person = inception.person().map_err(|_| RecoveringError::Cheated)?;
        let mut log = DeviceLog::new(person, inception.body());
        for bytes in operations {
            let operation = Signed::<Operation>::from_bytes(bytes)?;
            log.apply(operation).map_err(|_| RecoveringError::Cheated)?;
        }
        if log.root() == Some(&self.recovery.keys()) { Ok(log) } else { Err(RecoveringError::Cheated) }
    }

    /// Whether other words are in the place of these is not for others to say either: their root did.
    fn replaced(&self, by: &[u8]) -> RecoveringError {
        let Ok(operation) = Signed::<Operation>::from_bytes(by) else { return RecoveringError::Broken };
        let is_by_us = operation.verify(&self.recovery.root().verifying_key()).is_ok();
        match (&operation.body().action, operation.body().author) {
            (Action::Replace(_), Author::Root) if is_by_us => RecoveringError::WordsReplaced,
            _ => RecoveringError::Cheated,
        }
    }

    /// What this device asks to be, and the operation by which the root makes it that. It must hold
    /// in the log: one that is full takes nobody in.
    fn enrolment(&self, mut log: DeviceLog) -> Result<(Certificate, Signed<Operation>), RecoveringError> {
        let certificate = Certificate {
            person: log.person(),
            device: DeviceId::from_bytes(*self.device.key.verifying_key().as_bytes()),
            kem: self.device.kem,
            name: self.device.name.clone(),
            admin: true,
        };
        let device_signature = certificate.countersign(&self.device.key);
        let action = Action::Enrol { certificate: certificate.clone(), device_signature, verified: true };
        let operation = log.sign(Author::Root, action, self.recovery.root());
        log.apply(operation.clone()).map_err(|_| RecoveringError::Refused)?;
        Ok((certificate, operation))
    }

    const fn take(&mut self) -> State {
        std::mem::replace(&mut self.state, State::Over)
    }
}

/// Whoever answers must be a device of the log now, and be there now.
fn check_answerer(
    exchange: &Exchange,
    log: &DeviceLog,
    device: &DeviceId,
    signature: &Signature,
) -> Result<(), RecoveringError> {
    let key = VerifyingKey::from_bytes(*device.as_bytes());
    exchange.check(Author::Device(*device), &key, signature).map_err(|_| RecoveringError::Cheated)?;
    if log.has_ended(device) {
        return Err(RecoveringError::DeviceRevoked);
    }
    log.devices().contains_key(device).then_some(()).ok_or(RecoveringError::Cheated)
}

fn welcomed(mut exchange: Exchange, offer: Offer, frame: &[u8]) -> Step {
    let Message::Welcome(welcome) = open(&mut exchange, frame)? else {
        return Err(RecoveringError::Broken);
    };
    let Offer { inception, answerer, certificate, context } = offer;
    let output = Output::Welcome { welcome, inception, answerer, certificate, context };
    Ok((State::Storing(exchange), vec![output]))
}

/// Opens a frame; a refusal becomes the error that it stands for.
fn open(exchange: &mut Exchange, frame: &[u8]) -> Result<Message, RecoveringError> {
    match exchange.session.open(frame, MAX_WELCOME_LEN)? {
        Message::Refused(refusal) => Err(crate::pairing::PairingError::from(refusal).into()),
        message => Ok(message),
    }
}
