//! Files that belong to an item: cut into chunks, sealed, stored and synced whole.

use std::{fs::File, io::Read as _, path::Path};

use musette_crdt::view::Attachment;
use musette_protocol::{
    id::{BlobId, DocumentId},
    limits::{BLOB_CHUNK_LEN, MAX_COMMIT_RECORDS},
    record::{BlobChunk, Change, Payload},
    replica::Write,
};
use serde_json::{Value as Json, json};

use super::{Store, items::document_error, journal_error};
use crate::{
    clock, entropy,
    error::{Error, Result},
};

/// The largest file taken: whole-file syncing of more would hold a connection for too long.
const MAX_ATTACHMENT_BYTES: u64 = 1024 * 1024 * 1024;
/// Chunks under one commit, so that memory stays bounded: 16 MiB.
const CHUNKS_AT_ONCE: usize = if MAX_COMMIT_RECORDS < 64 { MAX_COMMIT_RECORDS } else { 64 };

impl Store {
    /// Stores a file and notes it on an item. The note comes last: a crash before leaves chunks
    /// that nothing names, never an attachment without its bytes.
    ///
    /// # Errors
    /// When the file cannot be read or is too large, or the disk refuses.
    pub(crate) fn attach(
        &mut self,
        id: DocumentId,
        path: &Path,
        progress: &mut dyn FnMut(Json),
    ) -> Result<Json> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let unreadable = |error: &std::io::Error| {
            Error::new("file-unreadable").with("file", &name).with("reason", error.kind())
        };
        let mut file = File::open(path).map_err(|error| unreadable(&error))?;
        let metadata = file.metadata().map_err(|error| unreadable(&error))?;
        if !metadata.is_file() {
            return Err(Error::new("file-unreadable").with("file", &name).with("reason", "is not a file"));
        }
        let total = metadata.len();
        if total > MAX_ATTACHMENT_BYTES {
            return Err(Error::new("file-too-large").with("file", &name).with("limit", MAX_ATTACHMENT_BYTES));
        }
        let blob = BlobId::from_bytes(entropy::bytes());
        let (mut hasher, mut size, mut index) = (blake3::Hasher::new(), 0_u64, 0_u32);
        let mut writes = Vec::new();
        loop {
            let mut bytes = Vec::with_capacity(BLOB_CHUNK_LEN);
            let limit = BLOB_CHUNK_LEN as u64;
            file.by_ref().take(limit).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
            let last = bytes.is_empty();
            if !last {
                hasher.update(&bytes);
                size += bytes.len() as u64;
                writes.push(Write::BlobChunk(BlobChunk { blob, index, bytes }));
                index += 1;
            }
            if size > MAX_ATTACHMENT_BYTES {
                return Err(Error::new("file-too-large")
                    .with("file", &name)
                    .with("limit", MAX_ATTACHMENT_BYTES));
            }
            if !writes.is_empty() && (last || writes.len() >= CHUNKS_AT_ONCE) {
                self.write(std::mem::take(&mut writes), Vec::new())?;
                self.commit()?;
                progress(json!({ "done": size, "total": total, "what": name }));
            }
            if last {
                break;
            }
        }
        let media_type = media_type_of(&name).to_owned();
        let attachment =
            Attachment { id: blob, name, media_type, size, digest: *hasher.finalize().as_bytes() };
        self.note_attachment(id, &attachment)?;
        self.item(id)
    }

    fn note_attachment(&mut self, id: DocumentId, attachment: &Attachment) -> Result<()> {
        let mut document = self.take_document(id)?;
        let short = self.device().short();
        document.attach(attachment, clock::now(), &short, entropy::bytes()).map_err(document_error)?;
        let bytes = document.take_changes();
        self.write(vec![Write::Change(Change { document: id, bytes })], vec![(id, document)])
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

    /// One chunk of an attachment; `None` after the last.
    ///
    /// # Errors
    /// When the disk fails, or the chunk did not arrive here yet.
    pub(crate) fn read_chunk(&mut self, attachment: &Attachment, index: u32) -> Result<Option<Vec<u8>>> {
        if u64::from(index) * BLOB_CHUNK_LEN as u64 >= attachment.size {
            return Ok(None);
        }
        let missing = || Error::new("attachment-incomplete").with("name", &attachment.name);
        let location = self.state().chunk(&attachment.id, index);
        match self.replica.read_payload(location.ok_or_else(missing)?).map_err(journal_error)? {
            Ok(Payload::BlobChunk(chunk)) => Ok(Some(chunk.bytes)),
            _ => Err(missing()),
        }
    }
}

/// The media type that a file's name promises; nothing looks inside.
fn media_type_of(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    match extension.as_str() {
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "heic" => "image/heic",
        "mp3" => "audio/mpeg",
        "ogg" | "opus" => "audio/ogg",
        "m4a" => "audio/mp4",
        "mp4" => "video/mp4",
        "txt" => "text/plain",
        "md" => "text/markdown",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "json" => "application/json",
        "zip" => "application/zip",
        "odt" => "application/vnd.oasis.opendocument.text",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        _ => "application/octet-stream",
    }
}
