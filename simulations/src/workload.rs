//! What people write.

use musette_crdt::{
    document::Edit,
    schema::{Kind, kind},
    value::Value,
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
/// Few words, so that devices set the same field to the same and to different things.
const WORDS: &[&str] = &["", "Gîte", "Saline", "Leroy", "chorale", "2014", "\u{1f4ef} musette"];

/// One document of a deed.
#[derive(Debug, Clone)]
pub struct Act {
    /// The document.
    pub document: DocumentId,
    /// Its kind, if it is new.
    pub create: Option<&'static Kind>,
    /// What is set.
    pub edit: Edit,
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

/// Draws a deed of somebody who sees these documents, each of this kind.
pub fn draw(dice: &mut Dice, known: &[(DocumentId, String)], next_marker: &mut u64) -> Deed {
    let count = match dice.below(40) {
        0 => dice.between(10, 40),
        1..=6 => dice.between(2, 4),
        _ => 1,
    };
    let mut acts: Vec<Act> = Vec::new();
    for _ in 0..count {
        *next_marker += 1;
        let act = draw_act(dice, known, format!("m{next_marker}"));
        // Two edits of one document in one go are two deeds.
        if acts.iter().all(|other| other.document != act.document) {
            acts.push(act);
        }
    }
    let chunks = if dice.one_in(20) { vec![draw_chunk(dice)] } else { Vec::new() };
    Deed { acts, chunks }
}

fn draw_act(dice: &mut Dice, known: &[(DocumentId, String)], marker: String) -> Act {
    let new = known.is_empty() || known.len() < 30 && dice.one_in(4);
    let ((name, fields), document) = if new {
        (KINDS[dice.index(KINDS.len())], DocumentId::from_bytes(dice.bytes()))
    } else {
        let (document, name) = &known[dice.index(known.len())];
        let fields = KINDS.iter().find(|(kind, _)| kind == name).copied();
        (fields.expect("every document is of one of these kinds"), *document)
    };
    let mut edit = Edit { add: vec![("tags".to_owned(), vec![marker.clone()])], ..Edit::default() };
    for field in fields {
        if dice.one_in(2) {
            let word = WORDS[dice.index(WORDS.len())];
            let value = (!word.is_empty()).then(|| Value::from(word));
            edit.set.push((field.to_owned(), value));
        }
    }
    Act { document, create: new.then(|| kind(name).expect("a kind of the schema")), edit, marker }
}

fn draw_chunk(dice: &mut Dice) -> BlobChunk {
    let bytes = dice.some_bytes(1, 4_000);
    debug_assert!(bytes.len() <= BLOB_CHUNK_LEN);
    BlobChunk { blob: BlobId::from_bytes(dice.bytes()), index: 0, bytes }
}
