//! Records: the unit of storing and syncing. Immutable, named by their hash, sealed.
//!
//! ```text
//! sealed:         suite 0x01 | space 32 | epoch 32 | nonce 24 | ciphertext and tag
//! sealed, several
//! epochs:         suite 0x03 | space 32 | count 1 | epochs 32 each | nonce 24 | ciphertext and tag
//! epoch, drop:    suite 0x02, 0x04 | signed statement (in the clear, see `epoch`, `dropping`)
//! ```
//!
//! Everything before the ciphertext is associated data. The plaintext is a length (u32,
//! little-endian), an encoded payload, and zeros up to a size bucket: a mirror sees neither
//! document, author, time nor kind, and no exact size.
//!
//! Data records carry no signature. They count once a signed [`Commit`] of an entitled device
//! names them: one signature covers an import of a thousand rows, and what a commit names may be
//! dropped later without breaking a chain of signatures.

mod commit;
mod dropping;
mod padding;
mod payload;
mod sealing;

pub use commit::Commit;
pub use dropping::{DropError, DropStatement, Receipt};
pub use payload::{BlobChunk, Change, Payload};
pub use sealing::{OpenError, drop_record, epoch_record, open, record_id, seal};
pub(crate) use sealing::{is_epoch, is_written_under, renewed, sealed_under};

#[cfg(test)]
mod vectors;
