//! What is said while pairing.

use serde::{Deserialize, Serialize};

use super::{PairingError, error::Refusal};
use crate::{
    codec::{Encoded, Tag, decode, encode},
    crypto::{
        kem::{KemPublic, SealedTo},
        sign::Signature,
    },
    id::{DeviceId, SpaceId},
};

/// What the joining device says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinerStatement {
    /// Its signing key.
    pub device: DeviceId,
    /// Its HPKE key.
    pub kem: KemPublic,
    /// What its person calls it.
    pub name: String,
}

/// What the inviting device says about the person and itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviterStatement {
    /// The signed inception statement, which names the person.
    pub inception: Vec<u8>,
    /// The inviting device.
    pub device: DeviceId,
    /// Whether the joining device may enrol others.
    pub admin: bool,
}

/// What a new device needs. The secrets are sealed to its key: the pairing session's own key
/// follows from a secret that was shown on a screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The self space, whose epochs the grant opens.
    pub space: SpaceId,
    /// The signed operations of the device log, then of the membership log, each after those it builds on.
    pub operations: Vec<Vec<u8>>,
    /// The epoch secrets, as `epoch::Grant` seals them in this pairing's context.
    pub grant: SealedTo,
}

/// Every message; its position is its number on the wire, so new ones are added at the end.
/// `Hello`, `NotInvited`, `Sealed`, `Challenge` and `Busy` travel as they are, all others inside a
/// `Sealed`. Those from `Challenge` on are said while [recovering](crate::recovering) only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Message {
    Hello { salt: [u8; 32] },
    NotInvited,
    Sealed(Vec<u8>),
    Commit([u8; 32]),
    JoinerReveal { nonce: [u8; 32], statement: JoinerStatement },
    InviterReveal { nonce: [u8; 32], statement: InviterStatement },
    Countersigned(Signature),
    Refused(Refusal),
    Welcome(Box<Welcome>),
    Done,
    Challenge { salt: [u8; 32], sealed: [SealedTo; 2] },
    Busy,
    Claim(Signature),
    Answer { inception: Vec<u8>, device: DeviceId, signature: Signature, operations: Vec<Vec<u8>> },
    Enrolment(Vec<u8>),
    Replaced(Vec<u8>),
}

impl Encoded for Message {
    const TAG: Tag = Tag::Pairing;
    const VERSION: u8 = 1;
}

impl Message {
    /// Reads a frame of at most `max_len` bytes.
    pub(crate) fn read(frame: &[u8], max_len: usize) -> Result<Self, PairingError> {
        if frame.len() > max_len {
            return Err(PairingError::Broken);
        }
        Ok(decode(frame)?)
    }
}

/// What a node answers to a first frame while no invitation is open. The joiner fails with
/// [`PairingError::NotInvited`].
#[must_use]
pub fn not_invited() -> Vec<u8> {
    encode(&Message::NotInvited)
}
