//! How a device forgets documents for good, as the node's shell does it.

use std::collections::{BTreeMap, BTreeSet};

use musette_protocol::{
    crypto::sign::SigningKey,
    id::{BlobId, DocumentId},
    replica::{Effects, forgetting::Forgetting},
};

use super::{Device, write_trouble};
use crate::{
    check::{Violation, authenticity::Ledger, durability::Acknowledged},
    dice::Dice,
    options::Breakage,
    storage::Trouble,
};

impl Device {
    /// Forgets documents that are shown here. Durable, and acknowledged, after [`Device::sync`].
    ///
    /// # Errors
    /// When the disk refuses: then nothing was written.
    pub fn forget(
        &mut self,
        documents: &[DocumentId],
        keeper: Option<&SigningKey>,
        dice: &mut Dice,
        ledger: &mut Ledger,
    ) -> Result<(), Trouble> {
        let mut attached = BTreeMap::new();
        for id in documents {
            // Nobody forgets what is not shown yet.
            if self.documents.view(*id)?.is_some() {
                attached.insert(*id, self.documents.attachments(*id)?);
            }
        }
        let forgetting: Vec<Forgetting<'_>> =
            attached.iter().map(|(document, blobs)| Forgetting { document: *document, blobs }).collect();
        self.bury(ledger)?;
        let replica = self.replica.as_mut().expect("only devices that are on are asked");
        let written = replica.forget(&forgetting, &self.key, keeper, &mut || dice.bytes());
        let effects = written.map_err(write_trouble)?;
        forgetting.iter().for_each(|one| ledger.note_forgotten(one.document));
        self.take_forgetting(effects, ledger)
    }

    fn take_forgetting(&mut self, effects: Effects, ledger: &mut Ledger) -> Result<(), Trouble> {
        for newly in &effects.counted {
            ledger.note_commit(&newly.counted, self.state());
            self.waiting.push(Acknowledged::of(&newly.counted, Vec::new()));
        }
        self.take_written(effects, ledger)
    }

    /// Notes what is attached to a document that turns out to be forgotten.
    pub(super) fn note_late(&mut self, id: DocumentId) -> Result<(), Violation> {
        if self.documents.is_stored(id) {
            let blobs = self.documents.attachments(id)?;
            self.late.extend((!blobs.is_empty()).then_some((id, blobs)));
        }
        Ok(())
    }

    /// Names what was attached here to documents that another device forgot meanwhile; false when there is
    /// nothing.
    ///
    /// # Errors
    /// When the disk refuses; it is then to be tried again.
    pub fn forget_late(&mut self, dice: &mut Dice, ledger: &mut Ledger) -> Result<bool, Trouble> {
        if self.late.is_empty() || !self.may_write() {
            return Ok(false);
        }
        if self.is_broken(Breakage::KeepForgotten) {
            return Ok(false);
        }
        let replica = self.replica.as_mut().expect("only devices that are on are asked");
        let named =
            replica.forget_late(&self.late, &self.key, &mut || dice.bytes()).map_err(write_trouble)?;
        let is_any = named.is_some();
        if let Some(effects) = named {
            self.take_forgetting(effects, ledger)?;
        }
        // What is in quarantine now may be forgotten again, and by then nothing of it is read here.
        let late = std::mem::take(&mut self.late);
        let (named, kept) = late.into_iter().partition(|(document, _)| self.state().is_forgotten(document));
        self.naming.extend::<BTreeMap<_, _>>(named);
        self.late = kept;
        Ok(is_any)
    }

    /// What is attached to each document that is shown.
    ///
    /// # Errors
    /// When one cannot be merged.
    pub fn attached(&mut self) -> Result<BTreeMap<DocumentId, BTreeSet<BlobId>>, Violation> {
        let ids: Vec<DocumentId> = self.documents.known().into_iter().map(|(id, _)| id).collect();
        ids.into_iter().map(|id| Ok((id, self.documents.attachments(id)?))).collect()
    }

    /// Notes what was attached to documents before this device was put in the place of another one: what forgets
    /// one of them may have counted since.
    pub fn note_attached(&mut self, attached: BTreeMap<DocumentId, BTreeSet<BlobId>>) {
        let late =
            attached.into_iter().filter(|(id, blobs)| !blobs.is_empty() && self.state().is_forgotten(id));
        let late: Vec<_> = late.collect();
        self.late.extend(late);
    }

    /// Notes that what it has not named or attached durably may stay: once it ends, nobody can name it any
    /// more. Nor can it tell then what was attached to a document that it cannot read: a node keeps in its
    /// index what such a document showed, and may have none.
    pub fn excuse_late(&self, ledger: &mut Ledger) {
        let unnamed = self.late.values().chain(self.naming.values()).flatten();
        let unnamed = unnamed.chain(&self.attaching).chain(self.documents.attached_before());
        unnamed.for_each(|blob| ledger.excuse(*blob));
    }

    /// Drops what is left of forgotten documents; false when there is nothing.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn drop_forgotten(&mut self, keeper: &SigningKey, ledger: &mut Ledger) -> Result<bool, Trouble> {
        if self.is_broken(Breakage::KeepForgotten) || self.state().forgotten().next().is_none() {
            return Ok(false);
        }
        self.bury(ledger)?;
        let is_elected = self.is_elected();
        let written = self.replica().drop_forgotten(keeper, is_elected).map_err(write_trouble)?;
        self.take_any(written, ledger)
    }

    /// Notes all that is held: any of it may be dropped next.
    fn bury(&mut self, ledger: &mut Ledger) -> Result<(), Trouble> {
        for record in self.state().held() {
            if !ledger.graves.has(&record)
                && let Some(location) = self.state().location(&record)
            {
                let sealed = self.replica().read(location)?;
                ledger.graves.note(record, &sealed);
            }
        }
        Ok(())
    }
}
