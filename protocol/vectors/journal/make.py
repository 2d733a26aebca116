"""Makes journals.json from protocol/spec/journal.md alone: a second implementation.

`pip install blake3`, then `python3 make.py` in this folder. What is expected is written down here, not
computed. The same bytes come out at every run.
"""

import json
import pathlib

from blake3 import blake3

JOURNAL, OTHER = bytes([0x5A] * 16), bytes([0xA5] * 16)
A, B, C = b"first record", b"second", b"third one"
HEADER = 46


def le(n, size):
    return n.to_bytes(size, "little")


def header(number, previous_end, version=1, journal=JOURNAL):
    h = b"MUSETTEJ" + le(version, 2) + le(number, 4) + le(previous_end, 8) + journal
    return h + blake3(h).digest()[:8]


def frame(at, record, number=1, journal=JOURNAL, length=None):
    """The frame of a record at an offset; of an empty one, the mark."""
    key = blake3(journal + le(number, 4), derive_key_context="musette 2026-11 journal segment v1").digest()
    length = le(len(record) if length is None else length, 4)
    place = le(at, 8) + length
    body = blake3(place + blake3(record).digest(), key=key).digest()[:8]
    return length + blake3(place, key=key).digest()[:4] + body + record


def segment(number, previous_end, records, mark=True, version=1, journal=JOURNAL):
    s = header(number, previous_end, version, journal)
    for record in list(records) + ([b""] if mark else []):
        s += frame(len(s), record, number, journal)
    return s


def flip(b, at):
    return b[:at] + bytes([b[at] ^ 1]) + b[at + 1:]


ONE = segment(1, 0, [A, B])
TWO = segment(2, len(ONE), [C])
UNMARKED = segment(1, 0, [A, B], mark=False)
ALONE = segment(1, 0, [A], mark=False)
# Segment 1 emptied, its second record copied behind the third.
STUB = header(1, 0, version=2)
COPIED = TWO + frame(len(TWO), B, 2)
COPIED += frame(len(COPIED), b"", 2)
THREE = segment(3, len(COPIED), [A])
STUB_TWO = header(2, len(ONE), version=2)
AT_B = len(ALONE)

cases = []


def case(name, comment, segments, expect, emptied=None, **places):
    """Segments by number or in order; `places` are (segment, offset)."""
    if not isinstance(segments, dict):
        segments = {i + 1: s for i, s in enumerate(segments)}
    c = {"name": name, "comment": comment,
         "segments": [{"number": n, "bytes": s.hex()} for n, s in segments.items()]}
    for key in ("known_durable", "from"):
        if place := places.get(key.replace("from", "since")):
            c[key] = {"segment": place[0], "offset": place[1]}
    if emptied is not None:
        c["emptied"] = emptied
    cases.append({**c, "expect": expect})


def opens(records, torn=0, emptied=0):
    found = {"records": [r.hex() for r in records], "torn_bytes": torn}
    return {"opens": {**found, "emptied": emptied} if emptied else found}


def damaged(number, offset):
    return {"refused": "damaged", "segment": number, "offset": offset}


def foreign(number):
    return {"refused": "foreign", "segment": number}


def newer(number, found):
    return {"refused": "newer", "segment": number, "found": found}


def moved(emptied):
    return {"refused": "moved", "emptied": emptied}


case("nothing", "an empty disk: a new journal", [], opens([]))
case("header alone", "a journal that holds nothing", [header(1, 0)], opens([]))
case("two records and a mark", "synced, and known to be", [ONE], opens([A, B]))
case("two records without a mark", "written; the power went before the mark was", [UNMARKED], opens([A, B]))
case("two segments", "the second tells where the first was left", [ONE, TWO], opens([A, B, C]))
case("from a position", "only what is behind it is handed out", [ONE, TWO], opens([C]), since=(1, 96))
case("torn in a record", "the second record was never synced", [UNMARKED[:-1]], opens([A], 21))
case("torn in a frame's head", "", [UNMARKED[:AT_B + 5]], opens([A], 5))
case("torn mark", "a mark holds no record: nothing is lost", [ONE[:-1]], opens([A, B], 15))
case("garbage in what was never synced", "no mark follows, so nobody relied on it, nor on the whole frame behind it",
     [flip(UNMARKED, 66)], opens([], 50))
case("zeros behind the end", "a file system that lengthened the file first", [ONE + bytes(40)], opens([A, B], 40))
case("unfinished second segment", "the power went while it was made", [ONE, TWO[:20]], opens([A, B]))
case("mark in a record", "a frame inside a record is not at its own place: it proves nothing",
     [ALONE + frame(AT_B, frame(AT_B, b"") + b"x")[:-1]], opens([A], 32))
case("flipped byte in the first record", "whole frames and a mark follow", [flip(ONE, 62)], damaged(1, 46))
case("flipped byte in the last record", "the mark behind it proves that it was durable", [flip(ONE, 90)], damaged(1, 74))
case("flipped byte in a length", "", [flip(ONE, 46)], damaged(1, 46))
case("flipped byte in a checksum", "", [flip(ONE, 83)], damaged(1, 74))
case("flipped byte in an earlier segment", "an earlier segment was synced whole",
     [flip(UNMARKED, 90), segment(2, len(UNMARKED), [C], mark=False)], damaged(1, 74))
case("flipped byte in the header", "", [flip(ONE, 12)], damaged(1, 0))
case("oversized length", "both checksums hold; the length is above the bound, and a mark follows",
     [header(1, 0) + frame(46, A, length=2**20 + 1) + frame(AT_B, b"")], damaged(1, 46))
case("oversized length at the end", "torn, and no memory is asked for",
     [ALONE + frame(AT_B, b"", length=2**32 - 1)], opens([A], 16))
case("records in each other's places", "every checksum holds at its own offset only",
     [header(1, 0) + frame(66, b"bbbb") + frame(46, b"aaaa") + frame(86, b"")], damaged(1, 46))
case("record of another segment", "a frame of segment 2 in segment 1",
     [header(1, 0) + frame(46, A, 2) + frame(AT_B, b"")], damaged(1, 46))
case("shorter than known", "a whole frame is missing at the end", [ALONE], damaged(1, 74), known_durable=(1, 96))
case("torn below what is known", "", [UNMARKED[:-1]], damaged(1, 74), known_durable=(1, 96))
case("segment missing that is known", "", [ONE], damaged(2, 0), known_durable=(2, 46))
case("everything missing that is known", "", [], damaged(1, 0), known_durable=(1, 46))
case("unfinished segment that is known", "", [ONE, TWO[:20]], damaged(2, 0), known_durable=(2, 46))
case("torn before an unfinished segment", "the second segment was begun, so the first was synced whole",
     [UNMARKED[:-1], b""], damaged(1, 74))
case("shorter than known, before an unfinished segment", "", [ALONE, b""], damaged(1, 74), known_durable=(1, 96))
case("first segment missing", "", {2: TWO}, damaged(1, 0))
case("earlier segment too short", "cut between two frames: only the next header tells", [UNMARKED, TWO], damaged(1, 96))
case("earlier segment too long", "", [ONE + frame(len(ONE), b""), TWO], damaged(1, 112))
case("segments swapped", "a header names its own number", [TWO, ONE], damaged(1, 0))
case("foreign magic", "another file in a segment's place", [b"\x89PNG\r\n\x1a\n" + ONE[8:]], foreign(1))
case("foreign journal", "whole, but of a journal with another name", [segment(1, 0, [A], journal=OTHER)], foreign(1))
case("foreign second segment", "", [ONE, segment(2, len(ONE), [C], journal=OTHER)], foreign(2))
case("newer version", "left alone, not repaired", [segment(1, 0, [A], version=3)], newer(1, 3))
case("newer second segment", "", [ONE, header(2, len(ONE), version=7)], newer(2, 7))
case("version zero", "there never was one", [segment(1, 0, [A], version=0)], damaged(1, 0))

case("emptied first segment", "one of its records was copied further on; how long it was is still told, and does not count",
     [STUB, COPIED], opens([C, B], emptied=1))
case("copied, not yet emptied", "the power went in between: the record lies twice, the last one counts",
     [ONE, COPIED], opens([A, B, C, B]))
case("emptied second segment", "the first is still as long as the stub tells", [ONE, STUB_TWO, THREE],
     opens([A, B, A], emptied=1))
case("emptied segments", "and nothing in the last one yet", [STUB, STUB_TWO, header(3, len(COPIED))], opens([], emptied=2))
case("torn tail behind an emptied segment", "", [STUB, COPIED[:-16 - 1]], opens([C], 21, emptied=1))
case("unfinished segment behind others, one emptied", "", [STUB, COPIED, THREE[:45]], opens([C, B], emptied=1))
case("from a position, as many emptied", "what the caller noted still holds", [STUB, COPIED], opens([B], emptied=1),
     emptied=1, since=(2, 71))
case("known to be durable, then emptied", "", [STUB, COPIED], opens([C, B], emptied=1), known_durable=(1, 96))
case("from a position before one was emptied", "what the caller noted is out of date", [STUB, COPIED], moved(1),
     emptied=0, since=(2, 71))
case("from a position, fewer emptied than noted", "an older state of the journal", [ONE, COPIED], moved(0),
     emptied=1, since=(2, 71))
case("from a position in an emptied segment", "", [STUB, COPIED], moved(1), emptied=1, since=(1, 96))
case("emptied segment with bytes behind its header", "", [STUB + frame(46, A), COPIED], damaged(1, 46))
case("emptied segment cut short", "", [STUB[:-1], COPIED], damaged(1, 0))
case("flipped byte in a stub", "", [flip(STUB, 14), COPIED], damaged(1, 0))
case("version of a stub without its checksum", "an altered version is damage, not an empty segment",
     [ONE[:8] + le(2, 2) + ONE[10:], COPIED], damaged(1, 0))
case("segment too short before an emptied one", "cut between two frames", [UNMARKED, STUB_TWO, THREE], damaged(1, 96))
case("stub of another segment", "", [STUB, STUB, THREE], damaged(2, 0))
case("stub of another journal", "", [header(1, 0, version=2, journal=OTHER), COPIED], foreign(1))
case("emptied last segment", "it was emptied only because a durable one followed", [ONE, STUB_TWO], damaged(3, 0))
case("unfinished segment behind an emptied one", "its header was durable", [STUB, COPIED[:45]], damaged(2, 0))
case("emptied segment missing", "", {2: COPIED}, damaged(1, 0))

about = "Journals as they lie on a disk, and what opening them shows. spec/journal.md has the rules. Journal id: 16 bytes 5a."
out = {"about": about, "journal_id": JOURNAL.hex(), "cases": cases}
(pathlib.Path(__file__).parent / "journals.json").write_text(json.dumps(out, indent=1) + "\n")
