//! Which root speaks: that of the inception, until a statement that it signed puts another in its place.
//!
//! 1. A replacement is signed by the root that is replaced, and by the new one too. So nobody who found
//!    the old words puts in somebody else's keys, and nobody takes over what they cannot use.
//! 2. Which root an operation must be signed by follows from its own past, whatever else is held.
//! 3. A replacement *ends* the root before it: what that one signed and the replacement had not seen does
//!    not hold, nor does anything by a device that only this enrolled. Somebody with the old words can
//!    date an operation back, and gains nothing by it.
//! 4. Two replacements of one root end each other, and all that came of either: who has the old words
//!    can make one that looks as old as the person's own, and nobody can tell which is whose. No root
//!    speaks from then on; the devices go on.
//!
//! The person stays who they are: the id is that of the first inception, and so is the recovery keeper
//! in the ids of their spaces.

use serde::{Deserialize, Serialize};

use super::{Action, Author, DeviceLog, Entry, LogError, Operation};
use crate::{
    codec::{Encoded, Tag, encode},
    crypto::sign::{BadSignature, Signature, VerifyingKey},
    id::PersonId,
    identity::person::{Inception, Recovery},
    past::Past,
    signed::Signed,
};

/// Puts the root of new words in the place of the one that signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replacement {
    /// The public keys of the new words.
    pub keys: Inception,
    /// The new root's own signature.
    pub consent: Signature,
}

/// What a new root signs: whom it comes to speak for, and after whom. Signed, never sent.
#[derive(Debug, Serialize, Deserialize)]
struct RootConsent {
    person: PersonId,
    replaced: VerifyingKey,
    keys: Inception,
}

impl Encoded for RootConsent {
    const TAG: Tag = Tag::RootConsent;
    const VERSION: u8 = 1;
}

impl Replacement {
    pub(crate) fn new(person: PersonId, replaced: VerifyingKey, new: &Recovery) -> Self {
        let keys = new.keys();
        let consent = new.root().sign(&encode(&RootConsent { person, replaced, keys: keys.clone() }));
        Self { keys, consent }
    }

    fn check_consent(&self, person: PersonId, replaced: VerifyingKey) -> Result<(), BadSignature> {
        let keys = self.keys.clone();
        self.keys.root.verify(&encode(&RootConsent { person, replaced, keys }), &self.consent)
    }
}

/// What the log says of a root key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootStanding {
    /// It speaks.
    Present,
    /// Another one is in its place.
    Replaced,
    /// One root was replaced twice, so that none speaks, and it is one of these.
    Frozen,
    /// It never was this person's.
    Unknown,
}

/// How a root came to speak: by the replacement at a place, or by the inception.
type Seat = Option<usize>;

/// Who spoke one after the other, for somebody who had seen some of a log.
struct Line {
    /// Each but the first put there by the one before it. Never empty.
    seats: Vec<Seat>,
    /// The replacements of the last, if there are several.
    rivals: Past,
}

impl Line {
    /// The one that speaks.
    fn present(&self) -> Option<Seat> {
        self.seats.last().copied().filter(|_| self.rivals == Past::EMPTY)
    }
}

impl DeviceLog {
    fn line_in(&self, view: &Past) -> Line {
        let mut seats = vec![None];
        // Each replacement is of one seat, which it had seen: this goes on for as many as are held.
        while let Some(replacements) = seats.last().and_then(|seat| self.replaced.get(seat)) {
            let mut seen = *replacements;
            seen.retain_all(view);
            match (seen.len(), seen.first()) {
                (0, _) | (_, None) => break,
                (1, Some(place)) => seats.push(Some(place)),
                _ => return Line { seats, rivals: seen },
            }
        }
        Line { seats, rivals: Past::EMPTY }
    }

    fn keys_of(&self, seat: Seat) -> &Inception {
        let replacement = seat.and_then(|place| self.entries[place].replacement());
        replacement.map_or(&self.inception, |replacement| &replacement.keys)
    }

    /// The seat that an operation of the root was signed from.
    pub(super) fn seat_in(&self, past: &Past) -> Option<Seat> {
        self.line_in(past).present()
    }

    /// The root by which an operation must be signed that had seen this.
    pub(super) fn root_in(&self, past: &Past) -> Option<&Inception> {
        Some(self.keys_of(self.seat_in(past)?))
    }

    /// The public keys of the words that speak for the person now; `None` once one root was replaced
    /// twice.
    #[must_use]
    pub fn root(&self) -> Option<&Inception> {
        self.root_in(&self.view)
    }

    /// What the log says of a root key.
    #[must_use]
    pub fn root_standing(&self, key: &VerifyingKey) -> RootStanding {
        let line = self.line_in(&self.view);
        let place = line.seats.iter().rposition(|seat| self.keys_of(*seat).root == *key);
        let is_last = place.map(|place| place + 1 == line.seats.len());
        match (is_last, line.present()) {
            (Some(false), _) => RootStanding::Replaced,
            (Some(true), Some(_)) => RootStanding::Present,
            (Some(true), None) => RootStanding::Frozen,
            (None, _) if self.states_root(key) => RootStanding::Frozen,
            (None, _) => RootStanding::Unknown,
        }
    }

    /// Whether some replacement that is held puts this root in.
    #[must_use]
    pub fn states_root(&self, key: &VerifyingKey) -> bool {
        let mut stated = self.entries.iter().filter_map(Entry::replacement);
        stated.any(|replacement| replacement.keys.root == *key)
    }

    /// The replacements that ended a root: one for each, or all of the last if it has several.
    pub fn replacements(&self) -> impl Iterator<Item = (&Signed<Operation>, &Replacement)> {
        let places = self.replacements_in(&self.view);
        places.into_iter().filter_map(|place| {
            let entry = &self.entries[place];
            Some((&entry.signed, entry.replacement()?))
        })
    }

    /// The root that the present one replaced last, and by which statement.
    #[must_use]
    pub fn former_root(&self) -> Option<(&Inception, &Signed<Operation>)> {
        let line = self.line_in(&self.view);
        let [.., former, Some(place)] = line.seats.as_slice() else { return None };
        line.present().map(|_| (self.keys_of(*former), &self.entries[*place].signed))
    }

    /// The replacements of a root that has several, in the order of their names.
    pub fn rivals(&self) -> impl Iterator<Item = &Replacement> {
        let rivals = self.line_in(&self.view).rivals;
        let places = self.places.values().filter(move |place| rivals.contains(**place));
        places.filter_map(|place| self.entries[*place].replacement())
    }

    pub(super) fn replacements_in(&self, view: &Past) -> Vec<usize> {
        // Asked whenever somebody's rights are.
        if self.replaced.is_empty() {
            return Vec::new();
        }
        let line = self.line_in(view);
        let rivals = (0..self.entries.len()).filter(|place| line.rivals.contains(*place));
        line.seats.iter().copied().flatten().chain(rivals).collect()
    }

    /// Signs the replacement of the present root on top of the present heads. It is not part of the log
    /// until [`Self::apply`], which refuses it if `present` is not that root.
    #[must_use]
    pub fn sign_replacement(&self, present: &Recovery, new: &Recovery) -> Signed<Operation> {
        let replacement = Replacement::new(self.person(), present.root().verifying_key(), new);
        self.sign(Author::Root, Action::Replace(replacement), present.root())
    }

    pub(super) fn check_replacement(
        &self,
        author: Author,
        replacement: &Replacement,
        past: &Past,
    ) -> Result<(), LogError> {
        let line = self.line_in(past);
        let (Author::Root, Some(present)) = (author, line.present()) else {
            return Err(LogError::NotEntitled);
        };
        // Words that somebody saw do not come back. Epochs are sealed to the recovery key: one that nobody
        // can seal to would stop all devices.
        let was_root = |seat: &Seat| self.keys_of(*seat).root == replacement.keys.root;
        if line.seats.iter().any(was_root) || replacement.keys.recovery_kem.is_weak() {
            return Err(LogError::Malformed);
        }
        let consent = replacement.check_consent(self.person(), self.keys_of(present).root);
        consent.map_err(|_| LogError::BadSignature)
    }

    /// What a replacement that ended a root undoes. Entries lie each after those they build on.
    pub(super) fn undone_by_replacement(&self, place: usize, view: &Past) -> Past {
        let by = &self.entries[place];
        let mut undone = Past::EMPTY;
        let Some(seat) = self.seat_in(&by.past) else { return undone };
        let mut rivals = self.replaced.get(&seat).copied().unwrap_or(Past::EMPTY);
        rivals.retain_all(view);
        rivals.remove(place);
        for (at, entry) in self.within(view).filter(|(at, _)| *at != place && !by.past.contains(*at)) {
            let is_undone = match entry.author() {
                Author::Root => entry.past.intersects(&rivals) || self.seat_in(&entry.past) == Some(seat),
                Author::Device(author) => self.is_orphan(entry, author, &undone),
            };
            if is_undone {
                undone.insert(at);
            }
        }
        undone
    }
}

#[cfg(test)]
mod tests;
