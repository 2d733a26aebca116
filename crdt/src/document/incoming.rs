//! What others wrote: payloads made into changes, and which of them are taken in.
//!
//! The engine takes nearly anything, and what it makes of an operation that names things that are
//! not where it says depends on what else it reads at the same time: devices that hold the same
//! changes would show different documents, and a snapshot would not load. So a change is taken in
//! once it [fits](Known::fits), which depends on the changes that it names and on nothing else;
//! till then it waits, maybe for ever.

use std::{
    collections::HashMap,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use automerge::{
    ActorId, Automerge, AutomergeError, Change, ChangeHash, ObjType,
    legacy::{ElementId, Key, ObjectId, Op, OpId, OpType},
};

use super::{DocumentError, read_kind, shape::Shape};
use crate::limits::MAX_CHANGES_BYTES;

/// The byte of a chunk that tells its type, after magic and checksum; see
/// <https://automerge.org/automerge-binary-format-spec/>.
const CHUNK_TYPE_OFFSET: usize = 8;

/// Where a chunk has its checksum: the first bytes of the hash of its change.
const CHECKSUM: Range<usize> = 4..8;

/// The type of the chunk that holds a whole document.
const DOCUMENT_CHUNK: u8 = 0;

/// Where an operation writes. An entry of a list is named by the operation that inserted it.
#[derive(Debug, Clone)]
struct Place {
    object: ObjectId,
    key: Key,
    /// The object that the operation makes.
    makes: Option<ObjType>,
}

impl Place {
    fn of(op: &Op, id: &OpId) -> Self {
        let key = if op.insert { Key::Seq(ElementId::Id(id.clone())) } else { op.key.clone() };
        Self { object: op.obj.clone(), key, makes: op.obj_type() }
    }

    fn is_also(&self, object: &ObjectId, key: &Key) -> bool {
        self.object == *object && self.key == *key
    }
}

/// What the changes of a document hold that others may name.
#[derive(Debug, Default, Clone)]
pub(super) struct Known {
    /// What it begins with: the changes of a shape, which all documents of a kind share.
    base: Option<Arc<Self>>,
    /// The changes, with the number of the last operation up to each.
    changes: HashMap<ChangeHash, u64>,
    /// How many changes each actor wrote.
    written: HashMap<ActorId, u64>,
    /// What leaves something behind that a later operation may replace, or put something into.
    places: HashMap<OpId, Place>,
}

impl Known {
    /// What a document holds that has these changes and nothing else yet.
    pub(super) fn over(base: Arc<Self>) -> Self {
        Self { base: Some(base), ..Self::default() }
    }

    pub(super) fn of(doc: &Automerge) -> Self {
        let mut known = Self::default();
        known.learn(&doc.get_changes(&[]));
        known
    }

    /// Adds changes that were taken in.
    pub(super) fn learn(&mut self, changes: &[Change]) {
        for change in changes {
            let decoded = change.decode();
            let numbered = decoded.operations.iter().zip(decoded.start_op.get()..);
            let places = numbered.filter_map(|(op, number)| {
                let id = OpId::new(number, &decoded.actor_id);
                can_be_named(op).then(|| (id.clone(), Place::of(op, &id)))
            });
            self.add(change, places);
        }
    }

    pub(super) fn has(&self, change: &Change) -> bool {
        self.last_of(&change.hash()).is_some()
    }

    /// The number of the last operation up to a change.
    fn last_of(&self, change: &ChangeHash) -> Option<u64> {
        self.changes.get(change).copied().or_else(|| self.base.as_ref()?.last_of(change))
    }

    fn place(&self, id: &OpId) -> Option<&Place> {
        self.places.get(id).or_else(|| self.base.as_ref()?.place(id))
    }

    fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.base.is_none()
    }

    /// Whether this change stands where only one can, and another is there.
    pub(super) fn has_rival(&self, change: &Change) -> bool {
        change.deps().is_empty() || change.seq() <= self.written_by(change.actor_id())
    }

    fn written_by(&self, actor: &ActorId) -> u64 {
        let written = self.written.get(actor).copied();
        written.unwrap_or_else(|| self.base.as_ref().map_or(0, |base| base.written_by(actor)))
    }

    fn add(&mut self, change: &Change, places: impl IntoIterator<Item = (OpId, Place)>) {
        self.changes.insert(change.hash(), change.max_op());
        self.written.insert(change.actor_id().clone(), change.seq());
        self.places.extend(places);
    }

    /// Takes in those of the changes that fit and that `take` accepts; gives these and the others.
    fn sift(
        &mut self,
        mut changes: Vec<Change>,
        mut take: impl FnMut(&Change) -> bool,
    ) -> (Vec<Change>, Vec<Change>) {
        let mut taken = Vec::new();
        loop {
            let (before, mut waiting) = (taken.len(), Vec::new());
            for change in changes {
                if self.has(&change) {
                    continue;
                }
                match self.fits(&change) {
                    Some(places) if take(&change) => {
                        self.add(&change, places);
                        taken.push(change);
                    }
                    _ => waiting.push(change),
                }
            }
            if taken.len() == before {
                return (taken, waiting);
            }
            changes = waiting;
        }
    }

    /// What a change brings that others may name, if it fits: all that it names is there and is what
    /// it says, and its numbers are the next.
    fn fits(&self, change: &Change) -> Option<HashMap<OpId, Place>> {
        let mut first = 1;
        for dep in change.deps() {
            first = first.max(self.last_of(dep)? + 1);
        }
        let is_first = change.deps().is_empty();
        if change.start_op().get() != first
            || change.seq() != self.written_by(change.actor_id()) + 1
            || is_first != self.is_empty()
        {
            return None;
        }
        let mut own = HashMap::new();
        for (op, number) in change.decode().operations.iter().zip(first..) {
            let id = OpId::new(number, change.actor_id());
            let place = Place::of(op, &id);
            // An item keeps the kind that it began with.
            let is_kind = op.obj == ObjectId::Root && matches!(&op.key, Key::Map(key) if key == "kind");
            let named = |named: &OpId| {
                let found = self.place(named).or_else(|| own.get(named));
                found.filter(|_| named.counter() < number)
            };
            if (is_kind && !is_first) || !op_fits(op, &place, named) {
                return None;
            }
            if can_be_named(op) {
                own.insert(id, place);
            }
        }
        Some(own)
    }
}

fn can_be_named(op: &Op) -> bool {
    matches!(op.action, OpType::Put(_) | OpType::Make(_))
}

fn op_fits<'a>(op: &Op, place: &Place, named: impl Fn(&OpId) -> Option<&'a Place>) -> bool {
    let is_list = match &op.obj {
        ObjectId::Root => Some(false),
        ObjectId::Id(object) => named(object).and_then(|made| made.makes).map(|kind| kind.is_sequence()),
    };
    let is_there = match &op.key {
        Key::Map(_) => is_list == Some(false) && !op.insert,
        Key::Seq(ElementId::Head) => is_list == Some(true) && op.insert,
        Key::Seq(ElementId::Id(entry)) => {
            is_list == Some(true) && named(entry).is_some_and(|entry| entry.is_also(&op.obj, &op.key))
        }
    };
    let replaces = op.pred.iter().all(|one| named(one).is_some_and(|one| one.is_also(&op.obj, &place.key)));
    let is_once = op.pred.iter().zip(op.pred.iter().skip(1)).all(|(one, next)| one != next);
    let acts = match op.action {
        OpType::Put(_) | OpType::Make(_) => true,
        OpType::Delete | OpType::Increment(_) => !op.pred.is_empty(),
        // Of texts, which no field is.
        OpType::MarkBegin(_) | OpType::MarkEnd(_) => false,
    };
    is_there && replaces && is_once && acts
}

/// Takes in what fits of these changes; gives the document and the others, which wait. `known` is what
/// the document holds, before and after.
pub(super) fn take_in(doc: &Automerge, known: &mut Known, changes: Vec<Change>) -> (Automerge, Vec<Change>) {
    let (fitting, waiting) = known.sift(changes, |_| true);
    let mut with = doc.clone();
    if contain(|| with.apply_changes(fitting.iter().cloned())).is_ok() {
        return (with, waiting);
    }
    // The engine refuses some: each for itself, so that the others stay.
    let mut doc = doc.clone();
    *known = Known::of(&doc);
    let (_, waiting) = known.sift([fitting, waiting].concat(), |change| {
        let mut with = doc.clone();
        let is_taken = contain(|| with.apply_changes([change.clone()])).is_ok();
        if is_taken {
            doc = with;
        }
        is_taken
    });
    (doc, waiting)
}

/// The document that a payload is, if that is all it is and every change in it fits: then none need
/// be taken in again.
pub(super) fn whole(payload: &[u8]) -> Option<(Automerge, Known)> {
    check_size(payload).ok()?;
    let is_whole = chunks(payload).is_ok_and(|chunks| chunks.len() == 1);
    if !is_whole || payload.get(CHUNK_TYPE_OFFSET) != Some(&DOCUMENT_CHUNK) {
        return None;
    }
    let doc = contain(|| Automerge::load(payload)).ok()?;
    let shape = read_kind(&doc).and_then(|name| crate::items::kind(&name)).map(Shape::of);
    let shape =
        shape.filter(|shape| shape.heads().iter().all(|head| doc.get_change_meta_by_hash(head).is_some()));
    let (mut known, heads) =
        shape.map(|shape| (Known::over(shape.known()), shape.heads())).unwrap_or_default();
    let (_, waiting) = known.sift(doc.get_changes(&heads), |_| true);
    waiting.is_empty().then_some((doc, known))
}

/// Every change in a payload.
pub(super) fn parse_changes(payload: &[u8]) -> Result<Vec<Change>, DocumentError> {
    check_size(payload)?;
    let mut changes = Vec::new();
    for chunk in chunks(payload)? {
        if chunk[CHUNK_TYPE_OFFSET] == DOCUMENT_CHUNK {
            changes.extend(contain(|| Ok(Automerge::load(chunk)?.get_changes(&[])))?);
        } else {
            let change = contain(|| Change::try_from(chunk).map_err(AutomergeError::from))?;
            // The engine does not compare the checksum of a change that is read by itself.
            if change.hash().0[..CHECKSUM.len()] != chunk[CHECKSUM] || !is_canonical(&change) {
                return Err(DocumentError::Malformed);
            }
            changes.push(change);
        }
    }
    Ok(changes)
}

/// Whether a change is spelt as the engine spells it: else it gives it out with another hash.
fn is_canonical(change: &Change) -> bool {
    contain(|| Ok(Change::from(change.decode()).hash() == change.hash())).unwrap_or(false)
}

fn check_size(payload: &[u8]) -> Result<(), DocumentError> {
    if payload.len() <= MAX_CHANGES_BYTES {
        return Ok(());
    }
    Err(DocumentError::TooLarge { bytes: payload.len(), limit: MAX_CHANGES_BYTES })
}

/// Splits a payload into its chunks, each: magic (4 bytes), checksum (4), type (1), length
/// (LEB128), contents.
fn chunks(payload: &[u8]) -> Result<Vec<&[u8]>, DocumentError> {
    let mut chunks = Vec::new();
    let mut rest = payload;
    while !rest.is_empty() {
        let mut len: usize = 0;
        let mut end = CHUNK_TYPE_OFFSET + 1;
        for shift in (0..35).step_by(7) {
            let byte = *rest.get(end).ok_or(DocumentError::Malformed)?;
            len |= usize::from(byte & 0x7f) << shift;
            end += 1;
            if byte < 0x80 {
                break;
            }
        }
        let end = end.checked_add(len).ok_or(DocumentError::Malformed)?;
        let (chunk, after) = rest.split_at_checked(end).ok_or(DocumentError::Malformed)?;
        chunks.push(chunk);
        rest = after;
    }
    Ok(chunks)
}

/// Lets the engine read foreign bytes, and makes its panics errors: automerge 0.12 unwraps what a
/// malformed change with a right checksum makes wrong (`BatchApply::apply`, on an actor index out
/// of range). Whatever it was working on is dropped by the caller.
fn contain<T>(read: impl FnOnce() -> Result<T, AutomergeError>) -> Result<T, DocumentError> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(_)) | Err(_) => Err(DocumentError::Malformed),
    }
}
