//! Devices that were let in with the recovery words. If it was not their person who did that, somebody
//! has the words: nothing else tells, so it is told on every other device, and for a good while.

use std::collections::{BTreeMap, BTreeSet};

use musette_protocol::{
    id::{DeviceId, OperationId},
    identity::log::{Action, Author},
    limits::MAX_LOG_OPERATIONS,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use super::{Store, StoreEvent, keys::Keys, note};
use crate::{clock, home::Home};

/// For so long after this device heard of it the person is told: somebody who is away for two weeks
/// finds it when they are back.
pub(super) const TOLD_FOR_MS: i64 = 30 * 24 * 60 * 60 * 1_000;
/// Bytes of the file that remembers: a name and an instant for each device that a log can hold.
const MAX_FILE_LEN: u64 = 64 * MAX_LOG_OPERATIONS as u64;
const PURPOSE: &str = "recovered";

/// When this device heard of each. In a file of its own, which outlives the index.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Recovered(BTreeMap<DeviceId, Timestamp>);

impl Recovered {
    /// What the home remembers.
    pub(super) fn open(home: &Home, keys: &Keys) -> Self {
        note::load(&home.recovered_path(), keys, PURPOSE, MAX_FILE_LEN).unwrap_or_default()
    }

    /// When it was heard that a device was let in with the words.
    pub(super) fn since(&self, device: &DeviceId) -> Option<Timestamp> {
        self.0.get(device).copied()
    }

    /// Those of which the person is to be told. A clock that was put back tells of all.
    pub(super) fn recent(&self, now: Timestamp) -> impl Iterator<Item = (DeviceId, Timestamp)> {
        let is_recent = move |since: Timestamp| now.millis_since(since) < TOLD_FOR_MS;
        self.0.iter().map(|(device, since)| (*device, *since)).filter(move |(_, since)| is_recent(*since))
    }
}

impl Store {
    /// Notes the devices that the root enrolled and of which this one did not know when it was
    /// enrolled itself; forgets those that were taken out.
    pub(super) fn note_recovered(&mut self) {
        let present = self.enrolled_by_words();
        let before = self.recovered.0.len();
        self.recovered.0.retain(|device, _| present.contains(device));
        let new: Vec<DeviceId> =
            present.into_iter().filter(|device| self.recovered.since(device).is_none()).collect();
        if new.is_empty() && self.recovered.0.len() == before {
            return;
        }
        let now = clock::now();
        self.recovered.0.extend(new.iter().map(|device| (*device, now)));
        self.events.extend(new.into_iter().map(StoreEvent::Recovered));
        let saved = note::save(&self.home.recovered_path(), &self.keys, PURPOSE, &self.recovered);
        if let Err(error) = saved {
            // The log tells of them again at the next start.
            tracing::warn!(code = error.code(), "since when a device is known is not kept");
        }
    }

    /// By what this device's own enrolment had seen, not by what an operation says of its place in the
    /// log: somebody with the words could let it look as old as the first.
    fn enrolled_by_words(&self) -> BTreeSet<DeviceId> {
        let log = self.state().log();
        let own = self.own_enrolments();
        if own.is_empty() {
            // This device is being made.
            return BTreeSet::new();
        }
        let by_words = self.enrolments().filter(|(id, device, author)| {
            let is_new = *author == Author::Root && !log.had_seen(&own, id);
            is_new && *device != self.device && log.devices().contains_key(device)
        });
        by_words.map(|(_, device, _)| device).collect()
    }

    /// What enrols this device; nothing while it is being made.
    pub(super) fn own_enrolments(&self) -> Vec<OperationId> {
        self.enrolments().filter(|(_, device, _)| *device == self.device).map(|(id, ..)| id).collect()
    }

    pub(super) fn enrolments(&self) -> impl Iterator<Item = (OperationId, DeviceId, Author)> {
        let operations = self.state().log().in_order();
        operations.into_iter().filter_map(|operation| match &operation.body().action {
            Action::Enrol { certificate, .. } => {
                Some((operation.id(), certificate.device, operation.body().author))
            }
            Action::Vouch { .. } | Action::PersonKey(_) | Action::Revoke(_) | Action::Replace(_) => None,
        })
    }
}
