//! The one encoding (`protocol/spec/encoding.md`): a type tag, a version, then [postcard](https://postcard.jamesmunns.com/wire-format).
//!
//! Postcard accepts some byte strings that it would never write (an over-long varint, a `bool` in
//! a wider integer), which would let one statement have two hashes. So [`decode`] encodes again
//! what it read and refuses any difference: one meaning, one byte string.

use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

/// What the first byte of every encoded structure says. Listed once, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Tag {
    /// `identity::person::Inception`
    Inception = 1,
    /// `identity::certificate::Certificate`
    Certificate = 2,
    /// `identity::log::Operation`
    DeviceOperation = 3,
    /// `epoch::EpochStatement`
    Epoch = 4,
    /// `record::Commit`
    Commit = 5,
    /// `record::Change`
    Change = 6,
    /// `record::BlobChunk`
    BlobChunk = 7,
    /// `pairing::Ticket`
    Ticket = 8,
    /// `pairing` messages
    Pairing = 9,
    /// `session` messages
    Session = 10,
    /// Reserved: the journal has a magic and a version of its own.
    Journal = 11,
    /// The vault's contents
    Vault = 12,
    /// Epoch secrets handed to a device
    Grant = 13,
    /// What a device signs in a session's handshake
    SessionProof = 14,
    /// A device's proof inside a session's handshake, sealed
    SealedProof = 15,
    /// `record::DropStatement`
    Drop = 16,
    /// `record::Receipt`
    Receipt = 17,
    /// `membership::MembershipOperation`
    MembershipOperation = 18,
    /// `backup::BackupHead`
    BackupHead = 19,
    /// What the root, and the device that answers it, sign while recovering
    RecoveryProof = 20,
    /// What the root of new recovery words signs that takes the place of another
    RootConsent = 21,
    /// `relaying::ticket::Terms`
    RelayTicket = 22,
    /// `relaying::message::Message`
    Relaying = 23,
    /// `addresses::AddressRecord`
    AddressRecord = 24,
    /// What devices tell each other of these
    Addresses = 25,
}

/// A structure with a tag and a version of its own.
pub trait Encoded: Serialize + DeserializeOwned {
    /// First byte.
    const TAG: Tag;
    /// Second byte: raised when the structure changes.
    const VERSION: u8;
}

/// Why bytes were refused. The sender is at fault, or the storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer bytes than the structure needs, or a length that points past the end.
    #[error("the bytes end too early or make no sense")]
    Malformed,
    /// Another structure than the one asked for.
    #[error("expected tag {expected}, found {found}")]
    WrongTag {
        /// The tag asked for.
        expected: u8,
        /// The tag read.
        found: u8,
    },
    /// Written by a version that this one does not know.
    #[error("version {found} is newer than {known}, the newest this program knows")]
    Newer {
        /// The newest version known here.
        known: u8,
        /// The version read.
        found: u8,
    },
    /// The same meaning could be written otherwise.
    #[error("the bytes are not in canonical form")]
    NotCanonical,
}

/// Bytes set aside for a structure of secrets: a vector that grows leaves copies behind.
const SECRET_CAPACITY: usize = 64 * 1024;

/// Writes tag, version and body.
#[must_use]
pub fn encode<T: Encoded>(value: &T) -> Vec<u8> {
    encode_into(value, Vec::new())
}

/// As [`encode`], for a structure that holds secrets: the bytes are wiped on drop.
#[must_use]
pub fn encode_secret<T: Encoded>(value: &T) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(encode_into(value, Vec::with_capacity(SECRET_CAPACITY)))
}

fn encode_into<T: Encoded>(value: &T, mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.extend([T::TAG as u8, T::VERSION]);
    postcard::to_extend(value, bytes).expect("postcard writes every type of this crate")
}

/// Reads what [`encode`] wrote, and nothing else.
///
/// # Errors
/// When the bytes are anything but the canonical form of a `T`.
pub fn decode<T: Encoded>(bytes: &[u8]) -> Result<T, DecodeError> {
    let [tag, version, body @ ..] = bytes else {
        return Err(DecodeError::Malformed);
    };
    if *tag != T::TAG as u8 {
        return Err(DecodeError::WrongTag { expected: T::TAG as u8, found: *tag });
    }
    if *version > T::VERSION {
        return Err(DecodeError::Newer { known: T::VERSION, found: *version });
    }
    if *version != T::VERSION {
        return Err(DecodeError::Malformed);
    }
    let value: T = postcard::from_bytes(body).map_err(|_| DecodeError::Malformed)?;
    // What is decoded may be secret: the copy is as long as the original and does not grow.
    let again = Zeroizing::new(encode_into(&value, Vec::with_capacity(bytes.len())));
    if *again != bytes {
        return Err(DecodeError::NotCanonical);
    }
    Ok(value)
}

#[cfg(test)]
mod vectors;

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Probe {
        number: u32,
        bytes: Vec<u8>,
    }

    impl Encoded for Probe {
        const TAG: Tag = Tag::Change;
        const VERSION: u8 = 1;
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        let probe = Probe { number: 300, bytes: vec![1, 2, 3] };
        let bytes = encode(&probe);
        assert_eq!(bytes, [6, 1, 0xac, 0x02, 3, 1, 2, 3]);
        assert_eq!(decode::<Probe>(&bytes), Ok(probe));
    }

    #[test]
    fn a_second_spelling_is_refused() {
        // 5 written as an over-long varint: same meaning, other bytes.
        assert_eq!(decode::<Probe>(&[6, 1, 0x85, 0x00, 0]), Err(DecodeError::NotCanonical));
        assert_eq!(decode::<Probe>(&[6, 1, 5, 0, 0]), Err(DecodeError::NotCanonical), "a byte too many");
    }

    #[test]
    fn other_tags_versions_and_lengths_are_refused() {
        assert_eq!(decode::<Probe>(&[]), Err(DecodeError::Malformed));
        assert_eq!(decode::<Probe>(&[5, 1, 5, 0]), Err(DecodeError::WrongTag { expected: 6, found: 5 }));
        assert_eq!(decode::<Probe>(&[6, 2, 5, 0]), Err(DecodeError::Newer { known: 1, found: 2 }));
        let huge = [6, 1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f];
        assert_eq!(decode::<Probe>(&huge), Err(DecodeError::Malformed));
    }
}
