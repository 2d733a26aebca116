//! Somebody who photographed a ticket: either end of a pairing's channel, with the secret, as
//! `protocol/spec/pairing.md` describes it. Its messages are plain bytes.

use musette_protocol::{
    crypto::{
        aead,
        kdf::{context, derive, derive_id},
        secret::Secret32,
    },
    pairing::{Channel, Output, Ticket, TicketSecret, ticket::LIFETIME_MS},
    time::Timestamp,
};

/// When everything happens.
pub const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
/// The salt of the one that means harm.
pub const SALT: [u8; 32] = [0x5a; 32];

const SECRET: [u8; 16] = [0xa5; 16];

/// Tag and version of a message, and the number of the message that carries sealed ones.
const HEAD: [u8; 2] = [9, 1];
const SEALED: u8 = 2;

/// The ends of the connection; the inviter's is in the ticket.
#[must_use]
pub fn channel() -> Channel {
    Channel { joiner: vec![2; 38], inviter: vec![1; 38] }
}

/// The ticket that was shown.
#[must_use]
pub fn ticket() -> Ticket {
    Ticket {
        addresses: Vec::new(),
        peer: channel().inviter,
        secret: TicketSecret::from_bytes(SECRET),
        expires: NOW.plus_millis(LIFETIME_MS),
    }
}

/// A plain hello.
#[must_use]
pub fn hello(salt: [u8; 32]) -> Vec<u8> {
    message(0, &salt)
}

/// A message of this number and content.
#[must_use]
pub fn message(number: u8, content: &[u8]) -> Vec<u8> {
    [&HEAD, &[number][..], content].concat()
}

/// One end of the channel, once both salts are known.
#[derive(Debug)]
pub struct End {
    id: [u8; 32],
    key: Secret32,
    sent: u64,
}

impl End {
    /// The joiner's end, or the inviter's.
    #[must_use]
    pub fn new(joins: bool, other_salt: &[u8; 32]) -> Self {
        let Channel { joiner, inviter } = channel();
        let (joiner_salt, inviter_salt) = if joins { (&SALT, other_salt) } else { (other_salt, &SALT) };
        let id = derive_id(context::PAIRING, &[b"session", &joiner, &inviter, joiner_salt, inviter_salt]);
        let label: &[u8] = if joins { b"joiner to inviter" } else { b"inviter to joiner" };
        Self { id, key: derive(context::PAIRING, &[label, &SECRET, &id]), sent: 0 }
    }

    /// A frame with this message inside.
    pub fn seal(&mut self, message: &[u8]) -> Vec<u8> {
        let mut nonce = [0; aead::NONCE_LEN];
        nonce[..8].copy_from_slice(&self.sent.to_le_bytes());
        self.sent += 1;
        let sealed = aead::seal(&self.key, &nonce, &self.id, message);
        let mut frame = [&HEAD, &[SEALED][..]].concat();
        frame.extend(encoded(&sealed));
        frame
    }

    /// A commitment to a reveal, as a message.
    #[must_use]
    pub fn commitment(&self, reveal: &[u8]) -> Vec<u8> {
        message(3, &derive_id(context::PAIRING, &[b"commitment", &self.id, reveal]))
    }
}

/// A part of a message as it is encoded.
#[must_use]
pub fn encoded<T: serde::Serialize + ?Sized>(part: &T) -> Vec<u8> {
    postcard::to_allocvec(part).expect("postcard writes these types")
}

/// The salt that the other side said hello with.
#[must_use]
pub fn salt_in(outputs: &[Output]) -> Option<[u8; 32]> {
    let Some(Output::Send(frame)) = outputs.first() else { return None };
    frame.strip_prefix(&message(0, &[])[..])?.try_into().ok()
}
