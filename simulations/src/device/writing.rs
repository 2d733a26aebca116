//! What the person does on a device, as the node's shell does it.

use std::collections::BTreeMap;

use musette_crdt::document::Document;
use musette_protocol::{
    record::{Change, Payload},
    replica::{Effects, Write},
    time::Timestamp,
};

use super::{Device, write_trouble};
use crate::{
    check::{Check, Violation, authenticity::Ledger, durability::Acknowledged},
    dice::Dice,
    documents::unreadable,
    options::Breakage,
    storage::Trouble,
    workload::{Act, Deed},
};

impl Device {
    /// Writes statements that carry their own signature.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write_statements(
        &mut self,
        statements: Vec<Payload>,
        dice: &mut Dice,
        ledger: &Ledger,
    ) -> Result<(), Trouble> {
        for statement in statements {
            let written = self.replica().write_statement(statement, &mut || dice.bytes());
            let effects = written.map_err(write_trouble)?;
            self.dirty = true;
            self.check_not_refused(&effects)?;
            self.apply(effects, ledger)?;
        }
        Ok(())
    }

    /// Does what its person does; gives how many documents that were. Durable, and acknowledged, after
    /// [`Device::sync`].
    ///
    /// # Errors
    /// When the disk refuses: then nothing was written.
    pub fn write(
        &mut self,
        deed: Deed,
        now: Timestamp,
        dice: &mut Dice,
        ledger: &mut Ledger,
    ) -> Result<u64, Trouble> {
        deed.chunks.iter().for_each(|chunk| ledger.note_chunk(chunk));
        let mut writes: Vec<Write> = deed.chunks.into_iter().map(Write::BlobChunk).collect();
        let (mut at_hand, mut markers) = (BTreeMap::new(), Vec::new());
        for act in deed.acts {
            // Nobody edits what is not shown yet.
            let Some(mut document) = self.act(&act, now, dice)? else { continue };
            let bytes = document.take_changes();
            writes.push(Write::Change(Change { document: act.document, bytes }));
            ledger.note_marker(&act.marker);
            if let Some(attachment) = &act.attach {
                ledger.note_attachment(attachment.id, act.document);
                self.attaching.push(attachment.id);
            }
            markers.push((act.document, act.marker));
            at_hand.insert(act.document, document);
        }
        let replica = self.replica.as_mut().expect("only devices that are on are asked");
        let effects = replica.write(writes, &self.key, &mut || dice.bytes()).map_err(write_trouble)?;
        self.dirty = true;
        self.check_not_refused(&effects)?;
        for newly in &effects.counted {
            ledger.note_commit(&newly.counted, self.state());
            self.waiting.push(Acknowledged::of(&newly.counted, std::mem::take(&mut markers)));
        }
        if self.is_broken(Breakage::AcknowledgeBeforeFsync) {
            self.acknowledged.append(&mut self.waiting);
        }
        for newly in effects.counted {
            self.take_in(newly.counted, newly.changes.into_iter().collect())?;
        }
        let written = at_hand.len() as u64;
        for (id, document) in at_hand {
            self.documents.put_back(id, document);
        }
        Ok(written)
    }

    fn act(&mut self, act: &Act, now: Timestamp, dice: &mut Dice) -> Result<Option<Document>, Violation> {
        let (device, actor) = (self.id.short(), dice.bytes());
        let mut document = match act.create {
            Some(kind) => {
                self.documents.note_kind(act.document, kind.name);
                Document::create(kind, &[], now, &device, actor).map_err(|error| unreadable(&error))?
            }
            None => match self.documents.take_out(act.document)? {
                Some(document) => document,
                None => return Ok(None),
            },
        };
        document.edit(&act.edit, now, &device, actor).map_err(|error| unreadable(&error))?;
        if let Some(attachment) = &act.attach {
            document.attach(attachment, now, &device, actor).map_err(|error| unreadable(&error))?;
        }
        Ok(Some(document))
    }

    pub(super) fn check_not_refused(&self, effects: &Effects) -> Result<(), Violation> {
        match effects.refused.first() {
            Some(refusal) => Err(Violation::new(Check::Courtesy, format!("own record: {refusal}"))),
            None => Ok(()),
        }
    }
}
