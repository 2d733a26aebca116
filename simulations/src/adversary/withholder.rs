//! Keeps records to itself, and claims to hold commits that it does not hold or that do not exist.

use musette_protocol::{
    codec::decode,
    id::CommitId,
    session::{
        Frontier,
        frontier::{Chain, Head},
        message::{Message, SpaceMessage, frame_of_message, frame_of_records, parse_frame},
    },
};

use super::{Scene, Villain};
use crate::person::device_id;

/// The device.
pub(super) struct Withholder;

impl Villain for Withholder {
    fn tamper(&mut self, frame: Vec<u8>, scene: &mut Scene<'_>) -> Vec<Vec<u8>> {
        if scene.dice.one_in(2) {
            return vec![frame];
        }
        match (parse_frame(&frame), decode(&frame)) {
            (Ok(Some((mark, mut records))), _) => {
                records.retain(|_| !scene.dice.one_in(3));
                if records.is_empty() { Vec::new() } else { vec![frame_of_records(&mark, &records)] }
            }
            (_, Ok(Message::Space { mark, message: SpaceMessage::Frontier { frontier, check } })) => {
                let message = SpaceMessage::Frontier { frontier: boasting(frontier, scene), check };
                vec![frame_of_message(&Message::Space { mark, message })]
            }
            _ => vec![frame],
        }
    }
}

/// A frontier that reaches further than there is anything: on its own chain or on another's.
fn boasting(mut frontier: Frontier, scene: &mut Scene<'_>) -> Frontier {
    let commit = CommitId::from_bytes(scene.dice.bytes());
    let more = scene.dice.between(1, 5);
    if frontier.chains.is_empty() {
        let head = Head { device: device_id(scene.key), number: more, commit };
        frontier.chains.push(Chain { head, lacking: Vec::new() });
    } else {
        let place = scene.dice.index(frontier.chains.len());
        let head = &mut frontier.chains[place].head;
        // Past what anybody has: one that differs at a number that exists would be a fork.
        (head.number, head.commit) = (head.number + 1_000 + more, commit);
    }
    frontier
}
