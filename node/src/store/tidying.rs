//! Keeping a home small and its keys fresh, a little at a time, when nobody waits for an answer.
//!
//! 1. A new epoch, once the present one is a month old, or not for just the devices that there are: by
//!    one device, and by the others if it sleeps.
//! 2. Documents with many small changes are *folded*: one snapshot takes their place, after it was
//!    loaded again and found equal. One device does it, so that two do not do it twice.
//! 3. What was dropped is erased once a day, wherever it lies, and only then confirmed to the other
//!    devices; drops that all have confirmed are merged.
//! 4. Segments of the journal that are mostly dead are rewritten. Records move then, so the index is
//!    removed before and written anew after: a crash in between costs a rebuild, and nothing else.

use std::collections::BTreeSet;

use musette_protocol::{
    crypto::{aead::NONCE_LEN, sign::SigningKey},
    epoch::rotation::elected,
    id::{DeviceId, DocumentId},
    journal::{SegmentNumber, worth_rewriting},
    limits::{MAX_DROPS, MAX_RECORD_LEN, ROTATION_GRACE_MS},
    replica::{
        Effects, Fold,
        rotating::{EpochStartError, NewEpoch, Watch},
    },
    time::Timestamp,
};
use serde_json::{Value as Json, json};

use super::{Store, formats, index::Index, journal_error, replace, write_error};
use crate::{clock, entropy, error::Result};

/// Changes of one document from which folding is worth a commit.
const FOLD_FROM: usize = 24;
/// Documents folded in one step: some tens of milliseconds, and one fsync.
const FOLDS_AT_ONCE: usize = 64;
/// Bytes of a record beyond its snapshot, at most, padding included.
const RECORD_OVERHEAD: usize = MAX_RECORD_LEN / 8;
/// Drops that wait to be confirmed by all before folding pauses: forgetting needs the others.
const MAX_OPEN_DROPS: usize = MAX_DROPS / 2;
/// How often what was dropped is erased: each time every segment is rewritten in which some of it
/// lies, and that may be all of them.
const ERASE_EVERY_MS: u64 = 24 * 60 * 60 * 1_000;

/// What this device remembers for tidying.
#[derive(Debug, Default)]
pub(super) struct Tidying {
    /// When it is this device's turn to start an epoch.
    pub(super) watch: Watch,
    /// When what was dropped was last erased, since the start.
    pub(super) erased: Option<Timestamp>,
}

impl Store {
    /// Does one step; true if there may be more to do at once. Durable after [`Store::commit`].
    ///
    /// # Errors
    /// When the disk fails.
    pub(crate) fn tidy(&mut self) -> Result<bool> {
        let now = clock::now();
        if !self.keys.healing.is_empty() {
            return Ok(false);
        }
        formats::let_go_when_old(&self.home, now)?;
        // Devices of the earlier version could read nothing under a new epoch, nor take a fold.
        let is_settled = !formats::is_kept(&self.home);
        self.rotate_in_turn()?;
        if !self.may_write() {
            return Ok(false);
        }
        self.drop_forgotten()?;
        if (is_settled && self.fold_some(FOLD_FROM)? > 0) || self.erase_due(now)? {
            return Ok(true);
        }
        self.confirm_drops()?;
        self.rewrite_one()
    }

    /// Does all there is to do, whatever it is worth, and tells what came of it.
    ///
    /// # Errors
    /// When the disk fails.
    pub(crate) fn compact(&mut self) -> Result<Json> {
        let before = self.replica.journal().bytes();
        let mut folded = 0;
        if self.keys.healing.is_empty() && self.may_write() {
            while let more @ 1.. = self.fold_some(2)? {
                folded += more;
                self.commit()?;
            }
            self.drop_forgotten()?;
            self.erase_all()?;
            self.commit()?;
            let (current, bytes) = self.segments().pop().unwrap_or((SegmentNumber::FIRST, 0));
            if self.is_dead(current, bytes, 2) {
                self.replica.rotate_journal().map_err(journal_error)?;
            }
            let dead: Vec<SegmentNumber> = self
                .closed()
                .into_iter()
                .filter(|(number, len)| self.is_dead(*number, *len, 8))
                .map(|one| one.0)
                .collect();
            self.rewrite(&dead)?;
        }
        Ok(json!({ "folded": folded, "before": before, "after": self.replica.journal().bytes() }))
    }

    /// Starts a new epoch if one is due and it is this device's turn; true if its turn is to come.
    ///
    /// # Errors
    /// When the disk fails.
    pub(crate) fn rotate_in_turn(&mut self) -> Result<bool> {
        if !self.keys.healing.is_empty() || formats::is_kept(&self.home) {
            return Ok(false);
        }
        self.rotate_epoch(clock::now())?;
        Ok(self.tidying.watch.waits())
    }

    /// Starts a new epoch if the present one is old, or is not for just the devices that there are.
    pub(super) fn rotate_epoch(&mut self, now: Timestamp) -> Result<()> {
        let Some(keeper) = self.keeper() else { return Ok(()) };
        let recovery = self.recovery_key();
        let watch = &mut self.tidying.watch;
        if watch.is_due(now, &self.device, &recovery, &mut self.replica).map_err(journal_error)? {
            self.begin_epoch(&keeper)?;
        }
        Ok(())
    }

    /// Starts a new epoch if the present one is not for just the devices that there are, and waits for no
    /// turn: whoever was just let in is most likely why.
    pub(super) fn rotate_epoch_at_once(&mut self) -> Result<()> {
        let Some(keeper) = self.keeper() else { return Ok(()) };
        let recovery = self.recovery_key();
        if self.replica.is_epoch_due(Some(&recovery)).map_err(journal_error)? {
            self.begin_epoch(&keeper)?;
        }
        Ok(())
    }

    fn begin_epoch(&mut self, keeper: &SigningKey) -> Result<()> {
        let recovery = self.recovery_key();
        let (secret, entropy) = (entropy::secret(), entropy::secret());
        let device = &self.device_key;
        let new = NewEpoch { keeper, device, recovery: Some(recovery), secret, entropy };
        match self.replica.begin_epoch(&new, &mut entropy::bytes::<NONCE_LEN>) {
            Ok(effects) => {
                self.unsynced = true;
                self.apply(effects, Vec::new())
            }
            Err(EpochStartError::Write(error)) => Err(write_error(error)),
            Err(
                error @ (EpochStartError::Unsealable | EpochStartError::Refused(_) | EpochStartError::NoRoom),
            ) => {
                tracing::warn!(%error, "no new epoch");
                Ok(())
            }
        }
    }

    /// The key that states epochs and drops, if this device is the one that tidies for all.
    fn keeper_if_elected(&self) -> Option<SigningKey> {
        self.keeper().filter(|_| self.is_elected())
    }

    fn is_elected(&self) -> bool {
        let now = clock::now();
        let is_away = |id: &DeviceId| {
            let seen = self.last_seen(*id);
            *id != self.device && seen.is_none_or(|seen| now.millis_since(seen) >= ROTATION_GRACE_MS)
        };
        elected(self.state().log().devices(), is_away) == Some(self.device)
    }

    /// Folds some documents with at least so many changes; gives how many.
    fn fold_some(&mut self, from: usize) -> Result<usize> {
        let Some(keeper) = self.keeper_if_elected() else { return Ok(0) };
        if self.state().drop_count() >= MAX_OPEN_DROPS {
            return Ok(0);
        }
        // What a revoked device had dropped is given to those again that carried it out.
        let wronged = self.state().wronged_documents().into_iter();
        let ids: BTreeSet<DocumentId> =
            wronged.chain(self.state().documents_with(from)).take(FOLDS_AT_ONCE).collect();
        let mut folds = Vec::with_capacity(ids.len());
        for id in ids {
            folds.extend(self.fold_of(id)?);
        }
        let folded = folds.len();
        if folded > 0 {
            let nonce = &mut entropy::bytes::<NONCE_LEN>;
            let effects = self.replica.fold(folds, &self.device_key, &keeper, nonce).map_err(write_error)?;
            self.unsynced = true;
            self.apply(effects, Vec::new())?;
        }
        Ok(folded)
    }

    /// What would take the place of a document's changes; `None` if that cannot be relied on.
    fn fold_of(&mut self, id: DocumentId) -> Result<Option<Fold>> {
        let replaces = self.state().document(&id).map(|(record, _)| record).collect();
        let Ok(document) = self.take_document(id) else { return Ok(None) };
        let snapshot = document.snapshot(id);
        self.loaded.put(id, document);
        let fits = |snapshot: &Vec<u8>| snapshot.len() + RECORD_OVERHEAD <= MAX_RECORD_LEN;
        Ok(snapshot.filter(fits).map(|snapshot| Fold { document: id, snapshot, replaces }))
    }

    /// Drops what is left of forgotten items.
    fn drop_forgotten(&mut self) -> Result<()> {
        self.forget_late()?;
        let Some(keeper) = self.keeper() else { return Ok(()) };
        let is_elected = self.is_elected();
        while let Some(dropped) = self.replica.drop_forgotten(&keeper, is_elected).map_err(write_error)? {
            self.tidying.erased = None;
            self.take_written(Some(dropped))?;
        }
        Ok(())
    }

    /// Erases all that was dropped, wherever it lies, and says so to the others.
    pub(super) fn erase_all(&mut self) -> Result<()> {
        while self.erase_one()? {}
        self.confirm_drops()
    }

    /// Erases some of what was dropped, once a day; true if there may be more.
    fn erase_due(&mut self, now: Timestamp) -> Result<bool> {
        // A clock that was put back is taken for one that went on: once more costs little.
        let passed_ms = self.tidying.erased.map(|last| now.millis_since(last).unsigned_abs());
        let is_due = passed_ms.is_none_or(|passed_ms| passed_ms >= ERASE_EVERY_MS);
        if !is_due || !self.replica.has_unconfirmed_drops(&self.device) {
            return Ok(false);
        }
        let erased = self.erase_one()?;
        if !erased {
            self.tidying.erased = Some(now);
        }
        Ok(erased)
    }

    /// Rewrites a segment that holds what was dropped; false when none does.
    fn erase_one(&mut self) -> Result<bool> {
        let found = self.replica.find_dropped().map_err(journal_error)?;
        if let Some(segment) = found {
            self.rewrite(&[segment])?;
            return Ok(true);
        }
        if self.replica.has_unconfirmed_drops(&self.device) {
            // An index that was set aside may hold what was dropped, as may a home that is kept.
            formats::let_go(&self.home)?;
            Index::remove_aside(&self.home.index_dir()).map_err(|error| replace::io_error(&error))?;
        }
        Ok(false)
    }

    /// Tells the others what was dropped here, and merges what all have dropped.
    fn confirm_drops(&mut self) -> Result<()> {
        let nonce = &mut entropy::bytes::<NONCE_LEN>;
        let receipt = self.replica.write_receipt(&self.device_key, nonce).map_err(write_error)?;
        self.take_written(receipt)?;
        if let Some(keeper) = self.keeper_if_elected() {
            let merged = self.replica.merge_drops(&keeper).map_err(write_error)?;
            self.take_written(merged)?;
        }
        Ok(())
    }

    /// Takes in what was appended, if anything was.
    fn take_written(&mut self, effects: Option<Effects>) -> Result<()> {
        let Some(effects) = effects else { return Ok(()) };
        self.unsynced = true;
        self.apply(effects, Vec::new())
    }

    fn segments(&self) -> Vec<(SegmentNumber, u64)> {
        self.replica.journal().segment_bytes().collect()
    }

    fn closed(&self) -> Vec<(SegmentNumber, u64)> {
        let mut segments = self.segments();
        segments.pop();
        segments
    }

    /// Whether more than one part in so many of a segment is worth nothing.
    fn is_dead(&self, segment: SegmentNumber, bytes: u64, parts: u64) -> bool {
        let dead = bytes.saturating_sub(self.state().live_bytes(segment));
        dead > bytes / parts
    }

    /// Rewrites the first segment that is worth it; false when none is.
    fn rewrite_one(&mut self) -> Result<bool> {
        let worth = |store: &Self, (number, bytes): (SegmentNumber, u64)| {
            worth_rewriting(bytes, store.state().live_bytes(number))
        };
        if let Some(current) = self.segments().pop()
            && worth(self, current)
        {
            self.commit()?;
            self.replica.rotate_journal().map_err(journal_error)?;
        }
        let Some((segment, _)) = self.closed().into_iter().find(|one| worth(self, *one)) else {
            return Ok(false);
        };
        self.rewrite(&[segment])?;
        Ok(true)
    }

    pub(super) fn rewrite(&mut self, segments: &[SegmentNumber]) -> Result<()> {
        if segments.is_empty() {
            return Ok(());
        }
        self.commit()?;
        // A record that moves may come to lie before the epoch that it is sealed under.
        self.keep_epochs()?;
        // Also one that was given up: what is left of it is of before.
        drop(self.index.take());
        Index::remove(&self.home.index_dir()).map_err(|error| replace::io_error(&error))?;
        for segment in segments {
            self.replica.rewrite_segment(*segment).map_err(journal_error)?;
        }
        self.index = Index::open(&self.home.index_dir(), &self.keys.index).ok();
        self.dirty.moved = true;
        self.dirty.views.extend(self.views.keys());
        self.dirty.any = true;
        self.checkpoint(true);
        Ok(())
    }
}
