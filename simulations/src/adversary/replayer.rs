//! Says again what was said before: its own frames and those of others, in this session and in
//! later ones.

use std::collections::VecDeque;

use musette_protocol::session::message::parse_frame;

use super::{Scene, Villain};

/// Frames that it remembers.
const MAX_TAPE: usize = 40;

/// The device.
#[derive(Default)]
pub(super) struct Replayer {
    tape: VecDeque<Vec<u8>>,
}

impl Replayer {
    fn keep(&mut self, frame: &[u8]) {
        self.tape.push_back(frame.to_vec());
        if self.tape.len() > MAX_TAPE {
            self.tape.pop_front();
        }
    }

    /// A frame from before. Records mostly: a step of another handshake ends the session.
    fn old(&self, scene: &mut Scene<'_>) -> Option<Vec<u8>> {
        let all = scene.dice.one_in(6);
        let is_records = |frame: &&Vec<u8>| matches!(parse_frame(frame), Ok(Some(_)));
        let old: Vec<&Vec<u8>> = self.tape.iter().filter(|frame| all || is_records(frame)).collect();
        let old = old.get(scene.dice.index(old.len().max(1)))?;
        // Each session names the space otherwise: under another's name it would end at once.
        Some(match parse_frame(old) {
            Ok(Some((_, records))) => scene.records(&records),
            _ => (*old).clone(),
        })
    }
}

impl Villain for Replayer {
    fn tamper(&mut self, frame: Vec<u8>, scene: &mut Scene<'_>) -> Vec<Vec<u8>> {
        let again = (scene.peer.is_some() && scene.dice.one_in(3)).then(|| self.old(scene)).flatten();
        self.keep(&frame);
        again.into_iter().chain([frame]).collect()
    }

    fn provoke(&mut self, scene: &mut Scene<'_>) -> Vec<Vec<u8>> {
        self.old(scene).into_iter().collect()
    }

    fn overhear(&mut self, frame: &[u8]) {
        self.keep(frame);
    }
}
