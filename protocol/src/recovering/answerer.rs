//! The running device's side.

use super::{
    Door, EXCHANGE_MS, KnownWords, Output, RecoveringError,
    proof::{self, Exchange},
    words::{Phrase, Standing},
};
use crate::{
    codec::encode,
    crypto::{secret::Secret32, sign::SigningKey},
    id::DeviceId,
    identity::{
        certificate::Certificate,
        log::{Action, Author, Operation},
    },
    pairing::{
        Channel, MAX_FRAME_LEN, MAX_HANDSHAKE_FRAME_LEN, MAX_WELCOME_LEN, WELCOME_MS, Welcome,
        message::Message,
    },
    signed::Signed,
    time::Timestamp,
};

/// One exchange with a device that asks. Feed it frames ([`Answerer::handle`]) and time
/// ([`Answerer::handle_time`]); do what its [`Output`]s say. After [`Output::Failed`] or
/// [`Output::Finished`] it answers nothing.
pub struct Answerer {
    channel: Channel,
    words: KnownWords,
    entropy: Secret32,
    deadline: Timestamp,
    state: State,
}

enum State {
    Hello,
    /// For each phrase that may have opened the challenge.
    Claim(Vec<Exchange>),
    /// The driver's turn.
    Answering(Exchange),
    Enrolment(Exchange),
    /// The driver's turn.
    Enrolling(Exchange),
    Done(Exchange),
    Over,
}

type Step = Result<(State, Vec<Output>), Failure>;

/// An error and what to tell the asker: nothing, before it has proved that it is the person.
struct Failure {
    error: RecoveringError,
    farewell: Option<Vec<u8>>,
}

impl Failure {
    const fn silent(error: RecoveringError) -> Self {
        Self { error, farewell: None }
    }

    fn told(exchange: &mut Exchange, error: RecoveringError) -> Self {
        let farewell = exchange.session.seal(&Message::Refused(error.refusal()));
        Self { error, farewell: Some(farewell) }
    }
}

impl Answerer {
    /// An exchange over a connection between these two peers: the *joiner* is the one that asks.
    /// `entropy` was drawn for it.
    #[must_use]
    pub const fn new(channel: Channel, words: KnownWords, entropy: Secret32, now: Timestamp) -> Self {
        let deadline = now.plus_millis(EXCHANGE_MS);
        Self { channel, words, entropy, deadline, state: State::Hello }
    }

    /// When to call [`Answerer::handle_time`]; `None` when it is over.
    #[must_use]
    pub const fn deadline(&self) -> Option<Timestamp> {
        if matches!(self.state, State::Over) { None } else { Some(self.deadline) }
    }

    /// Takes a frame from the asker. The door is one for all exchanges of a node.
    pub fn handle(&mut self, door: &mut Door, frame: &[u8], now: Timestamp) -> Vec<Output> {
        let step = match self.take() {
            State::Hello => self.hello(door, frame, now),
            State::Claim(exchanges) => self.claimed(exchanges, frame),
            State::Enrolment(exchange) => self.enrolment(exchange, frame, now),
            State::Done(exchange) => done(exchange, frame),
            // The asker has nothing to say while it is our turn.
            State::Answering(mut exchange) | State::Enrolling(mut exchange) => {
                Err(Failure::told(&mut exchange, RecoveringError::Broken))
            }
            State::Over => return Vec::new(),
        };
        self.finish(step)
    }

    /// Ends the exchange if its deadline has passed.
    pub fn handle_time(&mut self, now: Timestamp) -> Vec<Output> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Vec::new();
        }
        self.abort(RecoveringError::Deadline)
    }

    /// Says which device this is, and the device log's signed operations, each after those it builds
    /// on. Never more than the log: secrets wait until the asker is in it.
    pub fn answer(&mut self, key: &SigningKey, operations: Vec<Vec<u8>>) -> Vec<Output> {
        let State::Answering(mut exchange) = self.take() else {
            return Vec::new();
        };
        let device = DeviceId::from_bytes(*key.verifying_key().as_bytes());
        let signature = exchange.prove(Author::Device(device), key);
        let inception = self.words.inception.clone();
        let frame = exchange.session.seal(&Message::Answer { inception, device, signature, operations });
        let step = sent(exchange, frame, State::Enrolment);
        self.finish(step)
    }

    /// The device is enrolled and that is durable: hands it what it needs.
    pub fn welcome(&mut self, welcome: Welcome) -> Vec<Output> {
        let State::Enrolling(mut exchange) = self.take() else {
            return Vec::new();
        };
        let frame = exchange.session.seal(&Message::Welcome(Box::new(welcome)));
        let step = sent(exchange, frame, State::Done);
        self.finish(step)
    }

    /// This device cannot let anybody in.
    pub fn refuse(&mut self) -> Vec<Output> {
        self.abort(RecoveringError::Refused)
    }

    fn hello(&self, door: &mut Door, frame: &[u8], now: Timestamp) -> Step {
        let message = Message::read(frame, MAX_HANDSHAKE_FRAME_LEN).map_err(silent)?;
        let Message::Hello { salt } = message else {
            return Err(Failure::silent(RecoveringError::Broken));
        };
        if !door.admit(now) {
            let farewell = Some(encode(&Message::Busy));
            return Err(Failure { error: RecoveringError::Busy, farewell });
        }
        let to = self.words.keys();
        let (exchanges, sealed) = Exchange::challenge(&self.channel, &to, &salt, &self.entropy)
            .ok_or(Failure::silent(RecoveringError::Broken))?;
        let challenge = encode(&Message::Challenge { salt: proof::salt(&self.entropy), sealed });
        Ok((State::Claim(exchanges), vec![Output::Send(challenge)]))
    }

    fn claimed(&self, exchanges: Vec<Exchange>, frame: &[u8]) -> Step {
        let mut failure = RecoveringError::Broken;
        for (mut exchange, phrase) in exchanges.into_iter().zip(&self.words.phrases) {
            match exchange.session.open(frame, MAX_HANDSHAKE_FRAME_LEN) {
                Ok(Message::Claim(signature)) => {
                    let proved = exchange.check(Author::Root, &phrase.keys.root, &signature);
                    proved.map_err(|_| Failure::silent(RecoveringError::Cheated))?;
                    return proved_by(phrase, exchange);
                }
                Ok(_) => return Err(Failure::silent(RecoveringError::Broken)),
                Err(error) => failure = error.into(),
            }
        }
        Err(Failure::silent(failure))
    }

    fn enrolment(&mut self, mut exchange: Exchange, frame: &[u8], now: Timestamp) -> Step {
        // It names the heads of the log, of which there may be many.
        let bytes = match exchange.session.open(frame, MAX_FRAME_LEN) {
            Ok(Message::Enrolment(bytes)) => bytes,
            Ok(_) => return Err(Failure::told(&mut exchange, RecoveringError::Broken)),
            Err(error) => return Err(Failure::told(&mut exchange, error.into())),
        };
        let (operation, certificate) =
            self.checked(&bytes).map_err(|error| Failure::told(&mut exchange, error))?;
        self.deadline = now.plus_millis(WELCOME_MS);
        let context = exchange.context(&bytes);
        Ok((
            State::Enrolling(exchange),
            vec![Output::Enrol { operation: Box::new(operation), certificate, context }],
        ))
    }

    /// What an enrolment says, if the root signed it and the device too.
    fn checked(&self, bytes: &[u8]) -> Result<(Signed<Operation>, Certificate), RecoveringError> {
        let operation = Signed::<Operation>::from_bytes(bytes)?;
        let Action::Enrol { certificate, device_signature, .. } = &operation.body().action else {
            return Err(RecoveringError::Broken);
        };
        let certificate = certificate.clone();
        // Only whoever has the first of the phrases comes so far, and that one speaks.
        let root = self.words.phrases.first().ok_or(RecoveringError::Broken)?.keys.root;
        if operation.body().author != Author::Root || certificate.person != self.words.person {
            return Err(RecoveringError::Cheated);
        }
        operation.verify(&root).map_err(|_| RecoveringError::Cheated)?;
        certificate.verify_countersignature(device_signature).map_err(|_| RecoveringError::Cheated)?;
        Ok((operation, certificate))
    }

    fn abort(&mut self, error: RecoveringError) -> Vec<Output> {
        let failure = match self.take() {
            State::Over => return Vec::new(),
            State::Hello | State::Claim(_) => Failure::silent(error),
            State::Answering(mut exchange)
            | State::Enrolment(mut exchange)
            | State::Enrolling(mut exchange)
            | State::Done(mut exchange) => Failure::told(&mut exchange, error),
        };
        self.finish(Err(failure))
    }

    const fn take(&mut self) -> State {
        std::mem::replace(&mut self.state, State::Over)
    }

    fn finish(&mut self, step: Step) -> Vec<Output> {
        match step {
            Ok((state, outputs)) => {
                self.state = state;
                outputs
            }
            Err(Failure { error, farewell }) => {
                farewell.map(Output::Send).into_iter().chain([Output::Failed(error)]).collect()
            }
        }
    }
}

/// What becomes of whoever proved to have a phrase.
fn proved_by(phrase: &Phrase, mut exchange: Exchange) -> Step {
    match &phrase.standing {
        Standing::Present => Ok((State::Answering(exchange), vec![Output::Proved])),
        Standing::Replaced(by) => {
            let farewell = Some(exchange.session.seal(&Message::Replaced(by.to_bytes())));
            Err(Failure { error: RecoveringError::WordsReplaced, farewell })
        }
        Standing::Frozen => Err(Failure::told(&mut exchange, RecoveringError::Refused)),
    }
}

fn silent(error: crate::pairing::PairingError) -> Failure {
    Failure::silent(error.into())
}

fn sent(mut exchange: Exchange, frame: Vec<u8>, next: fn(Exchange) -> State) -> Step {
    if frame.len() > MAX_WELCOME_LEN {
        return Err(Failure::told(&mut exchange, RecoveringError::Broken));
    }
    Ok((next(exchange), vec![Output::Send(frame)]))
}

fn done(mut exchange: Exchange, frame: &[u8]) -> Step {
    match exchange.session.open(frame, MAX_HANDSHAKE_FRAME_LEN).map_err(silent)? {
        Message::Done => Ok((State::Over, vec![Output::Finished])),
        _ => Err(Failure::silent(RecoveringError::Broken)),
    }
}
