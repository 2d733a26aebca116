//! The inviting side.

use super::{
    CONFIRMATION_MS, Channel, HANDSHAKE_MS, InviterStatement, MAX_HANDSHAKE_FRAME_LEN, MAX_WELCOME_LEN,
    MAX_WORD_ATTEMPTS, Output, PairingError, Ticket, WELCOME_MS, Welcome,
    error::Refusal,
    message::{Message, not_invited},
    transcript::{Agreed, Randomness, Session, Side},
    words,
};
use crate::{
    codec::encode,
    crypto::{secret::Secret32, sign::Signature},
    id::PersonId,
    identity::{certificate::Certificate, person::Inception},
    signed::Signed,
    time::Timestamp,
};

/// A ticket that was shown, and whether somebody used it. One per ticket, shared by all sessions
/// that come in; kept for a while after its end, so that late joiners hear why they are refused.
#[derive(Debug)]
pub struct Invitation {
    ticket: Ticket,
    used: bool,
}

impl Invitation {
    /// An unused one.
    #[must_use]
    pub const fn new(ticket: Ticket) -> Self {
        Self { ticket, used: false }
    }

    /// What to show.
    #[must_use]
    pub const fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    /// Whether a device that held the secret has come.
    #[must_use]
    pub const fn is_used(&self) -> bool {
        self.used
    }

    /// The first device to prove that it holds the secret takes the ticket.
    fn take(&mut self, now: Timestamp) -> Result<(), PairingError> {
        if self.used {
            return Err(PairingError::TicketUsed);
        }
        self.ticket.check_time(now).map_err(|_| PairingError::TicketExpired)?;
        self.used = true;
        Ok(())
    }
}

/// One session with a device that wants to join. Feed it frames ([`Inviter::handle`]) and time
/// ([`Inviter::handle_time`]); do what its [`Output`]s say. After [`Output::Failed`] or
/// [`Output::Finished`] it answers nothing.
pub struct Inviter {
    channel: Channel,
    person: PersonId,
    admin: bool,
    salt: [u8; 32],
    reveal: Message,
    deadline: Timestamp,
    state: State,
}

enum State {
    Hello,
    Commit(Session),
    Reveal { session: Session, commitment: [u8; 32] },
    Countersignature { session: Session, agreed: Agreed, certificate: Certificate },
    Confirmation { session: Session, agreed: Agreed, consent: Consent, attempts_left: u8 },
    Enrolling { session: Session },
    Done { session: Session },
    Over,
}

/// A certificate that its device signed.
struct Consent {
    certificate: Certificate,
    device_signature: Signature,
}

type Step = Result<(State, Vec<Output>), Failure>;

/// An error and what to tell the joiner.
struct Failure {
    error: PairingError,
    farewell: Option<Vec<u8>>,
}

impl Failure {
    /// Told to somebody who has not shown that it holds the secret: the same whatever the reason.
    fn to_stranger(error: PairingError) -> Self {
        Self { error, farewell: Some(not_invited()) }
    }

    fn told(session: &mut Session, error: PairingError) -> Self {
        let farewell = session.seal(&Message::Refused(Refusal::from(error)));
        Self { error, farewell: Some(farewell) }
    }
}

impl Inviter {
    /// A session over a connection between these two peers. `entropy` was drawn for it.
    ///
    /// # Errors
    /// [`PairingError::Broken`] when our own `statement` holds no valid inception.
    pub fn new(
        channel: Channel,
        statement: InviterStatement,
        entropy: &Secret32,
        now: Timestamp,
    ) -> Result<Self, PairingError> {
        let inception = Signed::<Inception>::from_bytes(&statement.inception)?;
        let person = inception.person().map_err(|_| PairingError::Broken)?;
        let Randomness { salt, nonce } = Randomness::from_entropy(entropy);
        Ok(Self {
            channel,
            person,
            admin: statement.admin,
            salt,
            reveal: Message::InviterReveal { nonce, statement },
            deadline: now.plus_millis(HANDSHAKE_MS),
            state: State::Hello,
        })
    }

    /// The words that the joiner shows, once they are known. For comparing afterwards; asking for
    /// them is better than showing them.
    #[must_use]
    pub const fn words(&self) -> Option<[u16; 3]> {
        match &self.state {
            State::Countersignature { agreed, .. } | State::Confirmation { agreed, .. } => Some(agreed.words),
            _ => None,
        }
    }

    /// When to call [`Inviter::handle_time`]; `None` when it is over.
    #[must_use]
    pub const fn deadline(&self) -> Option<Timestamp> {
        if matches!(self.state, State::Over) { None } else { Some(self.deadline) }
    }

    /// Takes a frame from the joiner.
    pub fn handle(&mut self, invitation: &mut Invitation, frame: &[u8], now: Timestamp) -> Vec<Output> {
        let state = self.take();
        let step = match state {
            State::Hello => self.hello(&invitation.ticket, frame),
            State::Commit(session) => self.commit(session, invitation, frame, now),
            State::Reveal { session, commitment } => self.revealed(session, commitment, frame),
            State::Countersignature { session, agreed, certificate } => {
                self.countersigned(session, agreed, certificate, frame, now)
            }
            State::Done { session } => done(session, frame),
            // The joiner has nothing to say while it is our turn.
            State::Confirmation { mut session, .. } | State::Enrolling { mut session } => {
                Err(Failure::told(&mut session, PairingError::Broken))
            }
            State::Over => return Vec::new(),
        };
        self.finish(step)
    }

    /// Ends the session if its deadline has passed.
    pub fn handle_time(&mut self, now: Timestamp) -> Vec<Output> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Vec::new();
        }
        self.abort(PairingError::Deadline)
    }

    /// The person typed the words that the joiner shows. Wrong words may be typed again,
    /// [`MAX_WORD_ATTEMPTS`] times in all.
    ///
    /// # Errors
    /// [`PairingError::WordsMismatch`] while there are attempts left; after the last one, the
    /// outputs hold the failure.
    pub fn confirm(&mut self, typed: &str, now: Timestamp) -> Result<Vec<Output>, PairingError> {
        if let State::Confirmation { agreed, attempts_left, .. } = &mut self.state
            && !words::readings(typed).contains(&agreed.words)
        {
            *attempts_left -= 1;
            if *attempts_left == 0 {
                return Ok(self.abort(PairingError::WordsMismatch));
            }
            return Err(PairingError::WordsMismatch);
        }
        Ok(self.enrol(true, now))
    }

    /// Goes on without comparing words: the device will be marked unverified.
    pub fn accept_unverified(&mut self, now: Timestamp) -> Vec<Output> {
        self.enrol(false, now)
    }

    /// The person does not want this device, or enrolling failed here.
    pub fn refuse(&mut self) -> Vec<Output> {
        self.abort(PairingError::Refused)
    }

    /// The device is enrolled and that is durable: hands it what it needs.
    pub fn welcome(&mut self, welcome: Welcome) -> Vec<Output> {
        let State::Enrolling { mut session } = self.take() else {
            return Vec::new();
        };
        let frame = session.seal(&Message::Welcome(Box::new(welcome)));
        let step = if frame.len() > MAX_WELCOME_LEN {
            Err(Failure::told(&mut session, PairingError::Broken))
        } else {
            Ok((State::Done { session }, vec![Output::Send(frame)]))
        };
        self.finish(step)
    }

    fn hello(&self, ticket: &Ticket, frame: &[u8]) -> Step {
        let message = Message::read(frame, MAX_HANDSHAKE_FRAME_LEN).map_err(Failure::to_stranger)?;
        let Message::Hello { salt } = message else {
            return Err(Failure::to_stranger(PairingError::Broken));
        };
        let session = Session::new(Side::Inviter, &ticket.secret, &self.channel, &salt, &self.salt);
        let answer = encode(&Message::Hello { salt: self.salt });
        Ok((State::Commit(session), vec![Output::Send(answer)]))
    }

    fn commit(
        &self,
        mut session: Session,
        invitation: &mut Invitation,
        frame: &[u8],
        now: Timestamp,
    ) -> Step {
        // Bytes that do not open leave the ticket alone: a stranger could burn it otherwise.
        let message = session.open(frame, MAX_HANDSHAKE_FRAME_LEN).map_err(|error| match error {
            PairingError::Broken => Failure::to_stranger(PairingError::NotInvited),
            other => Failure::to_stranger(other),
        })?;
        invitation.take(now).map_err(|error| Failure::told(&mut session, error))?;
        let Message::Commit(commitment) = message else {
            return Err(Failure::told(&mut session, PairingError::Broken));
        };
        let own = Message::Commit(session.commitment(&self.reveal));
        let answer = session.seal(&own);
        Ok((State::Reveal { session, commitment }, vec![Output::Send(answer)]))
    }

    fn revealed(&self, mut session: Session, commitment: [u8; 32], frame: &[u8]) -> Step {
        let reveal = open(&mut session, frame)?;
        if session.commitment(&reveal) != commitment {
            return Err(Failure::told(&mut session, PairingError::Cheated));
        }
        let agreed = session.agree(&reveal, &self.reveal);
        let Message::JoinerReveal { statement, .. } = reveal else {
            return Err(Failure::told(&mut session, PairingError::Broken));
        };
        if !Certificate::is_name_valid(&statement.name) {
            return Err(Failure::told(&mut session, PairingError::Broken));
        }
        let certificate = Certificate {
            person: self.person,
            device: statement.device,
            kem: statement.kem,
            name: statement.name,
            admin: self.admin,
        };
        let answer = session.seal(&self.reveal);
        Ok((State::Countersignature { session, agreed, certificate }, vec![Output::Send(answer)]))
    }

    fn countersigned(
        &mut self,
        mut session: Session,
        agreed: Agreed,
        certificate: Certificate,
        frame: &[u8],
        now: Timestamp,
    ) -> Step {
        let Message::Countersigned(device_signature) = open(&mut session, frame)? else {
            return Err(Failure::told(&mut session, PairingError::Broken));
        };
        if certificate.verify_countersignature(&device_signature).is_err() {
            return Err(Failure::told(&mut session, PairingError::Cheated));
        }
        self.deadline = now.plus_millis(CONFIRMATION_MS);
        let ask = Output::AskConfirmation { name: certificate.name.clone() };
        let consent = Consent { certificate, device_signature };
        let attempts_left = MAX_WORD_ATTEMPTS;
        Ok((State::Confirmation { session, agreed, consent, attempts_left }, vec![ask]))
    }

    fn enrol(&mut self, verified: bool, now: Timestamp) -> Vec<Output> {
        match self.take() {
            State::Confirmation { session, agreed, consent, .. } => {
                self.deadline = now.plus_millis(WELCOME_MS);
                self.state = State::Enrolling { session };
                let Consent { certificate, device_signature } = consent;
                vec![Output::Enrol { certificate, device_signature, verified, context: agreed.context }]
            }
            other => {
                self.state = other;
                Vec::new()
            }
        }
    }

    fn abort(&mut self, error: PairingError) -> Vec<Output> {
        let failure = match self.take() {
            State::Over => return Vec::new(),
            State::Hello | State::Commit(_) => Failure::to_stranger(error),
            State::Reveal { mut session, .. }
            | State::Countersignature { mut session, .. }
            | State::Confirmation { mut session, .. }
            | State::Enrolling { mut session }
            | State::Done { mut session } => Failure::told(&mut session, error),
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

fn open(session: &mut Session, frame: &[u8]) -> Result<Message, Failure> {
    session.open(frame, MAX_HANDSHAKE_FRAME_LEN).map_err(|error| Failure::told(session, error))
}

fn done(mut session: Session, frame: &[u8]) -> Step {
    match open(&mut session, frame)? {
        Message::Done => Ok((State::Over, vec![Output::Finished])),
        _ => Err(Failure { error: PairingError::Broken, farewell: None }),
    }
}
