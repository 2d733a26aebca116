//! Files that belong to an item: cut into pieces, sealed, stored and synced.
//!
//! A file is stored a few pieces at a time, so that others are served in between and memory stays
//! bounded, whatever its length. The note on the item comes last: a crash before leaves pieces that
//! nothing names, never an attachment without its bytes.

use musette_crdt::view::Attachment;
use musette_protocol::{
    id::{BlobId, DocumentId},
    record::{BlobChunk, Change, Payload},
    replica::Write,
};
use serde_json::Value as Json;

use super::{Store, items::document_error, journal_error};
use crate::{
    clock, entropy,
    error::{Error, Result},
};

impl Store {
    /// Stores the next pieces of a file, under one commit.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn write_pieces(&mut self, blob: BlobId, first: u32, pieces: Vec<Vec<u8>>) -> Result<()> {
        let piece = |(index, bytes)| Write::BlobChunk(BlobChunk { blob, index, bytes });
        self.write((first..).zip(pieces).map(piece).collect(), Vec::new())
    }

    /// Notes on an item an attachment whose pieces are stored; gives the item.
    ///
    /// # Errors
    /// When the item has too many, or the disk refuses.
    pub(crate) fn note_attachment(&mut self, id: DocumentId, attachment: &Attachment) -> Result<Json> {
        let mut document = self.take_document(id)?;
        let short = self.device().short();
        document.attach(attachment, clock::now(), &short, entropy::bytes()).map_err(document_error)?;
        let bytes = document.take_changes();
        self.write(vec![Write::Change(Change { document: id, bytes })], vec![(id, document)])?;
        self.item(id)
    }

    /// An item's attachments of this name and size.
    ///
    /// # Errors
    /// When there is no such item.
    pub(crate) fn attachments_called(
        &self,
        id: DocumentId,
        name: &str,
        size: u64,
    ) -> Result<Vec<Attachment>> {
        let mut view = self.view(id).ok_or_else(|| Error::new("not-found").with("id", id))?;
        view.attachments.retain(|attachment| attachment.name == name && attachment.size == size);
        Ok(view.attachments)
    }

    /// An attachment's description, by its name or the beginning of its id.
    ///
    /// # Errors
    /// When the item has no such attachment.
    pub(crate) fn find_attachment(&self, id: DocumentId, wanted: &str) -> Result<Attachment> {
        let view = self.view(id).ok_or_else(|| Error::new("not-found").with("id", id))?;
        let found = view.attachments.iter().find(|attachment| attachment.name == wanted).or_else(|| {
            view.attachments.iter().find(|attachment| attachment.id.to_string().starts_with(wanted))
        });
        found.cloned().ok_or_else(|| Error::new("attachment-not-found").with("name", wanted))
    }

    /// One piece of an attachment; `None` after the last.
    ///
    /// # Errors
    /// When the disk fails, or the piece did not arrive here yet.
    pub(crate) fn read_piece(&mut self, attachment: &Attachment, index: u32) -> Result<Option<Vec<u8>>> {
        let Some(len) = attachment.piece_len(index) else { return Ok(None) };
        let missing = || Error::new("attachment-incomplete").with("name", &attachment.name);
        let location = self.state().chunk(&attachment.id, index);
        match self.replica.read_payload(location.ok_or_else(missing)?).map_err(journal_error)? {
            // One of another length would shift all that follows.
            Ok(Payload::BlobChunk(chunk)) if chunk.bytes.len() == len => Ok(Some(chunk.bytes)),
            _ => Err(missing()),
        }
    }
}
