//! Attachments: a file in, a file out, and fetching one from another device.

use std::{
    fs::File,
    io::{Read as _, Seek as _},
    path::{Path as FilePath, PathBuf},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::{Path, State},
    http::header,
    response::{IntoResponse as _, Response},
};
use musette_crdt::view::Attachment;
use musette_protocol::{id::BlobId, limits::BLOB_PIECE_LEN};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use super::{Context, json_lines, lines::WAITING_LINES, parse};
use crate::{
    driver::{Driver, blocking},
    entropy,
    error::{Error, Result},
    store::Store,
};

/// The largest file taken. Each of its four thousand pieces costs every device some hundred bytes of
/// memory, fetched or not.
const MAX_ATTACHMENT_BYTES: u64 = 1024 * 1024 * 1024;
/// Pieces under one commit: 4 MiB, while the next 4 MiB are read.
const PIECES_AT_ONCE: usize = 16;
/// How often a fetch is looked at although nothing arrived.
const WATCH_EVERY: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAttachment {
    path: PathBuf,
}

/// Stores a file and notes it on an item. Goes on when the caller leaves.
pub(super) async fn attach(
    State(context): State<Context>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response> {
    let NewAttachment { path } = parse(&body)?;
    let (lines, receiver) = mpsc::channel(WAITING_LINES);
    tokio::spawn(async move {
        let last = match store_file(&context.driver, id, path, &lines).await {
            Ok(item) => json!({ "result": item }),
            Err(error) => error.to_json(),
        };
        drop(lines.send(last).await);
    });
    Ok(json_lines(receiver))
}

async fn store_file(driver: &Driver, id: String, path: PathBuf, lines: &mpsc::Sender<Json>) -> Result<Json> {
    let id = driver.run(move |store| store.find(&id)).await?;
    let source = blocking(move || Source::open(&path)).await?;
    let (name, size) = (source.name.clone(), source.total);
    let twins = driver.run(move |store| store.attachments_called(id, &name, size)).await?;
    let (source, is_there) = blocking(move || source.find_among(&twins)).await?;
    if is_there {
        return driver.run(move |store| store.item(id)).await;
    }
    let (mut source, mut pieces) = blocking(move || source.next()).await?;
    let (blob, mut first) = (BlobId::from_bytes(entropy::bytes()), 0_u32);
    while !pieces.is_empty() {
        let begin = first;
        first += u32::try_from(pieces.len()).expect("as many as are read at once");
        let done =
            json!({ "done": source.size, "total": source.total, "what": source.name, "unit": "bytes" });
        let write = driver.run(move |store| store.write_pieces(blob, begin, pieces));
        let (read, written) = tokio::join!(blocking(move || source.next()), write);
        written?;
        (source, pieces) = read?;
        drop(lines.try_send(json!({ "progress": done })));
    }
    let attachment = source.describe(blob);
    driver.run(move |store| store.note_attachment(id, &attachment)).await
}

/// A file that is being read.
struct Source {
    file: File,
    name: String,
    /// What it said its length is; what is read counts.
    total: u64,
    size: u64,
    hasher: blake3::Hasher,
}

impl Source {
    fn open(path: &FilePath) -> Result<Self> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
        let (metadata, file) = opened.map_err(|error| unreadable(path.display(), error.kind()))?;
        if !metadata.is_file() {
            return Err(Error::new("not-a-file").with("file", path.display()));
        }
        let source = Self { file, name, total: metadata.len(), size: 0, hasher: blake3::Hasher::new() };
        source.check_size(metadata.len())?;
        Ok(source)
    }

    /// Looks whether it is one of these attachments, byte for byte, and goes back to its start.
    fn find_among(mut self, attachments: &[Attachment]) -> Result<(Self, bool)> {
        if attachments.is_empty() {
            return Ok((self, false));
        }
        let mut hasher = blake3::Hasher::new();
        let read = hasher.update_reader(self.file.by_ref().take(self.total)).map(drop);
        let read = read.and_then(|()| self.file.rewind());
        read.map_err(|error| unreadable(&self.name, error.kind()))?;
        let digest = *hasher.finalize().as_bytes();
        let is_there = attachments.iter().any(|attachment| attachment.digest == digest);
        Ok((self, is_there))
    }

    /// The next pieces, none at the end.
    fn next(mut self) -> Result<(Self, Vec<Vec<u8>>)> {
        let mut pieces = Vec::new();
        while pieces.len() < PIECES_AT_ONCE {
            let mut bytes = Vec::with_capacity(BLOB_PIECE_LEN);
            let read = self.file.by_ref().take(BLOB_PIECE_LEN as u64).read_to_end(&mut bytes);
            read.map_err(|error| unreadable(&self.name, error.kind()))?;
            if bytes.is_empty() {
                break;
            }
            self.hasher.update(&bytes);
            self.size += bytes.len() as u64;
            self.check_size(self.size)?;
            pieces.push(bytes);
        }
        Ok((self, pieces))
    }

    fn check_size(&self, size: u64) -> Result<()> {
        if size > MAX_ATTACHMENT_BYTES {
            let error = Error::new("file-too-large").with("file", &self.name);
            return Err(error.with("limit", MAX_ATTACHMENT_BYTES));
        }
        Ok(())
    }

    fn describe(self, id: BlobId) -> Attachment {
        let media_type = media_type_of(&self.name).to_owned();
        let digest = *self.hasher.finalize().as_bytes();
        let chunk_len = BLOB_PIECE_LEN as u32;
        Attachment { id, name: self.name, media_type, size: self.size, digest, chunk_len }
    }
}

fn unreadable(name: impl std::fmt::Display, reason: impl std::fmt::Display) -> Error {
    Error::new("file-unreadable").with("file", name).with("reason", reason)
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

/// Fetches an attachment from other devices, whatever its size; the last line says how it ended. Who
/// leaves before only stops watching.
pub(super) async fn fetch(
    State(context): State<Context>,
    Path((id, name)): Path<(String, String)>,
) -> Result<Response> {
    let driver = context.driver;
    let ask = move |store: &mut Store| {
        let id = store.find(&id)?;
        let attachment = store.ask_for(id, &name)?;
        let fetched = store.fetched(&attachment)?;
        Ok((attachment, fetched))
    };
    let mut changed = driver.changed();
    let (attachment, mut fetched) = driver.run(ask).await?;
    if fetched["whole"] != true && context.network.is_none() {
        return Err(Error::new("needs-running-node"));
    }
    let (lines, receiver) = mpsc::channel(WAITING_LINES);
    tokio::spawn(async move {
        while fetched["whole"] != true {
            drop(lines.try_send(json!({ "progress": progress_of(&fetched) })));
            tokio::select! {
                Ok(()) = changed.changed() => {}
                // Time tells too: a device that was shut is gone without a word.
                () = tokio::time::sleep(WATCH_EVERY) => {}
                () = lines.closed() => return,
            }
            let attachment = attachment.clone();
            fetched = match driver.run(move |store| store.fetched(&attachment)).await {
                Ok(fetched) => fetched,
                Err(error) => return drop(lines.send(error.to_json()).await),
            };
        }
        drop(lines.send(json!({ "result": fetched })).await);
    });
    Ok(json_lines(receiver))
}

fn progress_of(fetched: &Json) -> Json {
    json!({
        "done": fetched["done"],
        "total": fetched["total"],
        "what": fetched["name"],
        "unit": "bytes",
        "from": fetched["from"],
        "why": fetched["why"],
    })
}

/// The bytes of an attachment, a piece at a time. One that cannot be read, or is not the file that was
/// attached, ends the answer short of the announced length, so that nobody takes it for the whole.
pub(super) async fn attachment(
    State(context): State<Context>,
    Path((id, name)): Path<(String, String)>,
) -> Result<Response> {
    let driver = context.driver;
    let work = move |store: &mut Store| {
        let id = store.find(&id)?;
        let attachment = store.find_attachment(id, &name)?;
        let first = store.read_piece(&attachment, 0)?;
        Ok((attachment, first))
    };
    let (attachment, first) = driver.run(work).await?;
    let headers = [
        (header::CONTENT_TYPE, attachment.media_type.clone()),
        (header::CONTENT_LENGTH, attachment.size.to_string()),
    ];
    let reading = Reading { driver, attachment, index: 0, hasher: blake3::Hasher::new() };
    let pieces = futures::stream::unfold(first.map(|piece| (reading, piece)), |state| async {
        let (mut reading, piece) = state?;
        reading.hasher.update(&piece);
        Some(match reading.next().await {
            Ok(next) => (Ok(Bytes::from(piece)), next.map(|piece| (reading, piece))),
            Err(error) => (Err(error), None),
        })
    });
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// An attachment that is being read.
struct Reading {
    driver: Driver,
    attachment: Attachment,
    index: u32,
    hasher: blake3::Hasher,
}

impl Reading {
    /// The next piece; `None` after the last, if all of them are the file.
    async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        self.index += 1;
        let (attachment, index) = (self.attachment.clone(), self.index);
        let next = self.driver.run(move |store| store.read_piece(&attachment, index)).await?;
        if next.is_none() && *self.hasher.finalize().as_bytes() != self.attachment.digest {
            return Err(Error::new("attachment-incomplete").with("name", &self.attachment.name));
        }
        Ok(next)
    }
}
