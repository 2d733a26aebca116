//! What a device does when nobody waits for it, as the node's shell does: it folds, erases, confirms
//! and merges.

use musette_protocol::{
    crypto::sign::SigningKey,
    epoch::rotation::elected,
    id::DocumentId,
    journal::SegmentNumber,
    record::{Payload, Receipt},
    replica::{Effects, Fold},
    signed::Signed,
};

use super::{Device, write_trouble};
use crate::{
    check::{Check, Violation, authenticity::Ledger, ensure},
    dice::Dice,
    documents::Views,
    options::Breakage,
    storage::Trouble,
};

/// Documents folded in one step.
const FOLDS_AT_ONCE: usize = 8;

impl Device {
    /// Whether it dropped something that it did not confirm yet.
    ///
    /// # Panics
    /// When it is off.
    #[must_use]
    pub fn has_unconfirmed_drops(&self) -> bool {
        let replica = self.replica.as_ref().expect("only devices that are on are asked");
        replica.has_unconfirmed_drops(&self.id)
    }

    /// Whether it is the one device that folds and merges.
    #[must_use]
    pub fn is_elected(&self) -> bool {
        elected(self.state().log().devices(), |id| self.away.contains(id)) == Some(self.id)
    }

    /// Folds documents with at least so many changes, and what a revoked device had dropped in vain; gives
    /// how many.
    ///
    /// # Errors
    /// When the disk refuses, or a document shows something else afterwards.
    pub fn fold(
        &mut self,
        from: usize,
        keeper: &SigningKey,
        dice: &mut Dice,
        ledger: &mut Ledger,
    ) -> Result<usize, Trouble> {
        let wronged = self.state().wronged_documents();
        let mut others: Vec<DocumentId> = self.state().documents_with(from).collect();
        others.retain(|id| !wronged.contains(id));
        others.sort_unstable();
        let ids: Vec<DocumentId> = wronged.into_iter().chain(others).take(FOLDS_AT_ONCE).collect();
        let (mut folds, mut before) = (Vec::new(), Views::new());
        for id in ids {
            let shown = self.documents.view(id)?;
            if let (Some(shown), Some(fold)) = (shown, self.fold_of(id, ledger)?) {
                before.insert(id, shown);
                folds.push(fold);
            }
        }
        let folded = folds.len();
        let replica = self.replica.as_mut().expect("only devices that are on are asked");
        let effects = replica.fold(folds, &self.key, keeper, &mut || dice.bytes()).map_err(write_trouble)?;
        if effects.counted.is_empty() {
            return Ok(0);
        }
        effects.counted.iter().for_each(|newly| ledger.note_commit(&newly.counted, replica.state()));
        self.take_written(effects, ledger)?;
        self.check_folded(&before)?;
        Ok(folded)
    }

    fn fold_of(&mut self, id: DocumentId, ledger: &mut Ledger) -> Result<Option<Fold>, Trouble> {
        let snapshot = if self.is_broken(Breakage::FoldLossily) {
            self.documents.lossy_snapshot(id)
        } else {
            self.documents.snapshot(id)?
        };
        let Some(snapshot) = snapshot else { return Ok(None) };
        let replaced: Vec<_> = self.state().document(&id).collect();
        for (record, location) in &replaced {
            let sealed = self.replica().read(*location)?;
            ledger.graves.note(*record, &sealed);
        }
        Ok(Some(Fold { document: id, snapshot, replaces: replaced.into_iter().map(|one| one.0).collect() }))
    }

    fn check_folded(&mut self, before: &Views) -> Result<(), Violation> {
        for (id, shown) in before {
            // From the records: the own copy was there before.
            let now = self.documents.view_from_records(*id)?;
            ensure(now.as_ref() == Some(&**shown), Check::Folding, || {
                format!("{id:?} shows other things once it is folded")
            })?;
        }
        Ok(())
    }

    pub(super) fn take_written(&mut self, effects: Effects, ledger: &Ledger) -> Result<(), Trouble> {
        self.dirty = true;
        self.check_not_refused(&effects)?;
        self.apply(effects, ledger)
    }

    /// Rewrites a segment that holds what was dropped and is not confirmed; false when none does.
    /// What was appended before is durable then.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn erase(&mut self, keep_index: bool) -> Result<bool, Trouble> {
        let id = self.id;
        if !self.replica().has_unconfirmed_drops(&id) || self.is_broken(Breakage::ConfirmEarly) {
            return Ok(false);
        }
        let Some(segment) = self.replica().find_dropped()? else { return Ok(false) };
        self.rewrite(segment, keep_index)?;
        Ok(true)
    }

    /// Rewrites a segment, for no need; which one is `drawn`.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn rewrite_some(&mut self, drawn: u64, keep_index: bool) -> Result<(), Trouble> {
        let segments: Vec<_> = self.replica().journal().segment_bytes().map(|(number, _)| number).collect();
        let place = usize::try_from(drawn).unwrap_or(0) % segments.len();
        self.rewrite(segments[place], keep_index)
    }

    /// Records move: the index is given up before, or left behind by somebody who forgot to.
    fn rewrite(&mut self, segment: SegmentNumber, keep_index: bool) -> Result<(), Trouble> {
        self.sync()?;
        if !self.keep_epochs() {
            return Err(Trouble::Full);
        }
        if !keep_index {
            self.storage.forget_index();
        }
        self.replica().rewrite_segment(segment)?;
        self.note_durable();
        Ok(())
    }

    /// Tells the others what was dropped here and is in no file; false when there is nothing to say.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn confirm(&mut self, dice: &mut Dice, ledger: &Ledger) -> Result<bool, Trouble> {
        let written = if self.is_broken(Breakage::ConfirmEarly) {
            self.confirm_early(dice)?
        } else {
            let replica = self.replica.as_mut().expect("only devices that are on are asked");
            replica.write_receipt(&self.key, &mut || dice.bytes()).map_err(write_trouble)?
        };
        self.take_any(written, ledger)
    }

    /// What [`Breakage::ConfirmEarly`] does.
    fn confirm_early(&mut self, dice: &mut Dice) -> Result<Option<Effects>, Trouble> {
        let id = self.id;
        if !self.replica().has_unconfirmed_drops(&id) {
            return Ok(None);
        }
        let (space, drops) = (*self.state().space(), self.state().applied_drops());
        // Above any number that it used, so that it holds.
        let position = self.replica().journal().position();
        let number = (u64::from(position.segment.get()) << 32) + position.offset;
        let receipt = Signed::new(Receipt { space, device: id, number, drops }, &self.key);
        let written = self.replica().write_statement(Payload::Receipt(receipt), &mut || dice.bytes());
        Ok(Some(written.map_err(write_trouble)?))
    }

    /// Merges drops that all have confirmed; false when there is nothing to merge.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn merge(&mut self, keeper: &SigningKey, ledger: &Ledger) -> Result<bool, Trouble> {
        let written = self.replica().merge_drops(keeper).map_err(write_trouble)?;
        self.take_any(written, ledger)
    }

    pub(super) fn take_any(&mut self, written: Option<Effects>, ledger: &Ledger) -> Result<bool, Trouble> {
        let Some(effects) = written else { return Ok(false) };
        self.take_written(effects, ledger)?;
        Ok(true)
    }
}
