//! Signs two histories under the same numbers, and shows one to some devices and the other to
//! others.

use std::collections::BTreeMap;

use musette_protocol::{
    codec::decode,
    id::CommitId,
    record::{Commit, Payload, open, record_id, seal},
    session::message::{Message, SpaceMessage, frame_of_message, frame_of_records, parse_frame},
    signed::Signed,
};

use super::{Scene, Villain};
use crate::person::device_id;

/// The device. Its machine goes on with the first history; the second is made of commits that name
/// nothing, on top of the same records.
#[derive(Default)]
pub(super) struct Forker {
    /// The second history, by number: its commits, sealed.
    second: BTreeMap<u64, (CommitId, Vec<u8>)>,
}

impl Forker {
    /// The other commit of a number.
    fn other(&mut self, first: &Commit, scene: &mut Scene<'_>) -> (CommitId, Vec<u8>) {
        if let Some(known) = self.second.get(&first.number) {
            return known.clone();
        }
        let previous = first.number.checked_sub(1).and_then(|number| self.second.get(&number));
        let commit = Commit {
            previous: previous.map_or(first.previous, |(name, _)| Some(*name)),
            records: Vec::new(),
            chunks: Vec::new(),
            ..first.clone()
        };
        let signed = Signed::new(commit, scene.key);
        let name = signed.id();
        scene.ledger.note_signed(name);
        let keyring = scene.keyring();
        let record = seal(&Payload::Commit(signed), scene.state.space(), &keyring, &scene.dice.bytes());
        debug_assert!(!record_id(&record).as_bytes().is_empty());
        self.second.insert(first.number, (name, record.clone()));
        (name, record)
    }

    fn tamper_record(&mut self, record: Vec<u8>, scene: &mut Scene<'_>) -> Vec<u8> {
        match open(&record, scene.state.space(), scene.state.keyring()) {
            Ok(Payload::Commit(signed)) if signed.body().device == device_id(scene.key) => {
                self.other(signed.body(), scene).1
            }
            _ => record,
        }
    }
}

impl Villain for Forker {
    fn tamper(&mut self, frame: Vec<u8>, scene: &mut Scene<'_>) -> Vec<Vec<u8>> {
        let shown_second = scene.peer.is_some_and(|peer| peer.as_bytes()[0] % 2 == 1);
        if !shown_second {
            return vec![frame];
        }
        if let Ok(Some((mark, records))) = parse_frame(&frame) {
            let records: Vec<_> =
                records.into_iter().map(|record| self.tamper_record(record, scene)).collect();
            return vec![frame_of_records(&mark, &records)];
        }
        let Ok(Message::Space { mark, message: SpaceMessage::Frontier { mut frontier, check } }) =
            decode(&frame)
        else {
            return vec![frame];
        };
        let own = device_id(scene.key);
        if let Some(chain) = frontier.chains.iter_mut().find(|chain| chain.head.device == own)
            && let Some((name, _)) = self.second.get(&chain.head.number)
        {
            chain.head.commit = *name;
        }
        let message = SpaceMessage::Frontier { frontier, check };
        vec![frame_of_message(&Message::Space { mark, message })]
    }
}
