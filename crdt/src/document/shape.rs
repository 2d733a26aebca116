//! The first changes of every document, the same bytes on every device.
//!
//! Two devices that each create a list under the same key make two lists, of which Automerge shows
//! one: what was put into the other is hidden. So every nested object that a kind needs is created
//! by a *shape change* that depends on the kind and its schema number alone. Whoever creates a
//! document writes the same shape change, and merging sees one.
//!
//! 1. The change of schema 1 depends on nothing: it writes `kind` and `schema`, the defaults of the
//!    kind (sensitivity, labels) and creates the nested objects.
//! 2. The change of each later schema depends on the one before and adds the lists that it brought.
//!    A document of an older schema gets the missing ones before its next edit.
//!
//! A shipped shape never changes: the table of hashes in the tests holds it.

use std::{
    collections::HashMap,
    num::NonZeroU64,
    sync::{Arc, LazyLock},
};

use automerge::{
    ActorId, Automerge, AutomergeError, Change, ChangeHash, ObjType, ROOT, ReadDoc, ScalarValue,
    legacy::{Key, ObjectId, OpId, OpType},
    transaction::{CommitOptions, Transactable, Transaction},
};

use super::incoming::Known;
use crate::{
    items::kinds,
    schema::{Field, Kind, Shape as FieldShape},
};

/// The context under which the actor of a shape change is derived.
const ACTOR_CONTEXT: &str = "musette 1 shape change actor";

/// Root keys that hold nested maps.
const MAPS: [&str; 4] = ["provenance", "visibility", "attachments", "imported"];

/// Root keys that hold lists: the common fields of that shape.
const LISTS: [&str; 4] = ["labels", "spheres", "tags", "links"];

/// The shape changes of one kind, and a document that has nothing else.
#[derive(Debug)]
pub(super) struct Shape {
    empty: Automerge,
    known: Arc<Known>,
    changes: Vec<Change>,
    next_op: NonZeroU64,
    /// The nested objects: by root key, or `fields/` and the name of a field.
    objects: HashMap<String, ObjectId>,
    /// The scalars of the root map.
    defaults: HashMap<String, OpId>,
    /// The entries that lists begin with, by the same paths as the objects.
    entries: HashMap<String, Vec<(OpId, String)>>,
}

static SHAPES: LazyLock<HashMap<&'static str, Arc<Shape>>> =
    LazyLock::new(|| kinds().map(|kind| (kind.name, Arc::new(Shape::build(kind)))).collect());

impl Shape {
    /// The shape of this kind.
    pub(super) fn of(kind: &Kind) -> Arc<Self> {
        let known = crate::items::kind(kind.name).is_some_and(|known| known == kind);
        if let Some(shape) = SHAPES.get(kind.name).filter(|_| known) {
            return Arc::clone(shape);
        }
        Arc::new(Self::build(kind))
    }

    /// A document that has its shape and nothing else.
    pub(super) fn document(&self) -> Automerge {
        self.empty.clone()
    }

    /// What its changes hold that others may name.
    pub(super) fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known)
    }

    /// Whether this change is one of the shape.
    pub(super) fn contains(&self, hash: &ChangeHash) -> bool {
        self.changes.iter().any(|change| change.hash() == *hash)
    }

    /// Gives a document of an older schema what later schemas brought.
    pub(super) fn complete(&self, doc: &mut Automerge) -> Result<(), AutomergeError> {
        let lacks = |change: &&Change| doc.get_change_by_hash(&change.hash()).is_none();
        let missing: Vec<Change> = self.changes.iter().filter(lacks).cloned().collect();
        if missing.is_empty() { Ok(()) } else { doc.apply_changes(missing) }
    }

    /// The number of the first operation after the shape.
    pub(super) fn next_op(&self) -> NonZeroU64 {
        self.next_op
    }

    /// The newest changes of a document that has nothing else.
    pub(super) fn heads(&self) -> Vec<ChangeHash> {
        self.empty.get_heads()
    }

    /// The id of a nested object, by root key, or `fields/` and the name of a field.
    pub(super) fn object(&self, path: &str) -> Option<ObjectId> {
        self.objects.get(path).cloned()
    }

    /// The operation that wrote this scalar of the root map.
    pub(super) fn default(&self, key: &str) -> Option<OpId> {
        self.defaults.get(key).cloned()
    }

    /// What a list begins with.
    pub(super) fn entries(&self, path: &str) -> impl Iterator<Item = (&OpId, &str)> {
        let entries = self.entries.get(path).into_iter().flatten();
        entries.map(|(id, text)| (id, text.as_str()))
    }

    fn build(kind: &Kind) -> Self {
        let mut empty = Automerge::new();
        let mut changes = Vec::new();
        for schema in 1..=kind.schema {
            empty.set_actor(shape_actor(kind.name, schema));
            let mut tx = empty.transaction();
            write_shape(&mut tx, kind, schema).expect("the keys are new and the objects exist");
            tx.commit_with(CommitOptions::default().with_time(0));
            changes.extend(empty.get_last_local_change());
        }
        let next_op = changes
            .last()
            .map_or(NonZeroU64::MIN, |change: &Change| NonZeroU64::MIN.saturating_add(change.max_op()));
        let (objects, defaults, entries) = Default::default();
        let known = Arc::new(Known::of(&empty));
        let mut this = Self { empty, known, changes: Vec::new(), next_op, objects, defaults, entries };
        for change in &changes {
            this.note(change);
        }
        this.changes = changes;
        this
    }

    /// Remembers the ids of what a shape change creates.
    fn note(&mut self, change: &Change) {
        let expanded = change.decode();
        for (op, number) in expanded.operations.iter().zip(expanded.start_op.get()..) {
            let id = OpId::new(number, &expanded.actor_id);
            let parent = self.objects.iter().find(|(_, object)| **object == op.obj);
            let parent = parent.map(|(path, _)| path.clone());
            match (&op.action, &op.key, parent) {
                (OpType::Make(_), Key::Map(key), None) => {
                    self.objects.insert(key.to_string(), ObjectId::Id(id));
                }
                (OpType::Make(_), Key::Map(key), Some(parent)) => {
                    self.objects.insert(format!("{parent}/{key}"), ObjectId::Id(id));
                }
                (OpType::Put(_), Key::Map(key), None) => {
                    self.defaults.insert(key.to_string(), id);
                }
                (OpType::Put(ScalarValue::Str(text)), Key::Seq(_), Some(list)) => {
                    self.entries.entry(list).or_default().push((id, text.to_string()));
                }
                _ => {}
            }
        }
    }
}

fn shape_actor(kind: &str, schema: u32) -> ActorId {
    let mut hasher = blake3::Hasher::new_derive_key(ACTOR_CONTEXT);
    hasher.update(&schema.to_le_bytes());
    hasher.update(kind.as_bytes());
    let mut actor = [0; 16];
    hasher.finalize_xof().fill(&mut actor);
    ActorId::from(actor)
}

fn write_shape(tx: &mut Transaction<'_>, kind: &Kind, schema: u32) -> Result<(), AutomergeError> {
    let fields = if schema == 1 {
        write_first(tx, kind)?
    } else {
        tx.put(ROOT, "schema", i64::from(schema))?;
        let found = tx.get(ROOT, "fields")?;
        found.ok_or(AutomergeError::NotAnObject)?.1
    };
    // Sorted by name: the order of showing may change, the shape may not.
    let brought = |field: &&Field| field.since == schema && field.shape == FieldShape::List;
    let mut lists: Vec<_> = kind.fields.iter().filter(brought).map(|field| field.name).collect();
    lists.sort_unstable();
    for name in lists {
        tx.put_object(&fields, name, ObjType::List)?;
    }
    Ok(())
}

fn write_first(tx: &mut Transaction<'_>, kind: &Kind) -> Result<automerge::ObjId, AutomergeError> {
    tx.put(ROOT, "kind", kind.name)?;
    tx.put(ROOT, "schema", 1_i64)?;
    tx.put(ROOT, "sensitivity", kind.sensitivity.name())?;
    for key in MAPS {
        tx.put_object(ROOT, key, ObjType::Map)?;
    }
    for key in LISTS {
        let list = tx.put_object(ROOT, key, ObjType::List)?;
        if key == "labels" {
            for (index, label) in kind.labels.iter().enumerate() {
                tx.insert(&list, index, *label)?;
            }
        }
    }
    if kind.internal {
        tx.put_object(ROOT, "data", ObjType::Map)?;
    }
    tx.put_object(ROOT, "fields", ObjType::Map)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::schema::{Label, Sensitivity, When};

    /// The hash of the newest shape change of each kind, as shipped. When this fails for a kind
    /// that was shipped, raise its schema number and give the new fields `.since(number)`; never
    /// edit a line here.
    const FROZEN: &[(&str, u32, &str)] = &[
        ("identity", 1, "d154d8cd7e883d0a2b1827174e3842d44b17acc93b9ca01036dda0d1f93621bc"),
        ("activity", 1, "80bfb7c2d97ba9cd7d30ac39ec285a6c1f2cd759f4e62566f7791cdfc7094c9c"),
        ("experience", 1, "a32641474b26a6f197e61190d870b7a6afc08552714582fbca7b4f0effc22f8d"),
        ("achievement", 1, "1a7cc7cee2545b81d332fd8d86e43161438c134668baae97b12ba6f36edbcb1d"),
        ("skill", 1, "e730251a6039b624bfbe72c9734489125dc3e2025762742bd11330f88d9a0154"),
        ("project", 1, "cf7cb931e36075d8e13f9cae8c6f8aa4f1398d4a4a19012afcd56c758131f040"),
        ("contact", 1, "813ba738b9cdb69d83ea1fdefa83448bf038bc87e0871c7ed2b31fb72fc8aacd"),
        ("organisation", 1, "68bb4e7c36a8a6cefcc97315d3e7449e68e60ebd93801a9b126385a036235afb"),
        ("event", 1, "dd8cd8cb4a5e083500afe89658eedd2b46f53b9f3b36edd83df35fa156e22626"),
        ("endorsement", 1, "3dd83465cd562ecee700096e8a8932dc3c5f4feb284725b9a7967391de3e9c29"),
        ("publication", 1, "26b97c87894b43bdcd4250207d95faf55e4cd496bebe516fa7e06a6c7a60f3ed"),
        ("note", 1, "68c80c472436576baea4232eaf440da040da9882d2f037d58acb6cc7f7ba23b2"),
        ("place", 1, "6bf95ce7252d3f73c6fe5676e7757b71f1239d7e62605a9ace955bf932c4e306"),
        ("task", 1, "e0f6633b5b1ae50827f0fba1f19e6efd4c05588a2a458bbd970bde6b8aed8e0c"),
        ("settings", 1, "ae50ae197f8111f1804f202b3373b8893699afd2e034b8d9fb7bd793c7d4d02b"),
        ("import-batch", 1, "0f99891d71e6bee2bdd6c7df4ec8db93c187c3a76b3fb2b9bb4464b6dbfbf146"),
    ];

    const OLD: Kind = Kind {
        name: "test",
        label: Label { en: "Test", fr: "Essai" },
        plural: Label { en: "Tests", fr: "Essais" },
        schema: 1,
        fields: &[Field::new("a", FieldShape::List, "A", "A")],
        title: &["a"],
        when: When::Never,
        sensitivity: Sensitivity::Personal,
        labels: &["third-party"],
        internal: false,
    };
    pub(in crate::document) static OLD_KIND: Kind = OLD;
    pub(in crate::document) static NEW_KIND: Kind = Kind {
        schema: 2,
        fields: &[
            Field::new("b", FieldShape::List, "B", "B").since(2),
            Field::new("a", FieldShape::List, "A", "A"),
        ],
        ..OLD
    };

    #[test]
    fn shipped_shapes_are_frozen() {
        let mut found = Vec::new();
        for kind in kinds() {
            for (index, change) in Shape::of(kind).changes.iter().enumerate() {
                found.push((kind.name, index + 1, change.hash().to_string()));
            }
        }
        let frozen: Vec<_> =
            FROZEN.iter().map(|(name, schema, hash)| (*name, *schema as usize, (*hash).to_owned())).collect();
        assert_eq!(found, frozen);
    }

    #[test]
    fn a_later_schema_keeps_the_earlier_change() {
        let (old, new) = (Shape::of(&OLD_KIND), Shape::of(&NEW_KIND));
        assert_eq!(new.changes.len(), 2);
        assert_eq!(old.changes[0].hash(), new.changes[0].hash());
        assert_eq!(new.changes[1].deps(), [new.changes[0].hash()]);
    }

    #[test]
    fn completing_twice_or_on_two_devices_is_one_completion() {
        let new = Shape::of(&NEW_KIND);
        let mut here = Shape::of(&OLD_KIND).document();
        let mut there = here.clone();
        for doc in [&mut here, &mut there] {
            new.complete(doc).expect("completes");
            new.complete(doc).expect("completes");
        }
        here.merge(&mut there).expect("merges");
        assert_eq!(here.get_heads(), vec![new.changes[1].hash()]);
    }
}
