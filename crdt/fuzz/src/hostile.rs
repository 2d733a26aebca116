//! Payloads of a device that means harm: bytes that begin like changes, with the checksum that they
//! should have, and changes that are sound but put anything anywhere.

use std::panic::catch_unwind;

use automerge::{
    ActorId, Automerge, AutomergeError, ObjId, ObjType, ROOT, ReadDoc, ScalarValue,
    transaction::{CommitOptions, Transactable, Transaction},
};
use sha2::{Digest as _, Sha256};

use crate::input::Input;

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
/// Where a chunk's checksum is, and what it covers from.
const CHECKSUM: std::ops::Range<usize> = 4..8;

/// Keys of the layout (`protocol/spec/documents.md`), fields of the kind `activity`, and others.
const KEYS: [&str; 26] = [
    "kind",
    "schema",
    "created",
    "provenance",
    "fields",
    "imported",
    "attachments",
    "data",
    "type",
    "source",
    "key",
    "archived",
    "labels",
    "links",
    "sensitivity",
    "spheres",
    "tags",
    "undone",
    "role",
    "from",
    "to",
    "hours",
    "skills",
    "note",
    "name",
    "x",
];

/// Repairs the checksum of a single chunk.
#[must_use]
pub fn with_checksum(mut chunk: Vec<u8>) -> Vec<u8> {
    if chunk.len() > CHECKSUM.end {
        let hash = Sha256::digest(&chunk[CHECKSUM.end..]);
        chunk[CHECKSUM].copy_from_slice(&hash[..CHECKSUM.len()]);
    }
    chunk
}

/// A chunk of this type with these contents.
#[must_use]
pub fn chunk(kind: u8, contents: &[u8]) -> Vec<u8> {
    let mut chunk = [&MAGIC, [0; 4].as_slice(), &[kind]].concat();
    let mut len = contents.len();
    while len >= 0x80 {
        chunk.push(u8::try_from(len & 0x7f).expect("7 bits") | 0x80);
        len >>= 7;
    }
    chunk.push(u8::try_from(len).expect("7 bits"));
    chunk.extend(contents);
    with_checksum(chunk)
}

/// A payload with some bytes changed, inserted or cut, and its checksum repaired.
#[must_use]
pub fn damaged(mut payload: Vec<u8>, input: &mut Input<'_>) -> Vec<u8> {
    for _ in 0..=input.below(4) {
        let place = usize::from(u16::from_le_bytes([input.byte(), input.byte()])) % (payload.len() + 1);
        match input.below(4) {
            0 => payload.truncate(place),
            1 => drop(payload.splice(place..place, input.bytes().iter().copied())),
            _ => payload.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= input.byte()),
        }
    }
    if input.one_in(8) { payload } else { with_checksum(payload) }
}

/// A sound change on top of a document, by a device that puts anything anywhere. None on top of a
/// snapshot that does not load (`Document::save`), which makes the engine panic.
#[must_use]
pub fn change(whole: &[u8], input: &mut Input<'_>) -> Option<Vec<u8>> {
    let mut doc = catch_unwind(|| Automerge::load(whole)).ok()?.ok()?;
    let heads = doc.get_heads();
    doc.set_actor(ActorId::from([0x40 | (input.byte() & 0x3f); 16]));
    let mut tx = doc.transaction();
    for _ in 0..=input.below(8) {
        // A refused operation makes nothing.
        let _ = operation(&mut tx, input);
    }
    let mut options = CommitOptions::default().with_time(if input.one_in(8) { i64::MAX } else { 0 });
    if !input.one_in(4) {
        options = options.with_message(if input.one_in(3) { "undo d" } else { "d" });
    }
    tx.commit_with(options);
    Some(doc.save_after(&heads))
}

fn operation(tx: &mut Transaction<'_>, input: &mut Input<'_>) -> Result<(), AutomergeError> {
    let mut object = ROOT;
    let mut is_list = false;
    for _ in 0..input.below(4) {
        let below = if is_list { tx.get(&object, input.below(4)) } else { tx.get(&object, key(input)) };
        let Some((automerge::Value::Object(kind), id)) = below? else { break };
        (object, is_list) = (id, kind.is_sequence());
    }
    if is_list { in_list(tx, &object, input) } else { in_map(tx, &object, input) }
}

fn in_map(tx: &mut Transaction<'_>, map: &ObjId, input: &mut Input<'_>) -> Result<(), AutomergeError> {
    let key = key(input);
    match input.below(6) {
        0 => tx.put_object(map, key, object_type(input)).map(drop),
        1 => tx.delete(map, key),
        2 => tx.increment(map, key, i64::from(input.byte())),
        _ => tx.put(map, key, scalar(input)),
    }
}

fn in_list(tx: &mut Transaction<'_>, list: &ObjId, input: &mut Input<'_>) -> Result<(), AutomergeError> {
    let place = input.below(8).min(tx.length(list));
    match input.below(6) {
        0 => tx.insert_object(list, place, object_type(input)).map(drop),
        1 => tx.delete(list, place),
        2 => tx.put(list, place, scalar(input)),
        _ => tx.insert(list, place, scalar(input)),
    }
}

fn object_type(input: &mut Input<'_>) -> ObjType {
    [ObjType::Map, ObjType::List, ObjType::Text, ObjType::Table][input.below(4)]
}

fn key(input: &mut Input<'_>) -> &'static str {
    KEYS[input.below(KEYS.len())]
}

fn scalar(input: &mut Input<'_>) -> ScalarValue {
    let number = i64::from_le_bytes(std::array::from_fn(|_| input.byte()));
    match input.below(10) {
        0 => ScalarValue::Null,
        1 => ScalarValue::Int(number),
        2 => ScalarValue::Uint(number.cast_unsigned()),
        3 => ScalarValue::F64(f64::from_bits(number.cast_unsigned())),
        4 => ScalarValue::Boolean(number & 1 == 1),
        5 => ScalarValue::Timestamp(number),
        6 => ScalarValue::counter(number),
        7 => ScalarValue::Bytes(input.bytes().to_vec()),
        8 => ScalarValue::Unknown { type_code: 10 + input.byte() % 6, bytes: input.bytes().to_vec() },
        _ => ScalarValue::Str(String::from_utf8_lossy(input.bytes()).as_ref().into()),
    }
}
