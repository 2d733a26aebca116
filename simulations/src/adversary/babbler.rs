//! Sends what no honest device sends.

use musette_protocol::{
    id::{BlobId, CommitId, DocumentId, RecordId, SpaceId, StatementId},
    limits::MAX_FRAME_LEN,
    record::{Change, Commit, Payload, seal},
    schedule::{NotNow, StopReason},
    session::{
        Frontier,
        message::{Message, SpaceMessage, frame_of_message},
    },
    signed::Signed,
    time::Timestamp,
};

use super::{Scene, Villain};
use crate::person::device_id;

/// Records of one flood.
const FLOOD: usize = 60;

/// The device.
pub(super) struct Babbler;

impl Villain for Babbler {
    fn tamper(&mut self, frame: Vec<u8>, scene: &mut Scene<'_>) -> Vec<Vec<u8>> {
        match scene.dice.below(24) {
            0 => vec![truncated(frame, scene)],
            // Bytes after the end: not the one encoding of anything.
            1 => vec![[frame.as_slice(), &[0]].concat()],
            2 if scene.peer.is_none() => vec![scene.dice.some_bytes(0, 600)],
            _ => vec![frame],
        }
    }

    fn provoke(&mut self, scene: &mut Scene<'_>) -> Vec<Vec<u8>> {
        let frame = match scene.dice.below(13) {
            0 => scene.dice.some_bytes(0, 300),
            1 => [&[10, 2], scene.dice.some_bytes(0, 300).as_slice()].concat(),
            2 => vec![0xff, 0xff, 0xff, 0xff, 0x7f, 1, 2, 3],
            3 if scene.dice.one_in(20) => vec![0xff; MAX_FRAME_LEN + 1],
            3 => vec![0xff],
            4 => frame_of_message(&unordered_message(scene)),
            5 => {
                let records = [scene.dice.some_bytes(1, 400)];
                scene.records(&records)
            }
            6 => {
                let records = [of_another_space(scene)];
                scene.records(&records)
            }
            7 => {
                let records = [altered(scene)];
                scene.records(&records)
            }
            8 => {
                let records = [commit_of_another(scene)];
                scene.records(&records)
            }
            9 => {
                let records = [dangling_commit(scene)];
                scene.records(&records)
            }
            10 => {
                let records = [endless_commit(scene)];
                scene.records(&records)
            }
            11 => not_now(scene),
            _ => {
                let records = flood(scene);
                scene.records(&records)
            }
        };
        vec![frame]
    }
}

fn truncated(mut frame: Vec<u8>, scene: &mut Scene<'_>) -> Vec<u8> {
    frame.truncate(scene.dice.index(frame.len()));
    frame
}

fn sealed(payload: &Payload, space: &SpaceId, scene: &mut Scene<'_>) -> Vec<u8> {
    let keyring = &scene.keyring();
    seal(payload, space, keyring, &scene.dice.bytes())
}

fn some_change(scene: &mut Scene<'_>) -> Payload {
    let document = DocumentId::from_bytes(scene.dice.bytes());
    Payload::Change(Change { document, bytes: scene.dice.some_bytes(1, 200) })
}

fn of_another_space(scene: &mut Scene<'_>) -> Vec<u8> {
    let (change, space) = (some_change(scene), SpaceId::from_bytes(scene.dice.bytes()));
    sealed(&change, &space, scene)
}

fn altered(scene: &mut Scene<'_>) -> Vec<u8> {
    let (change, space) = (some_change(scene), *scene.state.space());
    let mut record = sealed(&change, &space, scene);
    let at = scene.dice.index(record.len());
    record[at] ^= 1 << scene.dice.below(8);
    record
}

/// So that it is not dialled for long, and a frame that is not quite such a one.
fn not_now(scene: &mut Scene<'_>) -> Vec<u8> {
    let until = scene.dice.one_in(2).then(|| Timestamp::from_millis(i64::MAX));
    let mut frame = NotNow { reason: StopReason::Paused, until }.to_frame();
    frame.truncate(frame.len() - usize::from(scene.dice.one_in(4)));
    frame
}

/// Changes that no commit ever names.
fn flood(scene: &mut Scene<'_>) -> Vec<Vec<u8>> {
    let space = *scene.state.space();
    (0..FLOOD)
        .map(|_| {
            let change = some_change(scene);
            sealed(&change, &space, scene)
        })
        .collect()
}

/// What a member says that keeps to no bound.
fn unordered_message(scene: &mut Scene<'_>) -> Message {
    let message = match scene.dice.below(4) {
        0 => {
            let mut frontier = Frontier::of(scene.state);
            frontier.chains.extend(frontier.chains.clone());
            SpaceMessage::Frontier { frontier, check: true }
        }
        1 => SpaceMessage::Statements(vec![StatementId::from_bytes([7; 32]); 2]),
        2 => SpaceMessage::Want {
            blob: BlobId::from_bytes(scene.dice.bytes()),
            chunks: vec![0; 1_000],
            asked: true,
        },
        _ => SpaceMessage::Reconcile(scene.dice.some_bytes(0, 200)),
    };
    Message::Space { mark: scene.mark.unwrap_or_default(), message }
}

fn commit(scene: &mut Scene<'_>, change: impl FnOnce(&mut Commit, &mut Scene<'_>)) -> Vec<u8> {
    let device = device_id(scene.key);
    let (number, previous) = scene.state.head(&device);
    let mut commit = Commit {
        space: *scene.state.space(),
        device,
        number: number + 1,
        previous,
        seen: scene.state.seen_by(&device),
        log_heads: scene.state.log().heads(),
        records: vec![RecordId::from_bytes(scene.dice.bytes())],
        chunks: Vec::new(),
    };
    change(&mut commit, scene);
    let (signed, space) = (Signed::new(commit, scene.key), *scene.state.space());
    sealed(&Payload::Commit(signed), &space, scene)
}

/// In the name of the device that it speaks to, under its own key.
fn commit_of_another(scene: &mut Scene<'_>) -> Vec<u8> {
    commit(scene, |commit, scene| {
        if let Some(peer) = scene.peer {
            commit.device = peer;
            (commit.number, commit.previous) = scene.state.head(&peer);
            commit.number += 1;
        }
    })
}

/// On a commit before it that nobody made.
fn dangling_commit(scene: &mut Scene<'_>) -> Vec<u8> {
    commit(scene, |commit, scene| {
        commit.number += scene.dice.between(1, 1 << 40);
        commit.previous = Some(CommitId::from_bytes(scene.dice.bytes()));
    })
}

/// The last that a number can name.
fn endless_commit(scene: &mut Scene<'_>) -> Vec<u8> {
    commit(scene, |commit, _| commit.number = u64::MAX)
}

#[cfg(test)]
mod tests {
    use musette_protocol::codec::decode;

    use super::*;

    #[test]
    fn a_message_with_bytes_after_its_end_is_no_message() {
        let frame = frame_of_message(&Message::Hello { nonce: [7; 32] });
        assert!(decode::<Message>(&frame).is_ok());
        assert!(decode::<Message>(&[frame.as_slice(), &[0]].concat()).is_err());
    }
}
