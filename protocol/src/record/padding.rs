//! How much a mirror learns of a payload's size: its bucket.

const LENGTH_LEN: usize = 4;
/// Smallest plaintext, in bytes: most edits of one field fit, and then look alike.
const MIN_BUCKET: usize = 256;

/// The bucket of a plaintext of `len` bytes: Padmé (Nikitin et al., PURBs, 2019), which leaks
/// O(log log n) bits of the length at a cost of at most 12 %, with a floor.
pub(super) fn bucket(len: usize) -> usize {
    let len = len.max(MIN_BUCKET);
    let exponent = len.ilog2();
    let mantissa_bits = exponent.ilog2() + 1;
    let mask = (1_usize << (exponent - mantissa_bits)) - 1;
    (len + mask) & !mask
}

/// Length, payload, zeros up to the bucket.
pub(super) fn pad(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("payloads are far below 4 GiB");
    let full = bucket(LENGTH_LEN + payload.len());
    let mut plaintext = Vec::with_capacity(full);
    plaintext.extend_from_slice(&length.to_le_bytes());
    plaintext.extend_from_slice(payload);
    plaintext.resize(full, 0);
    plaintext
}

/// Refuses any padding but the one that [`pad`] makes: else one payload had many records.
pub(super) fn unpad(plaintext: &[u8]) -> Option<&[u8]> {
    let (length, rest) = plaintext.split_at_checked(LENGTH_LEN)?;
    let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
    let (payload, padding) = rest.split_at_checked(length)?;
    let canonical = plaintext.len() == bucket(LENGTH_LEN + length) && padding.iter().all(|byte| *byte == 0);
    canonical.then_some(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_costs_little_and_holds_itself() {
        for len in [256, 257, 1000, 70_000, 300_000] {
            let padded = bucket(len);
            assert!(padded >= len && padded * 100 <= len * 112, "{len} → {padded}");
            assert_eq!(bucket(padded), padded);
        }
    }

    #[test]
    fn padding_of_another_length_or_with_content_is_refused() {
        let mut plaintext = pad(b"payload");
        assert_eq!(unpad(&plaintext), Some(&b"payload"[..]));
        plaintext.push(0);
        assert_eq!(unpad(&plaintext), None);
        plaintext.pop();
        *plaintext.last_mut().unwrap() = 1;
        assert_eq!(unpad(&plaintext), None);
        assert_eq!(unpad(&[255; 256]), None);
    }
}
