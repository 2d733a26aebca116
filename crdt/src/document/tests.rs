//! What must hold of documents: merging, importing twice, hand edits, undoing, hostile bytes.

use automerge::{
    ActorId, Automerge, ExpandedChange, ObjType, ROOT, ReadDoc,
    legacy::{Key, ObjectId, OpId, OpType},
    transaction::{CommitOptions, Transactable},
};
use musette_protocol::{
    id::{BlobId, DocumentId},
    time::Timestamp,
};
use proptest::prelude::*;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::{
    imported::ImportedRow,
    limits::MAX_CHANGES_BYTES,
    schema::{kind, parse_field},
    view::{Attachment, ProvenanceRef},
};

const ID: DocumentId = DocumentId::from_bytes([9; 16]);
const NOW: Timestamp = Timestamp::from_millis(1_795_428_000_000);
/// Enough to run at every build; the bytes that once failed have tests of their own.
const CASES: u32 = 256;
const LATER: Timestamp = NOW.plus_millis(60_000);

fn actor(n: u8) -> [u8; 16] {
    [n; 16]
}

fn values(kind_name: &str, raw: serde_json::Value) -> Vec<(String, Value)> {
    let kind = kind(kind_name).expect("a kind");
    let raw = raw.as_object().expect("an object").clone();
    raw.into_iter()
        .map(|(name, raw)| {
            let value = parse_field(kind, &name, &raw).expect("a good value");
            (name, value)
        })
        .collect()
}

fn created(raw: serde_json::Value) -> Document {
    let kind = kind("activity").expect("a kind");
    Document::create(kind, &values("activity", raw), NOW, "laptop", actor(1)).expect("creates")
}

fn row(raw: serde_json::Value) -> ImportedRow {
    ImportedRow {
        kind: kind("activity").expect("a kind"),
        source: "linkedin",
        stable_key: "key".into(),
        fields: values("activity", raw),
        file: "Positions.csv".into(),
        row: 2,
    }
}

fn imported(raw: serde_json::Value) -> Document {
    Document::create_imported(&row(raw)).expect("creates")
}

fn set(raw: serde_json::Value) -> Edit {
    let set = values("activity", raw).into_iter().map(|(name, value)| (name, Some(value)));
    Edit { set: set.collect(), ..Edit::default() }
}

/// The same document on another device, by way of records.
fn copy(document: &mut Document) -> Document {
    let whole = document.save();
    let _ = document.take_changes();
    Document::load([whole.as_slice()]).expect("loads")
}

fn edit_on(document: &mut Document, device: u8, edit: &Edit) {
    let name = format!("device{device}");
    document.edit(edit, LATER, &name, actor(device)).expect("edits");
}

/// Exchanges what each has and the other lacks, and checks that they then agree.
fn meet(here: &mut Document, there: &mut Document) {
    let (from_here, from_there) = (here.take_changes(), there.take_changes());
    here.merge(&from_there).expect("merges");
    there.merge(&from_here).expect("merges");
    assert_eq!(here.heads(), there.heads());
    assert_eq!(show(here), show(there));
    assert_eq!(here.history(), there.history());
}

fn view(document: &Document) -> ItemView {
    document.view(ID).expect("a view")
}

fn show(document: &Document) -> serde_json::Value {
    view(document).to_json(None)
}

fn fields(document: &Document) -> serde_json::Value {
    show(document)["fields"].clone()
}

#[test]
fn what_is_written_is_shown() {
    let mut document = created(json!({
        "role": "Graphiste", "from": "2014-04", "hours": 35, "skills": ["b", "a"], "note": "n",
        "tags": ["t"], "spheres": ["work"], "sensitivity": "sealed",
        "links": [ID.to_string()],
    }));
    let json = show(&document);
    assert_eq!(
        json["fields"],
        json!({"role":"Graphiste","from":"2014-04","hours":35,"skills":["b","a"],"note":"n"})
    );
    assert_eq!(json["sensitivity"], "sealed");
    assert_eq!(json["tags"], json!(["t"]));
    assert_eq!(json["spheres"], json!(["work"]));
    assert_eq!(json["links"], json!([ID.to_string()]));
    assert_eq!(json["created"], "2026-11-23T10:00:00.000Z");
    assert_eq!(show(&copy(&mut document)), json);
}

#[test]
fn a_kind_gives_its_defaults_and_they_can_be_taken_away() {
    let contact = kind("contact").expect("a kind");
    let mut document = Document::create(contact, &[], NOW, "d", actor(1)).expect("creates");
    assert_eq!(view(&document).labels, ["third-party"]);
    let remove = vec![("labels".to_owned(), vec!["third-party".to_owned()])];
    edit_on(&mut document, 2, &Edit { remove, ..Edit::default() });
    assert!(view(&document).labels.is_empty());
}

#[test]
fn every_kind_can_be_created_loaded_and_shown() {
    for kind in crate::items::kinds() {
        let mut document = Document::create(kind, &[], NOW, "d", actor(1)).expect("creates");
        let bytes = document.take_changes();
        let loaded = Document::load([bytes.as_slice()]).expect("loads");
        assert_eq!(loaded.kind_name(), kind.name);
        assert_eq!(view(&loaded).sensitivity, kind.sensitivity);
    }
}

#[test]
fn changes_are_taken_once_and_load_in_any_order() {
    let mut document = created(json!({"role": "a"}));
    let first = document.take_changes();
    assert!(document.take_changes().is_empty());
    edit_on(&mut document, 2, &set(json!({"role": "b"})));
    let second = document.take_changes();
    edit_on(&mut document, 3, &set(json!({"role": "c"})));
    let third = document.take_changes();
    assert!(third.len() < first.len());
    for order in [[&first, &second, &third], [&third, &first, &second], [&third, &third, &first]] {
        let loaded = Document::load(order.map(Vec::as_slice));
        let loaded = loaded.expect("loads");
        let complete = order.contains(&&second);
        assert_eq!(fields(&loaded)["role"], if complete { "c" } else { "a" });
    }
    let orphan = Document::load([third.as_slice()]).expect_err("its base is missing");
    assert_eq!(orphan.code(), "document-incomplete");
}

#[test]
fn a_change_that_comes_before_its_base_waits_for_it() {
    let mut document = created(json!({"role": "a"}));
    let mut other = copy(&mut document);
    edit_on(&mut document, 2, &set(json!({"role": "b"})));
    let second = document.take_changes();
    edit_on(&mut document, 3, &set(json!({"role": "c"})));
    let third = document.take_changes();
    assert!(!other.merge(&third).expect("waits"));
    assert_eq!(other.snapshot(ID), None, "it would lose what waits");
    assert!(other.merge(&second).expect("applies both"));
    assert_eq!(other.heads(), document.heads());
    assert_eq!(other.snapshot(ID), Some(document.save()));
    assert!(other.take_changes().is_empty(), "what came in is not given out again");
}

#[test]
fn what_was_not_taken_yet_survives_a_merge() {
    let mut here = created(json!({"role": "a"}));
    let mut there = copy(&mut here);
    edit_on(&mut there, 2, &set(json!({"role": "b"})));
    edit_on(&mut here, 3, &set(json!({"place": "Lyon"})));
    here.merge(&there.take_changes()).expect("merges");
    let pending = here.take_changes();
    there.merge(&pending).expect("merges");
    assert_eq!(fields(&there), json!({"role": "b", "place": "Lyon"}));
    assert_eq!(here.heads(), there.heads());
}

#[test]
fn an_edit_that_changes_nothing_makes_no_change() {
    let mut document = created(json!({"role": "a", "skills": ["x", "y"]}));
    let _ = document.take_changes();
    edit_on(&mut document, 2, &set(json!({"role": "a", "skills": ["x", "y"], "place": ""})));
    let add = vec![("skills".to_owned(), vec!["x".to_owned()])];
    let remove = vec![("tags".to_owned(), vec!["none".to_owned()])];
    edit_on(&mut document, 2, &Edit { add, remove, ..Edit::default() });
    assert!(document.take_changes().is_empty());
}

#[test]
fn a_refused_edit_changes_nothing() {
    let mut document = created(json!({"role": "a"}));
    let before = document.heads();
    let bad = |edit: &Edit, document: &mut Document| {
        document.edit(edit, LATER, "d", actor(2)).expect_err("refused").code()
    };
    let mut edit = set(json!({"role": "b"}));
    edit.set.push(("nonsense".into(), None));
    assert_eq!(bad(&edit, &mut document), "unknown-field");
    let mut edit = set(json!({"role": "b"}));
    edit.add.push(("place".into(), vec!["x".into()]));
    assert_eq!(bad(&edit, &mut document), "not-a-list");
    let mut edit = Edit::default();
    edit.add.push(("skills".into(), (0..1_001).map(|n| n.to_string()).collect()));
    assert_eq!(bad(&edit, &mut document), "too-long");
    assert_eq!(document.heads(), before);
}

#[test]
fn edits_of_different_fields_merge() {
    let mut here = created(json!({"role": "a", "skills": ["x"]}));
    let mut there = copy(&mut here);
    edit_on(&mut here, 2, &set(json!({"role": "b"})));
    edit_on(&mut there, 3, &set(json!({"place": "Lyon"})));
    meet(&mut here, &mut there);
    assert_eq!(fields(&here), json!({"role": "b", "place": "Lyon", "skills": ["x"]}));
    assert!(view(&here).conflicts.is_empty());
}

#[test]
fn a_conflict_offers_both_and_resolving_settles_it_everywhere() {
    let mut here = created(json!({"role": "a"}));
    let mut there = copy(&mut here);
    edit_on(&mut here, 2, &set(json!({"role": "from here"})));
    edit_on(&mut there, 3, &set(json!({"role": "from there"})));
    meet(&mut here, &mut there);
    assert_eq!(show(&here)["conflicts"], json!({"role": ["from here", "from there"]}));
    for choice in ["from here", "from there"] {
        let (mut here, mut there) = (here.clone(), there.clone());
        edit_on(&mut here, 4, &set(json!({"role": choice})));
        meet(&mut here, &mut there);
        assert!(view(&there).conflicts.is_empty());
        assert_eq!(fields(&there)["role"], choice);
    }
}

#[test]
fn the_same_value_set_twice_is_no_conflict() {
    let mut here = created(json!({"role": "a"}));
    let mut there = copy(&mut here);
    edit_on(&mut here, 2, &set(json!({"role": "b"})));
    edit_on(&mut there, 3, &set(json!({"role": "b"})));
    meet(&mut here, &mut there);
    assert!(view(&here).conflicts.is_empty());
}

#[test]
fn lists_merge_as_sets() {
    let mut here = created(json!({"skills": ["a", "b"]}));
    let mut there = copy(&mut here);
    edit_on(&mut here, 2, &set(json!({"skills": ["a", "b", "c"]})));
    edit_on(&mut there, 3, &set(json!({"skills": ["b", "c", "d"]})));
    meet(&mut here, &mut there);
    let shown = view(&here);
    let skills = shown.fields["skills"].as_list().expect("a list");
    let mut sorted = skills.to_vec();
    sorted.sort();
    assert_eq!(sorted, ["b", "c", "d"]);
    assert!(shown.conflicts.is_empty());
    let remove = vec![("skills".to_owned(), vec!["c".to_owned()])];
    edit_on(&mut here, 4, &Edit { remove, ..Edit::default() });
    let left = fields(&here)["skills"].to_string();
    assert!(!left.contains('c'), "both copies are gone: {left}");
}

#[test]
fn a_list_keeps_the_order_it_is_given() {
    let mut document = created(json!({"skills": ["a", "b", "c"]}));
    edit_on(&mut document, 2, &set(json!({"skills": ["c", "a"]})));
    assert_eq!(fields(&document)["skills"], json!(["c", "a"]));
}

#[test]
fn the_most_guarded_of_two_levels_holds_until_settled() {
    let mut here = created(json!({}));
    let mut there = copy(&mut here);
    edit_on(&mut here, 2, &set(json!({"sensitivity": "sealed"})));
    edit_on(&mut there, 3, &set(json!({"sensitivity": "ordinary"})));
    meet(&mut here, &mut there);
    assert_eq!(show(&here)["sensitivity"], "sealed");
    assert_eq!(show(&here)["conflicts"]["sensitivity"], json!(["ordinary", "sealed"]));
}

#[test]
fn the_same_row_on_two_devices_is_one_item() {
    let raw = json!({"role": "a", "organisation": "o", "from": "2014", "skills": ["x", "y"]});
    let mut here = imported(raw.clone());
    let mut reordered = row(raw);
    reordered.fields.reverse();
    reordered.file = "renamed.csv".into();
    reordered.row = 77;
    let mut there = Document::create_imported(&reordered).expect("creates");
    assert_eq!(here.save(), there.save());
    let before = show(&here);
    meet(&mut here, &mut there);
    assert_eq!(show(&here), before);
    assert_eq!(fields(&here)["skills"], json!(["x", "y"]));
    assert_eq!(view(&here).provenance, ProvenanceRef::Imported { source: "linkedin".into() });
    assert_eq!(here.heads().len(), 1);
}

#[test]
fn two_versions_of_a_row_merge_as_two_edits() {
    let mut here = imported(json!({"role": "a", "place": "p", "skills": ["x"]}));
    let mut there = imported(json!({"role": "b", "place": "p", "skills": ["x", "y"]}));
    meet(&mut here, &mut there);
    assert_eq!(show(&here)["conflicts"], json!({"role": ["a", "b"]}));
    assert_eq!(fields(&here)["skills"], json!(["x", "y"]));
    let outcome = here.apply_import(&row(json!({"role": "b", "place": "p", "skills": ["x", "y"]})));
    assert!(matches!(outcome, Ok(ImportOutcome::Changed { kept, .. }) if kept.is_empty()));
    assert!(view(&here).conflicts.is_empty(), "nobody edited by hand: the row settles it");
}

#[test]
fn importing_again_changes_nothing() {
    let raw = json!({"role": "a", "from": "2014-04", "hours": 3, "skills": ["x", "y"], "tags": ["t"]});
    let mut document = imported(raw.clone());
    let _ = document.take_changes();
    let mut again = row(raw);
    again.fields.reverse();
    again.fields.push(("place".into(), "".into()));
    assert_eq!(document.apply_import(&again).expect("applies"), ImportOutcome::Unchanged);
    let swapped =
        row(json!({"role": "a", "from": "2014-04", "hours": 3, "skills": ["y", "x"], "tags": ["t"]}));
    assert_eq!(document.apply_import(&swapped).expect("applies"), ImportOutcome::Unchanged);
    assert!(document.take_changes().is_empty());
}

#[test]
fn a_changed_row_changes_what_nobody_edited() {
    let mut document = imported(json!({"role": "a", "place": "p", "hours": 3, "skills": ["x"]}));
    edit_on(&mut document, 2, &set(json!({"place": "by hand", "description": "mine"})));
    let mut there = copy(&mut document);
    let newer = row(json!({"role": "b", "place": "q", "skills": ["y"], "description": "theirs"}));
    let outcome = document.apply_import(&newer).expect("applies");
    let ImportOutcome::Changed { fields: changed, kept, .. } = &outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(changed, &["hours", "role", "skills"]);
    assert_eq!(kept, &["description", "place"]);
    let expected = json!({"role": "b", "place": "by hand", "skills": ["y"], "description": "mine"});
    assert_eq!(fields(&document), expected);
    assert_eq!(document.apply_import(&newer).expect("applies"), ImportOutcome::Unchanged);

    assert_eq!(there.apply_import(&newer).expect("applies"), outcome, "the same on both");
    meet(&mut document, &mut there);
    assert_eq!(fields(&there), expected);
    assert_eq!(there.heads().len(), 1, "one change, not two");
}

#[test]
fn a_field_emptied_by_hand_stays_empty() {
    let mut document = imported(json!({"role": "a", "place": "p"}));
    let edit = Edit { set: vec![("place".into(), None)], ..Edit::default() };
    edit_on(&mut document, 2, &edit);
    let same = row(json!({"role": "a", "place": "p"}));
    assert_eq!(document.apply_import(&same).expect("applies"), ImportOutcome::Unchanged);
    let outcome = document.apply_import(&row(json!({"role": "a", "place": "q"})));
    assert_eq!(outcome.expect("applies"), ImportOutcome::Kept { fields: vec!["place".into()] });
    assert_eq!(fields(&document), json!({"role": "a"}));
}

#[test]
fn an_import_on_several_heads_does_not_depend_on_their_order() {
    let mut base = imported(json!({"role": "a", "place": "p"}));
    let (mut one, mut two) = (copy(&mut base), copy(&mut base));
    edit_on(&mut one, 200, &set(json!({"note": "one"})));
    edit_on(&mut two, 3, &set(json!({"hours": 2})));
    let (a, b) = (one.take_changes(), two.take_changes());
    one.merge(&b).expect("merges");
    two.merge(&a).expect("merges");
    let newer = row(json!({"role": "b", "place": "p"}));
    one.apply_import(&newer).expect("applies");
    two.apply_import(&newer).expect("applies");
    assert_eq!(one.heads(), two.heads());
    assert_eq!(one.heads().len(), 1);
}

#[test]
fn a_row_of_another_kind_or_shape_is_refused() {
    let mut document = imported(json!({"role": "a"}));
    let mut other = row(json!({}));
    other.kind = kind("skill").expect("a kind");
    assert_eq!(document.apply_import(&other).expect_err("refused").code(), "other-kind");
    let mut bad = row(json!({}));
    bad.fields.push(("from".into(), "2014".into()));
    assert_eq!(Document::create_imported(&bad).expect_err("refused").code(), "bad-date");
}

#[test]
fn undoing_hides_what_the_batch_brought_and_importing_again_restores_it() {
    let raw = json!({"role": "a"});
    let mut document = imported(raw.clone());
    let undo =
        |document: &mut Document| document.undo_import(true, &[], LATER, "laptop", actor(5)).expect("undoes");
    assert_eq!(undo(&mut document), UndoOutcome::Removed);
    assert!(view(&document).undone);
    assert_eq!(undo(&mut document), UndoOutcome::Nothing);
    let outcome = document.apply_import(&row(raw)).expect("applies");
    assert!(matches!(outcome, ImportOutcome::Restored { .. }));
    assert!(!view(&document).undone);
    assert_eq!(undo(&mut document), UndoOutcome::Removed, "restored, and undone once more");
}

#[test]
fn an_item_edited_by_hand_is_not_undone() {
    let mut document = imported(json!({"role": "a"}));
    edit_on(&mut document, 2, &set(json!({"note": "mine"})));
    let outcome = document.undo_import(true, &[], LATER, "laptop", actor(5)).expect("undoes");
    assert_eq!(outcome, UndoOutcome::Kept);
    assert!(!view(&document).undone);
}

#[test]
fn a_hand_edit_on_another_device_outlives_an_undoing() {
    let mut here = imported(json!({"role": "a"}));
    let mut there = copy(&mut here);
    here.undo_import(true, &[], LATER, "laptop", actor(5)).expect("undoes");
    edit_on(&mut there, 2, &set(json!({"note": "mine"})));
    meet(&mut here, &mut there);
    assert!(!view(&here).undone);
}

#[test]
fn undoing_puts_back_what_the_batch_changed() {
    let mut document = imported(json!({"role": "a", "place": "p", "skills": ["x"], "hours": 1}));
    let newer = row(json!({"role": "b", "place": "q", "skills": ["y"], "description": "new"}));
    let outcome = document.apply_import(&newer).expect("applies");
    let ImportOutcome::Changed { change, .. } = outcome else { panic!("{outcome:?}") };
    edit_on(&mut document, 2, &set(json!({"place": "by hand"})));
    let undone = document.undo_import(false, &[change], LATER, "laptop", actor(5)).expect("undoes");
    let UndoOutcome::Reverted { fields: reverted, kept } = undone else { panic!("{undone:?}") };
    assert_eq!(reverted, ["description", "hours", "role", "skills"]);
    assert_eq!(kept, ["place"]);
    assert_eq!(fields(&document), json!({"role": "a", "place": "by hand", "skills": ["x"], "hours": 1}));
    let again = document.apply_import(&newer).expect("applies");
    assert!(matches!(again, ImportOutcome::Changed { .. }), "it can be imported again");
    assert_eq!(fields(&document)["role"], "b");
    let unknown = document.undo_import(false, &[[0; 32]], LATER, "laptop", actor(6));
    assert_eq!(unknown.expect("undoes"), UndoOutcome::Nothing);
}

#[test]
fn attachments_are_listed() {
    let mut document = created(json!({}));
    let attachment = Attachment {
        id: BlobId::from_bytes([3; 16]),
        name: "cv.pdf".into(),
        media_type: "application/pdf".into(),
        size: 123,
        digest: [7; 32],
        chunk_len: 100_000,
    };
    document.attach(&attachment, LATER, "laptop", actor(2)).expect("attaches");
    assert_eq!(view(&document).attachments, vec![attachment]);
    assert_eq!(show(&document)["attachments"][0]["size"], 123);
    assert_eq!(document.history().last().expect("an entry").fields[0].field, "attachments");
}

/// Found by fuzzing. Whoever writes here sees others' actors, and could otherwise keep a document from
/// ever being loaded again.
#[test]
fn a_change_that_waits_under_a_number_used_since_keeps_no_document_from_loading() {
    let mut theirs = created(json!({"role": "a"}));
    let first = theirs.take_changes();
    theirs.edit(&set(json!({"note": "sent late"})), LATER, "thief", actor(5)).expect("edits");
    let late = theirs.take_changes();
    theirs.edit(&set(json!({"role": "waits"})), LATER, "thief", actor(6)).expect("edits");
    let waiting = theirs.take_changes();

    let mut ours = Document::load([first.as_slice()]).expect("loads");
    assert!(!ours.merge(&waiting).expect("waits for what it builds on"));
    ours.edit(&set(json!({"role": "b"})), LATER, "laptop", actor(6)).expect("edits");
    let own = ours.take_changes();
    for payloads in [[&first, &waiting, &own], [&own, &waiting, &first]] {
        let again = Document::load(payloads.map(Vec::as_slice)).expect("loads");
        assert_eq!((again.heads(), view(&again)), (ours.heads(), view(&ours)));
    }
    assert!(ours.merge(&late).expect("merges"));
    assert_eq!(ours.heads().len(), 2, "neither is left out");
    for payloads in [[&first, &waiting, &own, &late], [&late, &own, &waiting, &first]] {
        let again = Document::load(payloads.map(Vec::as_slice)).expect("loads");
        assert_eq!((again.heads(), again.history()), (ours.heads(), ours.history()));
    }
}

/// An honest edit as somebody who means harm would change it.
fn harmful(base: &Document, harm: impl FnOnce(&mut ExpandedChange)) -> Vec<u8> {
    let mut theirs = base.clone();
    let _ = theirs.take_changes();
    let mut edit = set(json!({"role": "harm"}));
    edit.remove.push(("skills".into(), vec!["x".into()]));
    edit_on(&mut theirs, 7, &edit);
    let mut change = theirs.doc.get_last_local_change().expect("an edit").decode();
    harm(&mut change);
    Change::from(change).raw_bytes().to_vec()
}

/// Found by fuzzing: an operation that names an entry of a list, and another object as the one that it
/// is in, deleted the entry when the engine read both at once, and did nothing when it read it later.
#[test]
fn a_change_that_names_what_is_not_there_is_left_out_in_any_order() {
    type Harm = fn(&mut ExpandedChange);
    let harms: [(&str, Harm); 13] = [
        ("an entry in another object", |change| change.operations[1].obj = ObjectId::Root),
        ("no such object", |change| {
            change.operations[0].obj = ObjectId::Id(OpId(99, change.actor_id.clone()));
        }),
        ("a scalar as an object", |change| {
            let role = change.operations[0].pred.get(0).expect("a value").clone();
            change.operations[0].obj = ObjectId::Id(role);
        }),
        ("a key of a list", |change| change.operations[1].key = Key::Map("x".into())),
        ("an entry of a map", |change| change.operations[0].key = change.operations[1].key.clone()),
        ("a value of another key", |change| change.operations[0].key = Key::Map("note".into())),
        ("a value before the first of an entry", |change| change.operations[1].key = Key::head()),
        ("deletes nothing", |change| change.operations[1].pred = Vec::new().into()),
        ("replaces one twice", |change| {
            let one = change.operations[0].pred.get(0).expect("a value").clone();
            change.operations[0].pred = vec![one.clone(), one].into();
        }),
        ("another kind", |change| {
            let op = &mut change.operations[0];
            (op.obj, op.key, op.pred) = (ObjectId::Root, Key::Map("kind".into()), Vec::new().into());
        }),
        ("a mark", |change| change.operations[0].action = OpType::MarkEnd(true)),
        ("operations numbered too high", |change| {
            change.start_op = change.start_op.saturating_add(u64::from(u32::MAX) - 100);
        }),
        ("a number too high", |change| change.seq = 2),
    ];
    let mut base = imported(json!({"role": "a", "skills": ["x", "y"]}));
    let first = copy(&mut base).save();
    let mut ours = base.clone();
    edit_on(&mut ours, 2, &set(json!({"skills": ["y", "z"], "note": "ours"})));
    let own = ours.take_changes();
    let history = ours.history();
    let sound = harmful(&base, |_| {});
    for (name, harm) in harms {
        let bad = harmful(&base, harm);
        let hash = Change::try_from(bad.as_slice()).expect("a change").hash();
        let on_bad = harmful(&base, |change| (change.deps, change.actor_id) = (vec![hash], actor(8).into()));
        let check = |document: &Document| {
            let snapshot = Document::load([document.save().as_slice()]).expect("a snapshot loads");
            for document in [document, &snapshot] {
                assert_eq!(document.heads(), ours.heads(), "{name}");
                assert_eq!((show(document), document.history()), (show(&ours), history.clone()), "{name}");
            }
        };
        for order in [[&first, &own, &bad, &on_bad], [&on_bad, &bad, &own, &first]] {
            check(&Document::load(order.map(Vec::as_slice)).expect("loads"));
        }
        for order in [[&own, &bad, &on_bad], [&on_bad, &bad, &own]] {
            let mut document = Document::load([first.as_slice()]).expect("loads");
            for payload in order {
                // It may be refused at once.
                let _ = document.merge(payload);
            }
            check(&document);
        }
    }
    assert!(base.merge(&sound).expect("merges"), "without harm it is taken in");
}

#[test]
fn payloads_that_are_refused_keep_no_document_from_loading() {
    let mut document = created(json!({"role": "a"}));
    let first = document.take_changes();
    let other =
        Document::create(kind("skill").expect("a kind"), &[], NOW, "d", actor(9)).expect("creates").save();
    for bad in [b"noise".to_vec(), first[..first.len() - 1].to_vec(), vec![0; MAX_CHANGES_BYTES + 1], other] {
        assert!(document.merge(&bad).is_err());
        let again = Document::load([first.as_slice(), &bad]).expect("loads");
        assert_eq!((again.heads(), show(&again)), (document.heads(), show(&document)));
    }
}

#[test]
fn an_attachment_is_cut_into_pieces_of_a_length_that_makes_sense() {
    let attachment = |size, chunk_len| Attachment {
        id: BlobId::from_bytes([3; 16]),
        name: "cv.pdf".into(),
        media_type: "application/pdf".into(),
        size,
        digest: [7; 32],
        chunk_len,
    };
    let two = attachment(150_000, 100_000);
    assert_eq!(two.chunks(), 2);
    assert_eq!([0, 1, 2].map(|index| two.piece_len(index)), [Some(100_000), Some(50_000), None]);
    let even = attachment(200_000, 100_000);
    assert_eq!((even.chunks(), even.piece_len(1), even.piece_len(2)), (2, Some(100_000), None));
    assert_eq!((attachment(0, 100_000).chunks(), attachment(0, 100_000).piece_len(0)), (0, None));
    for (chunk_len, is_shown) in [(65_535, false), (65_536, true), (262_144, true), (262_145, false)] {
        let mut document = created(json!({}));
        document.attach(&attachment(1, chunk_len), LATER, "laptop", actor(2)).expect("attaches");
        assert_eq!(view(&document).attachments.len(), usize::from(is_shown), "{chunk_len}");
    }
}

#[test]
fn history_tells_who_changed_what() {
    let mut document = imported(json!({"role": "a"}));
    edit_on(&mut document, 2, &set(json!({"role": "b"})));
    document.apply_import(&row(json!({"role": "a", "place": "p"}))).expect("applies");
    let history = document.history();
    assert_eq!(history.len(), 3);
    assert_eq!((history[0].at, history[0].source.as_deref()), (None, Some("linkedin")));
    assert_eq!(history[0].fields[0].from, []);
    assert_eq!((history[1].at, history[1].device.as_deref()), (Some(LATER), Some("device2")));
    let change = FieldChange { field: "role".into(), from: vec!["a".into()], to: vec!["b".into()] };
    assert_eq!(history[1].fields, [change]);
    assert_eq!(history[2].fields[0].field, "place");
}

#[test]
fn fields_of_a_newer_schema_are_shown_and_survive() {
    let mut document = created(json!({"role": "a"}));
    let mut newer = Automerge::load(&document.save()).expect("loads");
    newer.set_actor(ActorId::from(actor(8)));
    let mut tx = newer.transaction();
    let (_, fields_map) = tx.get(ROOT, "fields").expect("reads").expect("is there");
    tx.put(&fields_map, "mood", "calm").expect("puts");
    tx.put(&fields_map, "score", 1.5).expect("puts");
    tx.put(ROOT, "novelty", "kept").expect("puts");
    let list = tx.put_object(&fields_map, "colours", ObjType::List).expect("puts");
    tx.insert(&list, 0, "red").expect("inserts");
    tx.commit_with(CommitOptions::default().with_message("newer"));
    document.merge(&newer.save()).expect("merges");
    assert_eq!(fields(&document), json!({"role": "a", "mood": "calm", "score": "1.5", "colours": ["red"]}));
    edit_on(&mut document, 2, &set(json!({"role": "b"})));
    let saved = Automerge::load(&document.save()).expect("loads");
    let novelty = saved.get(ROOT, "novelty").expect("reads").expect("is there").0;
    assert_eq!(novelty.as_str(), Some("kept"));
    assert_eq!(fields(&copy(&mut document))["mood"], "calm");
}

#[test]
fn a_kind_of_a_newer_version_can_be_read_but_not_edited() {
    let mut document = Document::create(&shape::tests::OLD_KIND, &[], NOW, "d", actor(1)).expect("creates");
    let mut loaded = copy(&mut document);
    assert_eq!(view(&loaded).kind, "test");
    assert_eq!(view(&loaded).labels, ["third-party"]);
    let refused = loaded.edit(&Edit::default(), NOW, "d", actor(2)).expect_err("refused");
    assert_eq!(refused.code(), "unknown-kind");
}

#[test]
fn an_older_document_gets_the_lists_of_a_newer_schema_once() {
    let mut here = Document::create(&shape::tests::OLD_KIND, &[], NOW, "d", actor(1)).expect("creates");
    let mut there = copy(&mut here);
    for (document, n, entry) in [(&mut here, 2, "x"), (&mut there, 3, "y")] {
        document.kind = Some(&shape::tests::NEW_KIND);
        let add = vec![("b".to_owned(), vec![entry.to_owned()])];
        edit_on(document, n, &Edit { add, ..Edit::default() });
    }
    meet(&mut here, &mut there);
    let shown = view(&here);
    let mut list = shown.fields["b"].as_list().expect("a list").to_vec();
    list.sort();
    assert_eq!(list, ["x", "y"], "neither list hides the other");
}

#[test]
fn internal_documents_hold_bytes_by_key() {
    let settings = kind("settings").expect("a kind");
    let mut here = Document::create(settings, &[], NOW, "d", actor(1)).expect("creates");
    let mut there = copy(&mut here);
    here.set_bytes("a", Some(b"1"), NOW, "d", actor(2)).expect("sets");
    there.set_bytes("b", Some(b"2"), NOW, "d", actor(3)).expect("sets");
    there.set_bytes("c", Some(b"3"), NOW, "d", actor(3)).expect("sets");
    there.set_bytes("c", None, NOW, "d", actor(3)).expect("removes");
    meet(&mut here, &mut there);
    assert_eq!(here.keys(), ["a", "b"]);
    assert_eq!(here.get_bytes("b").as_deref(), Some(&b"2"[..]));
    assert_eq!(here.get_bytes("c"), None);
    let long = vec![0; crate::limits::MAX_DATA_BYTES + 1];
    assert!(here.set_bytes("a", Some(&long), NOW, "d", actor(4)).is_err());
    assert!(created(json!({})).set_bytes("a", Some(b"1"), NOW, "d", actor(4)).is_err());
}

#[test]
fn bytes_that_are_no_changes_are_refused() {
    for bad in [&b"x"[..], &[0; 100], b"\x85\x6f\x4a\x83"] {
        assert!(Document::load([bad]).is_err());
        assert!(created(json!({})).merge(bad).is_err());
    }
    assert!(Document::load([]).is_err());
    let foreign = Automerge::new().save();
    assert!(Document::load([foreign.as_slice()]).is_err(), "a document without kind");
    let long = vec![0; MAX_CHANGES_BYTES + 1];
    assert_eq!(Document::load([long.as_slice()]).expect_err("refused").code(), "document-too-large");
}

fn victim() -> (Vec<u8>, Vec<u8>) {
    let mut document = imported(json!({
        "role": "Graphiste", "organisation": "Leroy Merlin", "from": "2014-04", "to": "2014-09",
        "skills": ["a", "b"], "description": "x".repeat(600),
    }));
    let first = document.take_changes();
    edit_on(&mut document, 2, &set(json!({"role": "b", "skills": ["b"], "note": "y".repeat(600)})));
    (first, document.take_changes())
}

/// Repairs the checksum after damage, as somebody who means harm would.
fn with_checksum(mut chunk: Vec<u8>) -> Vec<u8> {
    if chunk.len() > 9 {
        let hash = Sha256::digest(&chunk[8..]);
        chunk[4..8].copy_from_slice(&hash[..4]);
    }
    chunk
}

/// Found by fuzzing: a change whose operations are numbered below those that it builds on was merged,
/// and the engine panicked when it loaded the whole that it saved.
#[test]
fn whatever_was_merged_a_snapshot_is_the_document() {
    let (first, next) = {
        let mut document = imported(json!({"role": "a", "from": "2014-04", "skills": ["x", "y"]}));
        let first = document.take_changes();
        edit_on(&mut document, 2, &set(json!({"role": "b"})));
        (first, document.take_changes())
    };
    let mut merged = 0;
    for bit in 72..next.len() * 8 {
        let mut bytes = next.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let bytes = with_checksum(bytes);
        let mut document = Document::load([first.as_slice()]).expect("loads");
        merged += usize::from(document.merge(&bytes).unwrap_or(false));
        let again = Document::load([first.as_slice(), bytes.as_slice()]).expect("loads");
        let snapshot = Document::load([document.save().as_slice()]).expect("loads");
        for other in [again, snapshot] {
            assert_eq!((other.heads(), show(&other)), (document.heads(), show(&document)), "bit {bit}");
            assert_eq!(other.history(), document.history(), "bit {bit}");
        }
    }
    assert!(merged > 0, "a changed letter is an honest change");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn damaged_payloads_never_panic(
        cut in 0_usize..2_000,
        flips in proptest::collection::vec((0_usize..2_000, any::<u8>()), 0..4),
        repair in any::<bool>(),
        second in any::<bool>(),
    ) {
        let (first, next) = victim();
        let mut bytes = if second { next.clone() } else { first.clone() };
        bytes.truncate(bytes.len().min(cut.max(9)));
        for (at, mask) in flips {
            let at = at % bytes.len();
            bytes[at] ^= mask;
        }
        if repair {
            bytes = with_checksum(bytes);
        }
        if let Ok(mut document) = Document::load([bytes.as_slice()]) {
            let _ = (view(&document), document.history());
            document.edit(&set(json!({"role": "c"})), LATER, "d", actor(3)).ok();
            let _ = document.take_changes();
        }
        let mut document = Document::load([first.as_slice()]).expect("loads");
        let before = show(&document);
        if document.merge(&bytes).is_err() {
            prop_assert_eq!(show(&document), before);
        }
        let _ = (view(&document), document.history());
        document.merge(&next).ok();
    }

    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Document::load([bytes.as_slice()]).is_err());
        if !bytes.is_empty() {
            let merged = created(json!({})).merge(&bytes);
            prop_assert!(merged.is_err());
        }
    }
}
