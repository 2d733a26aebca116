//! What people write.

use std::fmt;

use musette_crdt::{
    document::Edit,
    schema::{Kind, kind},
    value::Value,
    view::Attachment,
};
use musette_protocol::{
    id::{BlobId, DocumentId},
    limits::BLOB_CHUNK_LEN,
    record::BlobChunk,
};

use crate::dice::Dice;

/// Kinds of item that people write, each with two of its fields of text.
const KINDS: &[(&str, [&str; 2])] =
    &[("note", ["title", "text"]), ("contact", ["name", "organisation"]), ("activity", ["role", "place"])];

/// Few words, so that devices set the same field to the same and to different things. The empty one
/// empties the field.
const WORDS: &[&str] = &["", "Gîte", "Saline", "Leroy", "chorale", "2014", "\u{1f4ef} musette"];

/// Documents past which people rather write into one that is there.
const MAX_DOCUMENTS: usize = 24;

/// What is done to one document.
#[derive(Debug, Clone)]
pub struct Act {
    /// The document.
    pub document: DocumentId,
    /// Its kind, if it is new.
    pub create: Option<&'static Kind>,
    /// What is set, emptied and added.
    pub edit: Edit,
    /// A file that is attached.
    pub attach: Option<Attachment>,
    /// A word that is written this one time, and never removed.
    pub marker: String,
}

/// What a person does in one go.
#[derive(Debug, Clone)]
pub struct Deed {
    /// The documents written.
    pub acts: Vec<Act>,
    /// Pieces of attachments.
    pub chunks: Vec<BlobChunk>,
}

impl Deed {
    /// How much it is: each document counts.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.acts.len() as u64
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.acts.is_empty()
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.acts.iter().map(|act| act.marker.as_str()).collect();
        formatter.write_str(&words.join(" "))
    }
}

/// Draws a deed of somebody who sees these documents, each of this kind.
pub fn draw(dice: &mut Dice, known: &[(DocumentId, &'static str)], next_marker: &mut u64) -> Deed {
    let count = match dice.below(40) {
        0 => dice.between(10, 30),
        1..=20 => dice.between(2, 6),
        _ => 1,
    };
    let mut deed = Deed { acts: Vec::new(), chunks: Vec::new() };
    for _ in 0..count {
        *next_marker += 1;
        let act = draw_act(dice, known, format!("m{next_marker}"), &mut deed.chunks);
        // Two edits of one document in one go are two deeds.
        if deed.acts.iter().all(|other| other.document != act.document) {
            deed.acts.push(act);
        }
    }
    deed
}

fn draw_act(
    dice: &mut Dice,
    known: &[(DocumentId, &'static str)],
    marker: String,
    chunks: &mut Vec<BlobChunk>,
) -> Act {
    let new = known.is_empty() || known.len() < MAX_DOCUMENTS && dice.one_in(4);
    let ((name, fields), document) = if new {
        (KINDS[dice.index(KINDS.len())], DocumentId::from_bytes(dice.bytes()))
    } else {
        let (document, name) = &known[dice.index(known.len())];
        let fields = KINDS.iter().find(|(kind, _)| kind == name).copied();
        (fields.expect("every document is of one of these kinds"), *document)
    };
    let mut edit = Edit { add: vec![("tags".to_owned(), vec![marker.clone()])], ..Edit::default() };
    for field in fields {
        if dice.one_in(3) {
            let word = WORDS[dice.index(WORDS.len())];
            let value = (!word.is_empty()).then(|| Value::from(word));
            edit.set.push((field.to_owned(), value));
        }
    }
    let attach = dice.one_in(16).then(|| draw_attachment(dice, chunks));
    Act { document, create: new.then(|| kind(name).expect("a kind of the schema")), edit, attach, marker }
}

/// A small file, and its pieces.
fn draw_attachment(dice: &mut Dice, chunks: &mut Vec<BlobChunk>) -> Attachment {
    let blob = BlobId::from_bytes(dice.bytes());
    let (pieces, chunk_len) = (dice.between(1, 3), dice.between(1, 2_000));
    let mut size = 0;
    for index in 0..pieces {
        let least = if index + 1 < pieces { chunk_len } else { 1 };
        let bytes = dice.some_bytes(least, chunk_len);
        debug_assert!(bytes.len() <= BLOB_CHUNK_LEN);
        size += bytes.len() as u64;
        chunks.push(BlobChunk { blob, index: u32::try_from(index).expect("three at most"), bytes });
    }
    Attachment {
        id: blob,
        name: "photo.jpg".to_owned(),
        media_type: "image/jpeg".to_owned(),
        size,
        digest: dice.bytes(),
        // Pieces are told to be longer than they are: real ones would fill the memory.
        chunk_len: u32::try_from(BLOB_CHUNK_LEN).expect("a small number"),
    }
}
