//! What the log of an index is made of: rows, packed into blocks.

use std::collections::BTreeMap;

use musette_protocol::{
    id::{BlobId, CommitId, DeviceId, DocumentId, OperationId, RecordId},
    journal::Location,
    replica::{Counted, Item, Subject},
};
use serde::{Deserialize, Serialize};

use super::{IndexError, PART_LEN, nonsense};

/// Something that was added to the index. Of two views of one document the later one holds; an empty
/// one says that nothing is shown of it any more.
#[derive(Serialize, Deserialize)]
pub(super) enum Row<'a> {
    Counted(CountedRow),
    View(DocumentId, &'a [u8]),
    Arrived(ItemRow),
}

/// What counts, as a log gives it back: each after what it builds on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) enum Kept {
    Counted(Counted),
    /// What came after the commit that names it.
    Arrived(Item),
}

#[derive(Serialize, Deserialize)]
pub(super) struct CountedRow {
    device: DeviceId,
    number: u64,
    commit: CommitId,
    record: RecordId,
    location: Location,
    seen: Vec<CommitId>,
    items: Vec<ItemRow>,
    wanted: Vec<RecordId>,
    again: Vec<RecordId>,
    listed: Vec<RecordId>,
    log_heads: Vec<OperationId>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ItemRow(RecordId, Location, SubjectRow);

#[derive(Serialize, Deserialize)]
enum SubjectRow {
    Document(DocumentId),
    Blob(BlobId, u32),
    Forgotten(DocumentId),
}

/// Views by document, as they are kept in memory.
pub(in crate::store) type PackedViews = BTreeMap<DocumentId, Box<[u8]>>;

/// What is done with something that counts.
pub(in crate::store) type OnKept<'a> = dyn FnMut(Kept) + 'a;

/// Takes in the rows of a log.
pub(super) struct Reader<'a> {
    on_kept: &'a mut OnKept<'a>,
    /// The last commit of each chain.
    last: BTreeMap<DeviceId, u64>,
    views: Vec<(DocumentId, Box<[u8]>)>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(on_kept: &'a mut OnKept<'a>) -> Self {
        Self { on_kept, last: BTreeMap::new(), views: Vec::new() }
    }

    /// Takes in what a block says; blocks come in order.
    pub(super) fn read(&mut self, block: &[u8]) -> Result<(), IndexError> {
        each(block, &mut |row, _| {
            match row {
                Row::Counted(row) => {
                    let last = self.last.entry(row.device).or_default();
                    if row.number != *last + 1 {
                        return Err(nonsense());
                    }
                    *last = row.number;
                    (self.on_kept)(Kept::Counted(row.into()));
                }
                Row::Arrived(row) => (self.on_kept)(Kept::Arrived(row.into())),
                Row::View(id, view) => self.views.push((id, view.into())),
            }
            Ok(())
        })
    }

    /// How many views there are, those that no longer hold among them, and those that hold.
    pub(super) fn finish(mut self) -> (u64, PackedViews) {
        let view_rows = self.views.len() as u64;
        // Stable: of one document's views the last stays last, and a map keeps the last.
        self.views.sort_by_key(|(id, _)| *id);
        let mut views: PackedViews = self.views.into_iter().collect();
        views.retain(|_, view| !view.is_empty());
        (view_rows, views)
    }
}

/// What is done with a row and its bytes.
type OnRow<'a> = dyn FnMut(Row<'_>, &[u8]) -> Result<(), IndexError> + 'a;

/// Hands on each row of a block, and its bytes.
pub(super) fn each(mut block: &[u8], on_row: &mut OnRow<'_>) -> Result<(), IndexError> {
    while !block.is_empty() {
        let (row, rest) = postcard::take_from_bytes(block).map_err(|_| nonsense())?;
        on_row(row, &block[..block.len() - rest.len()])?;
        block = rest;
    }
    Ok(())
}

/// Packs rows into blocks of one part; a long row has a block of its own, in several parts.
#[derive(Default)]
pub(super) struct Packer {
    full: Vec<Vec<u8>>,
    open: Vec<u8>,
}

impl Packer {
    /// Adds a row as it is written.
    pub(super) fn push(&mut self, row: &[u8]) {
        if self.open.len() + row.len() > PART_LEN && !self.open.is_empty() {
            self.full.push(std::mem::take(&mut self.open));
        }
        self.open.extend_from_slice(row);
    }

    /// Full blocks that wait to be written.
    pub(super) const fn waiting(&self) -> usize {
        self.full.len()
    }

    /// Takes the full blocks.
    pub(super) fn take_full(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.full)
    }

    /// Takes all blocks, the last as full as it is.
    pub(super) fn take_all(&mut self) -> Vec<Vec<u8>> {
        let mut blocks = self.take_full();
        blocks.extend(Some(std::mem::take(&mut self.open)).filter(|open| !open.is_empty()));
        blocks
    }
}

impl From<&Counted> for CountedRow {
    fn from(counted: &Counted) -> Self {
        Self {
            device: counted.device,
            number: counted.number,
            commit: counted.commit,
            record: counted.record,
            location: counted.location,
            seen: counted.seen.clone(),
            items: counted.items.iter().map(ItemRow::from).collect(),
            wanted: counted.wanted.clone(),
            again: counted.again.clone(),
            listed: counted.listed.clone(),
            log_heads: counted.log_heads.clone(),
        }
    }
}

impl From<CountedRow> for Counted {
    fn from(row: CountedRow) -> Self {
        Self {
            device: row.device,
            number: row.number,
            commit: row.commit,
            record: row.record,
            location: row.location,
            seen: row.seen,
            items: row.items.into_iter().map(Item::from).collect(),
            wanted: row.wanted,
            again: row.again,
            listed: row.listed,
            log_heads: row.log_heads,
        }
    }
}

impl From<&Item> for ItemRow {
    fn from(item: &Item) -> Self {
        let subject = match item.subject {
            Subject::Document(id) => SubjectRow::Document(id),
            Subject::Blob(id, index) => SubjectRow::Blob(id, index),
            Subject::Forgotten(id) => SubjectRow::Forgotten(id),
        };
        Self(item.record, item.location, subject)
    }
}

impl From<ItemRow> for Item {
    fn from(ItemRow(record, location, subject): ItemRow) -> Self {
        let subject = match subject {
            SubjectRow::Document(id) => Subject::Document(id),
            SubjectRow::Blob(id, index) => Subject::Blob(id, index),
            SubjectRow::Forgotten(id) => Subject::Forgotten(id),
        };
        Self { record, location, subject }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::bytes_of, *};

    fn document(n: u8) -> DocumentId {
        DocumentId::from_bytes([n; 16])
    }

    #[test]
    fn rows_come_back_in_order_and_only_long_ones_fill_more_than_a_part() {
        let views: Vec<Vec<u8>> =
            [10, PART_LEN, 200, PART_LEN * 3, 0, 3_000, 3_000].map(|len| vec![1; len]).to_vec();
        let mut packer = Packer::default();
        for (n, view) in views.iter().enumerate() {
            packer.push(&bytes_of(&Row::View(document(n as u8), view)));
        }
        let blocks = packer.take_all();
        assert_eq!(blocks.iter().filter(|block| block.len() > PART_LEN).count(), 2);
        let mut found = Vec::new();
        for block in &blocks {
            each(block, &mut |row, _| {
                if let Row::View(id, view) = row {
                    found.push((id, view.to_vec()));
                }
                Ok(())
            })
            .unwrap();
        }
        let wanted: Vec<_> =
            views.into_iter().enumerate().map(|(n, view)| (document(n as u8), view)).collect();
        assert_eq!(found, wanted);
        assert!(packer.take_all().is_empty());
    }

    #[test]
    fn the_last_view_of_a_document_holds() {
        let mut packer = Packer::default();
        for (n, view) in [(2, b"old"), (1, b"one"), (2, b"new")] {
            packer.push(&bytes_of(&Row::View(document(n), view)));
        }
        let mut nothing = |_| unreachable!("only views were written");
        let mut reader = Reader::new(&mut nothing);
        packer.take_all().iter().for_each(|block| reader.read(block).unwrap());
        let (view_rows, views) = reader.finish();
        assert_eq!(view_rows, 3);
        assert_eq!(views.into_values().collect::<Vec<_>>(), [(*b"one").into(), (*b"new").into()]);
    }

    #[test]
    fn a_block_that_is_cut_is_noticed() {
        let mut packer = Packer::default();
        packer.push(&bytes_of(&Row::View(document(1), b"view")));
        let block = packer.take_all().remove(0);
        for len in 1..block.len() {
            assert!(Reader::new(&mut |_| ()).read(&block[..len]).is_err());
        }
    }
}
