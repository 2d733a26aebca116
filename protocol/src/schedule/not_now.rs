//! What a device says when it could talk and does not want to: it is paused, or its bytes of the
//! day are used up.
//!
//! It is said in place of records, once both sides have proved who they are: a stranger does not
//! learn who is paused, and nobody can say it in another's name. The other side then says so to its
//! person, and waits before it tries again, rather than dialling every few seconds in vain.

use crate::time::Timestamp;

/// First byte of the frame: no [`crate::codec::Tag`] has it, and no frame of records.
const NOT_NOW: u8 = 0xfe;
/// The first byte, the reason, and an instant in milliseconds.
const FRAME_LEN: usize = 1 + 1 + 8;

/// Why nothing flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopReason {
    /// The person paused it.
    Paused,
    /// The bytes of this day are used up.
    BudgetUsed,
}

/// Nothing flows now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotNow {
    /// Why.
    pub reason: StopReason,
    /// When it goes on by itself, as far as is known. From a peer: a claim, good for showing.
    pub until: Option<Timestamp>,
}

impl NotNow {
    /// As a frame of a session's stream; the last one.
    #[must_use]
    pub fn to_frame(self) -> Vec<u8> {
        let reason = match self.reason {
            StopReason::Paused => 0,
            StopReason::BudgetUsed => 1,
        };
        let until = self.until.map_or(0, |until| until.as_millis().max(0));
        let mut frame = Vec::with_capacity(FRAME_LEN);
        frame.extend_from_slice(&[NOT_NOW, reason]);
        frame.extend_from_slice(&until.to_le_bytes());
        frame
    }

    /// Reads a frame. `None` for every other frame, a malformed one of this kind included: the
    /// session refuses it as it refuses all that makes no sense.
    #[must_use]
    pub fn from_frame(frame: &[u8]) -> Option<Self> {
        let frame: &[u8; FRAME_LEN] = frame.try_into().ok()?;
        let [NOT_NOW, reason, until @ ..] = frame else { return None };
        let reason = match reason {
            0 => StopReason::Paused,
            1 => StopReason::BudgetUsed,
            _ => return None,
        };
        let until = match i64::from_le_bytes(*until) {
            0 => None,
            millis if millis > 0 => Some(Timestamp::from_millis(millis)),
            _ => return None,
        };
        Some(Self { reason, until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_as_it_was_said() {
        for reason in [StopReason::Paused, StopReason::BudgetUsed] {
            for until in [None, Some(Timestamp::from_millis(1_795_392_000_000))] {
                let said = NotNow { reason, until };
                assert_eq!(NotNow::from_frame(&said.to_frame()), Some(said));
            }
        }
    }

    #[test]
    fn vectors() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../vectors/schedule/not_now.json")).unwrap();
        for case in vectors["cases"].as_array().unwrap() {
            let frame = crate::testkit::bytes(case["frame"].as_str().unwrap());
            let expected = case["reason"].as_str().map(|reason| NotNow {
                reason: if reason == "paused" { StopReason::Paused } else { StopReason::BudgetUsed },
                until: case["until"].as_i64().map(Timestamp::from_millis),
            });
            assert_eq!(NotNow::from_frame(&frame), expected, "{case}");
            if let Some(expected) = expected {
                assert_eq!(expected.to_frame(), frame, "{case}");
            }
        }
    }
}
