//! A document that takes in what a device that means harm wrote: what is refused leaves nothing
//! behind and keeps nothing from loading, what is accepted is the same on every device, and all of it
//! can be shown.
#![no_main]

use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind, set_hook},
    process::abort,
    sync::OnceLock,
};

use libfuzzer_sys::fuzz_target;
use musette_crdt::{
    document::{Document, Edit},
    imported::ImportedRow,
    schema::{Kind, kind},
    timeline::timeline_entry,
    value::Value,
    view::{Attachment, ItemView},
};
use musette_crdt_fuzz::{
    hostile::{change, chunk, damaged},
    input::Input,
};
use musette_protocol::{
    id::{BlobId, DocumentId},
    time::Timestamp,
};

const ID: DocumentId = DocumentId::from_bytes([9; 16]);
const NOW: Timestamp = Timestamp::from_millis(1_795_428_000_000);
const MAX_MOVES: usize = 12;

fn activity() -> &'static Kind {
    kind("activity").expect("a kind")
}

fn row(input: &mut Input<'_>) -> ImportedRow {
    let mut fields: Vec<(String, Value)> = vec![("role".into(), "a".into())];
    if input.one_in(2) {
        fields.push(("from".into(), Value::Date("2014-04".parse().expect("a date"))));
    }
    if input.one_in(2) {
        fields.push(("skills".into(), Value::List(vec!["x".into(), format!("{}", input.byte() % 3)])));
    }
    if input.one_in(2) {
        fields.push(("description".into(), "long ".repeat(usize::from(input.byte())).into()));
    }
    let (file, source, stable_key) = ("Positions.csv".into(), "linkedin", "key".into());
    ImportedRow { kind: activity(), source, stable_key, fields, file, row: 2 }
}

fn edit(input: &mut Input<'_>) -> Edit {
    let mut edit = Edit::default();
    let text = Some(Value::Text(format!("t{}", input.byte() % 4)));
    edit.set
        .push((["role", "note", "description"][input.below(3)].into(), text.filter(|_| !input.one_in(4))));
    let list = ["skills", "tags", "labels"][input.below(3)];
    let entries = vec![["x", "y", "z"][input.below(3)].into()];
    if input.one_in(2) {
        edit.add.push((list.into(), entries));
    } else {
        edit.remove.push((list.into(), entries));
    }
    edit
}

/// An honest document and the payloads of its records.
fn honest() -> &'static [Vec<u8>] {
    static PAYLOADS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    PAYLOADS.get_or_init(|| {
        let mut document = Document::create_imported(&row(&mut Input::new(&[1, 1, 1]))).expect("creates");
        let mut payloads = vec![document.take_changes()];
        for n in 0..3 {
            let moves = [n, n, 0, n, n, n % 2];
            document.edit(&edit(&mut Input::new(&moves)), NOW, "d", [n + 1; 16]).expect("edits");
            payloads.push(document.take_changes());
        }
        attach(&mut document).expect("attaches");
        payloads.push(document.take_changes());
        payloads.push(document.save());
        payloads
    })
}

fn attach(document: &mut Document) -> Result<(), musette_crdt::document::DocumentError> {
    let (name, media_type) = ("cv.pdf".into(), "application/pdf".into());
    let attachment = Attachment {
        id: BlobId::from_bytes([3; 16]),
        name,
        media_type,
        size: 123,
        chunk_len: 100,
        digest: [7; 32],
    };
    document.attach(&attachment, NOW, "d", [6; 16])
}

fn shown(document: &Document) -> ItemView {
    let view = document.view(ID).expect("a document that loaded can be shown");
    let _ = (view.to_json(None), view.title(), timeline_entry(&view));
    view
}

/// The payloads that came.
#[derive(Default)]
struct Came {
    accepted: Vec<Vec<u8>>,
    refused: Vec<Vec<u8>>,
}

impl Came {
    /// Takes a payload in.
    fn take(&mut self, document: &mut Document, payload: Vec<u8>) {
        self.accepted.push(document.take_changes());
        let before = (document.heads(), document.save());
        if document.merge(&payload).is_ok() {
            self.accepted.push(payload);
        } else {
            assert!((document.heads(), document.save()) == before, "half of a payload is left behind");
            self.refused.push(payload);
        }
    }
}

fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let honest = honest();
    if input.one_in(4) {
        // Bytes that are loaded on their own, not merged.
        let payload = damaged(honest[5 * input.below(2)].clone(), &mut input);
        if let Ok(document) = Document::load([payload.as_slice()]) {
            shown(&document);
            let _ = document.history();
        }
        return;
    }
    let mut document = Document::load([honest[0].as_slice()]).expect("honest");
    let mut came = Came { accepted: vec![honest[0].clone()], ..Came::default() };
    for _ in 0..MAX_MOVES {
        if input.is_empty() {
            break;
        }
        // What a person does may be refused, when somebody took a part of the shape away.
        match input.below(12) {
            0 => {
                let payload = honest[input.below(honest.len())].clone();
                came.take(&mut document, payload);
            }
            1 | 2 => {
                let payload = honest[input.below(honest.len())].clone();
                came.take(&mut document, damaged(payload, &mut input));
            }
            3 => {
                let kind = input.byte() % 4;
                came.take(&mut document, chunk(kind, input.bytes()));
            }
            4 => came.take(&mut document, input.bytes().to_vec()),
            5..=7 => {
                let whole = document.save();
                let payload = change(&whole, &mut input);
                payload.into_iter().for_each(|payload| came.take(&mut document, payload));
            }
            8 => {
                let payload = change(&honest[0], &mut input);
                payload.into_iter().for_each(|payload| came.take(&mut document, payload));
            }
            9 => drop(document.edit(&edit(&mut input), NOW, "d", [0x20 | (input.byte() & 0xf); 16])),
            10 => drop(document.apply_import(&row(&mut input))),
            _ if input.one_in(2) => drop(document.undo_import(true, &[], NOW, "d", [0x31; 16])),
            _ => {
                let heads = document.heads();
                drop(document.undo_import(false, &heads, NOW, "d", [0x32; 16]));
                drop(attach(&mut document));
            }
        }
    }
    let Came { mut accepted, refused } = came;
    accepted.push(document.take_changes());
    accepted.retain(|payload| !payload.is_empty());
    let view = shown(&document);
    let history = document.history();
    let snapshot = Document::load([document.save().as_slice()]).expect("a snapshot loads");
    assert_eq!(snapshot.heads(), document.heads());
    assert_eq!(shown(&snapshot), view);
    assert_eq!(snapshot.history(), history);
    let all = Document::load(accepted.iter().chain(&refused).map(Vec::as_slice));
    assert!(all.is_ok(), "what was refused keeps a document from loading");
    for reversed in [false, true] {
        if reversed {
            accepted.reverse();
        }
        let other = Document::load(accepted.iter().map(Vec::as_slice)).expect("each was accepted");
        assert_eq!(other.heads(), document.heads());
        assert_eq!(shown(&other), view);
        assert_eq!(other.history(), history);
    }
}

thread_local! {
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The engine's panics are contained (`document.rs`), so a panic is a crash only if it gets here.
fn remember_panics() {
    set_hook(Box::new(|info| {
        let told = format!("{info}\n{}", std::backtrace::Backtrace::capture());
        LAST_PANIC.with(|last| last.replace(told));
    }));
}

fuzz_target!(init: remember_panics(), |data: &[u8]| {
    if catch_unwind(AssertUnwindSafe(|| run(data))).is_err() {
        eprintln!("{}", LAST_PANIC.take());
        abort();
    }
});
