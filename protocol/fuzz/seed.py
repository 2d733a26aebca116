#!/usr/bin/env python3
"""Makes the corpora to start from: `corpus/<target>/seed-*`, from protocol/vectors.

An input is a list of moves (`src/input.rs`); the numbers here are those of the targets.
"""

import hashlib
import json
import pathlib

HERE = pathlib.Path(__file__).parent
VECTORS = HERE.parent / "vectors"


def cases(path):
    read = json.loads((VECTORS / path).read_text())
    return read["cases"] if isinstance(read, dict) else read


def seed(target, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"seed-{hashlib.sha256(data).hexdigest()[:12]}").write_bytes(data)


def counted(data):
    """Bytes as `Input::bytes` takes them."""
    return len(data).to_bytes(2, "little") + data if len(data) < 1 << 16 else None


def moves(number, frames):
    """The same move for each frame; none where one is longer than a move can say."""
    parts = [counted(frame) for frame in frames]
    return None if None in parts else b"".join(bytes([number]) + part for part in parts)


def seed_moves(target, head, number, frames):
    data = moves(number, frames)
    if data is not None:
        seed(target, head + data)


def unhex(values):
    return [bytes.fromhex(value) for value in values]


for case in cases("encoding/structures.json") + cases("identity/inceptions.json"):
    seed("structures", bytes.fromhex(case["bytes"]))
for case in cases("records/records.json"):
    record = bytes.fromhex(case["record"])
    if len(record) < 10_000:
        seed("records", b"\0" + record)
        if "payload" in case:
            payload = bytes.fromhex(case["payload"])
            seed("records", b"\2" + payload)
            seed("structures", payload)
for case in cases("records/drops.json") + cases("records/receipts.json"):
    statement = bytes.fromhex(case["statement"])
    if len(statement) < 10_000:
        seed("structures", statement)
for case in cases("membership/logs.json"):
    for step in case["statements"]:
        statement = bytes.fromhex(step["bytes"])
        if len(statement) < 4_000:
            seed("structures", statement)
for case in cases("epochs/statements.json"):
    statement = bytes.fromhex(case["statement"])
    if len(statement) < 10_000:
        seed("epochs", b"\0" + statement)
        seed("structures", statement)
seed("epochs", bytes([1, 3, 255, 255, 0, 7, 0, 1]))
seed("epochs", bytes([2, 13, 1, 0, 0]))
seed("epochs", bytes([3, 13, 1, 1]) + bytes([3] * 32) + bytes([0, 0]))
for case in cases("pairing/tickets.json"):
    if len(case["text"]) < 2_000:
        seed("tickets", b"\0" + case["text"].encode())
for case in cases("encoding/ids.json"):
    seed("tickets", b"\0" + case["text"].encode())
seed("tickets", b"\1" + bytes([8, 1, 0, 1, 1]) + bytes(17))
for case in cases("pairing/typed.json") + cases("pairing/recovery.json"):
    seed("words", b"\0" + case["typed"].encode())
for language in (0, 1):
    seed("words", bytes([1, language]) + bytes(46) + bytes([102, 0]))
for case in cases("identity/logs.json"):
    frames = unhex(step["bytes"] for step in case["operations"])
    if sum(map(len, frames)) < 10_000:
        seed_moves("device_log", b"", 7, frames)
for case in cases("sessions/handshakes.json"):
    seed_moves("handshake", b"\0", 0, unhex(case["dialer"]))
    seed_moves("handshake", b"\1", 0, unhex(case["listener"]))
for case in cases("sessions/refusals.json"):
    if case["to"] != "dialer" or sum(map(len, case["frames"])) < 8_000:
        seed_moves("handshake", bytes([case["to"] == "dialer"]), 0, unhex(case["frames"]))
# Hello, marks, proof: by the insider's own moves.
seed("handshake", bytes([0, 1, 0, 3, 0, 0, 0, 5, 0, 0]))
seed("handshake", bytes([1, 1, 0, 3, 0, 0, 0, 6, 98, 0, 15, 1]) + bytes(96))
# Frontiers: all that is held here, nothing; then statements, pieces, a reconciliation by either side.
SAME, NOTHING = bytes([2, 0, 0, 0, 0, 0, 0, 0, 1]), bytes([2, 0, 1, 7, 1, 8, 2, 0, 0, 0, 0, 1])
for role in (0, 1):
    head = bytes([role])
    seed("session", head + SAME + bytes([8, 0]))
    seed("session", head + NOTHING + bytes([2, 1, 0, 0, 0]))
    seed("session", head + SAME + bytes([2, 2, 3, 33, 34, 35]))
    seed("session", head + SAME + bytes([8, 3, 20, 2, 3, 2]))
    # The whole range, and nothing in it: version, no bound, list of ids, none.
    seed("session", head + SAME + bytes([2, 4]) + counted(bytes([0x61, 0, 0, 2, 0])) + bytes([2, 6, 0, 0, 0, 2]))
    seed("session", head + SAME + bytes([2, 4]) + counted(bytes([0x61, 0, 0, 2, 0])) + bytes([2, 6, 0, 0, 7, 255]))
    other = bytes([2, 0, 0, 1, 8, 0, 0, 0, 0, 1])
    seed("session", head + other + bytes([2, 5]) + counted(bytes([0x61, 0, 0, 2, 0])))
# Enrol a device, write, commit on both.
MEMBER = bytes([6, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 5, 1, 9, 3, 0, 0, 255, 3, 1, 255, 0])
seed("session", bytes([0]) + SAME + bytes([5, 2]) + MEMBER + bytes([8, 1]))
for case in cases("records/commits.json"):
    frames = unhex(case["records"])
    if sum(map(len, frames)) < 20_000:
        data = b"".join(bytes([11, 1]) + counted(frame) for frame in frames)
        seed("ingest", bytes([7, 3]) + data)
seed("ingest", bytes([7, 3]) + MEMBER)
seed("ingest", bytes([9, 0]) + MEMBER + bytes([0, 1, 5, 1, 9, 5, 1, 0, 2, 0, 0, 255, 255, 255, 0, 0, 0, 0]))
# A drop of all that was written, a receipt.
seed("ingest", bytes([3, 0]) + MEMBER + bytes([9, 0, 0, 255, 0, 0, 0, 10, 0, 255, 0, 1, 0]))
for case in cases("pairing/refusals.json"):
    seed_moves(case["to"], b"\0\0", 0, unhex(case["frames"]))
# Let somebody in as a writer, who enrols a device; somebody as a reader; the first one out again.
ADD = bytes([2, 0, 0, 0, 0, 0, 0, 0, 0, 0])
seed("membership", ADD + bytes([1, 0, 2]) + bytes([2, 0, 1, 0, 1, 0, 0, 0, 0, 0]) + bytes([2, 0, 0, 0, 0, 2, 0, 0, 0, 0]))
seed("membership", bytes([0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]) + bytes([0, 0, 1, 2, 0, 0, 0, 0, 0, 0]) + ADD)
seed("ingest", bytes([5, 3, 12]) + ADD + bytes([12, 1, 0, 2]) + bytes([0, 1, 5, 1, 9, 3, 2, 0, 255]))
# An honest pairing: hello, commitment, reveal, countersignature, the person's word, done.
seed("inviter", bytes([0, 0, 1, 2, 3, 4, 0, 7, 0, 6]))
seed("inviter", bytes([0, 0, 1, 2, 3, 4, 0, 7, 1, 7, 1, 7, 1]))
seed("inviter", bytes([0, 0, 1, 2, 3, 4, 0, 7, 2, 6]))
seed("joiner", bytes([0, 0, 1, 2, 3, 4, 0, 9]))
for case in cases("recovering/refusals.json"):
    if sum(map(len, case["frames"])) < 10_000:
        seed_moves("recovering", bytes([case["to"] == "answerer"]), 0, unhex(case["frames"]))
# An honest exchange: challenge, answer, welcome, stored; hello, claim, enrolment, done.
seed("recovering", bytes([0, 1, 2, 0, 3, 4, 7]))
seed("recovering", bytes([1, 1, 2, 3, 0, 6]))
for case in cases("journal/journals.json"):
    moves_ = b""
    for segment in case["segments"]:
        part = counted(bytes.fromhex(segment["bytes"]))
        moves_ = None if part is None or moves_ is None else moves_ + bytes([segment["number"] - 1 & 255, 0]) + part
    if moves_ is not None and len(moves_) < 10_000:
        for salvage in (0, 1):
            seed("journal", bytes([1, salvage]) + moves_)
seed("journal", bytes([0, 5, 2, 40, 50, 60, 1, 0, 100, 0, 1, 20, 30, 0, 0, 10, 1, 0, 9, 1, 1, 1, 0, 50, 0, 1, 8]))
