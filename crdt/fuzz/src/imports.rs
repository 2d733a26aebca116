//! What must hold of every importer, whatever the file.

use std::{collections::BTreeSet, io::Cursor, ops::ControlFlow};

use musette_crdt::{
    document::Document,
    import::{Event, Format, ImportError, read},
    imported::ImportedRow,
};
use musette_protocol::id::DocumentId;

/// Rows that are made into documents: the first ones; the rest would cost time and show nothing new.
const MADE: usize = 8;

/// What a reading brought.
pub struct Brought {
    rows: Vec<ImportedRow>,
    events: Vec<Event>,
    error: Option<&'static str>,
}

fn brought(format: Format, name: &str, bytes: &[u8]) -> Brought {
    let (mut rows, mut events) = (Vec::new(), Vec::new());
    let ended: Result<(), ImportError> = read(format, name, &mut Cursor::new(bytes), &mut |event| {
        if let Event::Row(row) = &event {
            rows.push(row.clone());
        }
        events.push(event);
        ControlFlow::Continue(())
    });
    Brought { rows, events, error: ended.err().map(|error| error.code()) }
}

/// Reads a file. Every row makes an item, a second reading says the same, and rows of one file
/// (`one_file`) name different items.
///
/// # Panics
/// When one of these does not hold.
pub fn check(format: Format, name: &str, bytes: &[u8], one_file: bool) {
    let mut source = Cursor::new(bytes);
    let _ = Format::detect(name, &mut source);
    assert_eq!(source.position(), 0, "detecting leaves the source at its beginning");

    let Brought { rows, events, error } = brought(format, name, bytes);
    let again = brought(format, name, bytes);
    assert_eq!((&events, error), (&again.events, again.error));

    let ids: BTreeSet<DocumentId> = rows.iter().map(|row| row.document_id(&[7; 32])).collect();
    assert!(!one_file || ids.len() == rows.len(), "two rows of one file name one item");
    for row in rows.iter().take(MADE) {
        let document = Document::create_imported(row).expect("a row that is handed over makes an item");
        let view = document.view(DocumentId::from_bytes([9; 16])).expect("it can be shown");
        let _ = view.to_json(None);
        assert_eq!(view.kind, row.kind.name);
    }
}
