//! The text form that tickets share: a prefix, a version digit, and lower-case base32 of the encoded
//! ticket and the first four bytes of its BLAKE3 hash.
//!
//! The hash is against typing mistakes, not against attackers: whoever can change a ticket can also
//! write one, or has to forge a signature that is inside.

use std::fmt;

use crate::id::base32;

/// Characters of a text that is looked at: the longest ticket, with line breaks.
pub(crate) const MAX_TEXT_LEN: usize = 8 * 1024;

const VERSION: char = '1';
const CHECKSUM_LEN: usize = 4;

/// Why a text is no ticket's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextError {
    /// Mistyped, cut off, or something else.
    Malformed,
    /// From a version of the text form that this one does not know.
    Newer,
}

/// Writes the text form of an encoded ticket.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, prefix: &str, encoded: &[u8]) -> fmt::Result {
    let bytes = [encoded, &checksum(encoded)].concat();
    write!(f, "{prefix}{VERSION}{}", base32().encode(&bytes))
}

/// The encoded ticket of a text; white space anywhere and upper case are fine, as mail programs and
/// QR codes make them.
pub(crate) fn read(prefix: &str, text: &str) -> Result<Vec<u8>, TextError> {
    if text.len() > MAX_TEXT_LEN {
        return Err(TextError::Malformed);
    }
    let compact: String = text.split_whitespace().collect::<String>().to_ascii_lowercase();
    let versioned = compact.strip_prefix(prefix).ok_or(TextError::Malformed)?;
    let body = match versioned.chars().next() {
        Some(VERSION) => &versioned[1..],
        Some('2'..='9') => return Err(TextError::Newer),
        _ => return Err(TextError::Malformed),
    };
    let mut bytes = base32().decode(body.as_bytes()).map_err(|_| TextError::Malformed)?;
    let split = bytes.len().checked_sub(CHECKSUM_LEN).ok_or(TextError::Malformed)?;
    if checksum(&bytes[..split]) != bytes[split..] {
        return Err(TextError::Malformed);
    }
    bytes.truncate(split);
    Ok(bytes)
}

/// What a text ends with.
pub(crate) fn checksum(encoded: &[u8]) -> [u8; CHECKSUM_LEN] {
    let hash = *blake3::hash(encoded).as_bytes();
    [hash[0], hash[1], hash[2], hash[3]]
}
