//! What both sides derive from what was said: keys, commitments, words.

use super::{PairingError, TicketSecret, message::Message};
use crate::{
    codec::{decode, encode},
    crypto::{
        aead::{self, NONCE_LEN},
        kdf::{context, derive, derive_id},
        secret::Secret32,
    },
};

/// The two ends as libp2p proved them: the bytes of both peer ids. Mixed into everything, so that
/// messages moved to another connection are worth nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Peer id of the joining side's transport key.
    pub joiner: Vec<u8>,
    /// Peer id of the inviting side's transport key.
    pub inviter: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Joiner,
    Inviter,
}

/// A salt and a nonce that are drawn once per session.
pub(super) struct Randomness {
    pub(super) salt: [u8; 32],
    pub(super) nonce: [u8; 32],
}

impl Randomness {
    pub(super) fn from_entropy(entropy: &Secret32) -> Self {
        let draw = |label: &[u8]| derive_id(context::PAIRING, &[label, entropy.expose()]);
        Self { salt: draw(b"salt"), nonce: draw(b"nonce") }
    }
}

/// One session's sealed channel. A key lives for one session and one direction, in memory only, so
/// the nonce is the message's number: neither a backup nor a clone can rewind it under the same key,
/// as the other side's salt is new. And a message reordered or repeated does not open.
pub(crate) struct Session {
    id: [u8; 32],
    sending: Direction,
    receiving: Direction,
}

struct Direction {
    key: Secret32,
    next: u64,
}

/// What both sides said, once both revealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Agreed {
    /// Three indices of 11 bits each.
    pub(super) words: [u16; 3],
    /// Names this pairing.
    pub(super) context: [u8; 32],
}

impl Session {
    pub(super) fn new(
        side: Side,
        secret: &TicketSecret,
        channel: &Channel,
        joiner_salt: &[u8; 32],
        inviter_salt: &[u8; 32],
    ) -> Self {
        let id = session_id(context::PAIRING, channel, joiner_salt, inviter_salt);
        Self::keyed(side, context::PAIRING, secret.expose(), id)
    }

    /// The channel of the session `id` between two who share a secret, for one purpose.
    pub(crate) fn keyed(side: Side, purpose: &str, secret: &[u8], id: [u8; 32]) -> Self {
        let direction = |label: &[u8]| Direction { key: derive(purpose, &[label, secret, &id]), next: 0 };
        let (joiner, inviter) = (direction(b"joiner to inviter"), direction(b"inviter to joiner"));
        let (sending, receiving) = match side {
            Side::Joiner => (joiner, inviter),
            Side::Inviter => (inviter, joiner),
        };
        Self { id, sending, receiving }
    }

    /// The frame that carries a message.
    pub(crate) fn seal(&mut self, message: &Message) -> Vec<u8> {
        let nonce = self.sending.next_nonce();
        encode(&Message::Sealed(aead::seal(&self.sending.key, &nonce, &self.id, &encode(message))))
    }

    /// The message that a frame of at most `max_len` bytes carries.
    pub(crate) fn open(&mut self, frame: &[u8], max_len: usize) -> Result<Message, PairingError> {
        let Message::Sealed(sealed) = Message::read(frame, max_len)? else {
            return Err(PairingError::Broken);
        };
        let nonce = self.receiving.next_nonce();
        let plaintext = aead::open(&self.receiving.key, &nonce, &self.id, &sealed);
        Ok(decode(&plaintext.map_err(|_| PairingError::Broken)?)?)
    }

    /// What binds its author to a reveal before it is shown. The session's id is part of it, so
    /// that a commitment seen elsewhere cannot be repeated here; the reveal's number on the wire
    /// tells the sides apart.
    pub(super) fn commitment(&self, reveal: &Message) -> [u8; 32] {
        derive_id(context::PAIRING, &[b"commitment", &self.id, &encode(reveal)])
    }

    /// Words and context from both reveals. Each was committed to, so the commitments add nothing.
    pub(super) fn agree(&self, joiner_reveal: &Message, inviter_reveal: &Message) -> Agreed {
        let (joiner, inviter) = (encode(joiner_reveal), encode(inviter_reveal));
        Agreed {
            words: three_words(&derive_id(context::PAIRING_WORDS, &[&self.id, &joiner, &inviter])),
            context: derive_id(context::PAIRING, &[b"context", &self.id, &joiner, &inviter]),
        }
    }
}

/// Names a session by both ends of its connection and what both drew for it, for one purpose.
pub(crate) fn session_id(
    purpose: &str,
    channel: &Channel,
    joiner_salt: &[u8; 32],
    inviter_salt: &[u8; 32],
) -> [u8; 32] {
    derive_id(purpose, &[b"session", &channel.joiner, &channel.inviter, joiner_salt, inviter_salt])
}

impl Direction {
    fn next_nonce(&mut self) -> [u8; NONCE_LEN] {
        let mut nonce = [0; NONCE_LEN];
        nonce[..8].copy_from_slice(&self.next.to_le_bytes());
        self.next += 1;
        nonce
    }
}

/// The first 33 bits, in big-endian order.
pub(super) fn three_words(hash: &[u8; 32]) -> [u16; 3] {
    let bits = hash[..5].iter().fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
    [29, 18, 7].map(|shift| u16::try_from((bits >> shift) & 0x7ff).expect("11 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(side: Side, joiner_peer: u8, salt: u8) -> Session {
        let channel = Channel { joiner: vec![joiner_peer; 38], inviter: vec![2; 38] };
        Session::new(side, &TicketSecret::from_bytes([7; 16]), &channel, &[salt; 32], &[4; 32])
    }

    #[test]
    fn a_message_opens_once_in_order_and_on_the_other_side_only() {
        let mut joiner = session(Side::Joiner, 1, 3);
        let first = joiner.seal(&Message::Done);
        let second = joiner.seal(&Message::Commit([1; 32]));
        assert_eq!(joiner.open(&first, 999), Err(PairingError::Broken), "reflected");

        let inviter = || session(Side::Inviter, 1, 3);
        assert_eq!(inviter().open(&second, 999), Err(PairingError::Broken), "reordered");
        let mut inviter = inviter();
        assert_eq!(inviter.open(&first, 999), Ok(Message::Done));
        assert_eq!(inviter.open(&first, 999), Err(PairingError::Broken), "repeated");
        assert_eq!(session(Side::Inviter, 9, 3).open(&first, 999), Err(PairingError::Broken), "moved");
        assert_eq!(session(Side::Inviter, 1, 9).open(&first, 999), Err(PairingError::Broken), "replayed");
        assert_eq!(session(Side::Inviter, 1, 3).open(&first, 9), Err(PairingError::Broken), "too long");
    }

    #[test]
    fn words_are_the_first_33_bits() {
        let mut hash = [0; 32];
        hash[..5].copy_from_slice(&[0b1000_0000, 0b0011_0000, 0b0000_0011, 0b1111_1111, 0b1111_1111]);
        assert_eq!(three_words(&hash), [0b100_0000_0001, 0b100_0000_0000, 0b111_1111_1111]);
    }
}
