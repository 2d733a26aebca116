//! Names of things: fixed-size byte strings with one text form.
//!
//! The text form is lower-case base32 (RFC 4648 alphabet, no padding). People may type any unique
//! prefix of at least [`MIN_PREFIX_CHARS`] characters.

use std::{fmt, str::FromStr};

use data_encoding::{Encoding, Specification};
use serde::{Deserialize, Serialize};

/// The shortest prefix of an id that is accepted in place of the whole.
pub const MIN_PREFIX_CHARS: usize = 6;

/// Lower-case RFC 4648 base32 without padding; accepts upper case when decoding.
pub fn base32() -> &'static Encoding {
    static ENCODING: std::sync::OnceLock<Encoding> = std::sync::OnceLock::new();
    ENCODING.get_or_init(|| {
        let mut spec = Specification::new();
        spec.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
        spec.translate.from.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        spec.translate.to.push_str("abcdefghijklmnopqrstuvwxyz");
        spec.encoding().expect("the specification is constant and valid")
    })
}

/// A text that is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: expected {expected_bytes} bytes in lower-case base32")]
pub struct ParseIdError {
    expected_bytes: usize,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// Wraps bytes that already are such an id.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// The first eight characters of the text form, for logs and lists.
            #[must_use]
            pub fn short(&self) -> String {
                base32().encode(&self.0[..5])
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&base32().encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.short())
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                base32()
                    .decode(text.as_bytes())
                    .ok()
                    .and_then(|bytes| bytes.try_into().ok())
                    .map(Self)
                    .ok_or(ParseIdError { expected_bytes: $len })
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = ParseIdError;

            fn try_from(bytes: &[u8]) -> Result<Self, ParseIdError> {
                bytes.try_into().map(Self).map_err(|_| ParseIdError { expected_bytes: $len })
            }
        }
    };
}

id!(
    /// A person: the hash of their inception statement.
    PersonId, 32
);
id!(
    /// A device: its Ed25519 verifying key.
    DeviceId, 32
);
id!(
    /// A space: the hash of its first keeper key and of the recovery keeper key.
    SpaceId, 32
);
id!(
    /// An epoch: a hash of its secret, so that the wrong secret is noticed before it is used.
    EpochId, 32
);
id!(
    /// A record: BLAKE3 of the whole sealed record.
    RecordId, 32
);
id!(
    /// A commit: BLAKE3 of its signed bytes.
    CommitId, 32
);
id!(
    /// A drop: BLAKE3 of its signed bytes.
    DropId, 32
);
id!(
    /// A signed operation in a log (device log, membership log): BLAKE3 of its signed bytes.
    OperationId, 32
);
id!(
    /// Something that counts by its own signature and is not named by a commit: an epoch, a log
    /// operation, a drop, a receipt. The name that each of them has anyway.
    StatementId, 32
);
id!(
    /// A document, and so an item: random, or a keyed hash for what was imported.
    DocumentId, 16
);
id!(
    /// A stored attachment: random.
    BlobId, 16
);

macro_rules! statements {
    ($($name:ident),*) => {
        $(impl From<$name> for StatementId {
            fn from(name: $name) -> Self {
                Self(name.0)
            }
        })*
    };
}

statements!(EpochId, OperationId, DropId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips_and_ignores_case() {
        let id = DocumentId::from_bytes([0xa5; 16]);
        let text = id.to_string();
        assert_eq!(text.len(), 26);
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(text.to_uppercase().parse(), Ok(id));
        assert!(id.to_string().starts_with(&id.short()));
    }

    #[test]
    fn a_text_of_another_length_or_alphabet_is_refused() {
        for bad in ["", "aaaa", "0189", &"a".repeat(27), &"a".repeat(52)] {
            assert!(bad.parse::<DocumentId>().is_err(), "{bad}");
        }
    }
}
