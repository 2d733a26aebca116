"""Makes the vectors of encoding, identity, epochs, records, membership, sessions, backups, recoveries and relays from protocol/spec alone.

A second implementation, so that specification and program are tested against each other:
`pip install blake3 pynacl cryptography`, then `python3 make.py` in this folder. The same bytes come
out at every run. What it writes is committed, and `cargo test` runs it; this program is run again
only when a format changes.
"""

import json
import pathlib

from reference import *

HERE = pathlib.Path(__file__).parent


def plain(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return value


def write(path, about, cases, **given):
    def line(value):
        return json.dumps(plain(value), ensure_ascii=False)
    head = "".join(f' "{k}": {line(v)},\n' for k, v in {"about": about, **given}.items())
    body = ",\n".join("  " + line(case) for case in cases)
    (HERE / path).write_text("{\n" + head + ' "cases": [\n' + body + "\n ]\n}\n")


def flip(b, at, bit=1):
    b = bytearray(b)
    b[at] ^= bit
    return bytes(b)


def encoding():
    document = bytes([0xA5] * 16)
    good = change(document, b"abc")
    person = Person(bytes([9] * 32))
    cert = b"\x02\x01" + device(person, 1)[0]
    cases = []

    def case(comment, structure, b, expect="ok", **more):
        cases.append({"comment": comment, "structure": structure, "bytes": b, "expect": expect, **more})

    case("a change", "change", good, document=document, content=b"abc")
    case("a change of nothing", "change", change(document, b""), document=document, content=b"")
    case("128 bytes: the first length of two bytes", "change", change(document, bytes(128)), document=document, content=bytes(128))
    case("a chunk; 300 is ac 02", "blob-chunk", chunk(document, 300, b"\x01"), blob=document, index=300, content=b"\x01")
    case("the largest index", "blob-chunk", chunk(document, 2**32 - 1, b"\x01"), blob=document, index=2**32 - 1, content=b"\x01")
    case("a certificate: a text, a truth value", "certificate", cert, name="device 1", admin=True)
    case("nothing", "change", b"", "malformed")
    case("a tag alone", "change", b"\x06", "malformed")
    case("a head alone", "change", b"\x06\x01", "malformed")
    case("another structure's tag", "change", b"\x07" + good[1:], "wrong-tag")
    case("a tag that does not exist", "change", b"\x00" + good[1:], "wrong-tag")
    case("a newer version", "change", b"\x06\x02" + good[2:], "newer")
    case("the newest version there can be", "change", b"\x06\xff" + good[2:], "newer")
    case("a newer version, and nothing that this one could read", "change", b"\x06\x02", "newer")
    case("version 0, which never was", "change", b"\x06\x00" + good[2:], "malformed")
    case("a byte too many", "change", good + b"\x00", "not-canonical")
    case("a byte too few", "change", good[:-1], "malformed")
    case("the id cut short", "change", good[:10], "malformed")
    case("a length written in two bytes where one does", "change", b"\x06\x01" + document + b"\x83\x00abc", "not-canonical")
    case("a length written in five bytes", "change", b"\x06\x01" + document + b"\x83\x80\x80\x80\x00abc", "not-canonical")
    case("a length that points past the end", "change", b"\x06\x01" + document + b"\xff\xff\xff\xff\x0fabc", "malformed")
    case("a length without an end", "change", b"\x06\x01" + document + b"\xff" * 12, "malformed")
    case("an index above 32 bits", "blob-chunk", b"\x07\x01" + document + varint(2**32) + b"\x01\x01", "malformed")
    case("an index with a needless byte", "blob-chunk", b"\x07\x01" + document + b"\x80\x00\x01\x01", "not-canonical")
    case("a truth value of 2", "certificate", cert[:-1] + b"\x02", "malformed")
    name = b"\x08device 1"
    assert cert.count(name) == 1
    case("a text that is no UTF-8", "certificate", cert.replace(name, b"\x08device \xff"), "malformed")
    case("a text whose length takes two bytes where one does", "certificate", cert.replace(name, b"\x88\x00device 1"), "not-canonical")
    write("encoding/structures.json", "Encoded structures, spec/encoding.md: what they hold, or why they are refused.", cases)

    zero = "a" * 26
    ids = [
        ("all zero", zero, "ok", bytes(16)),
        ("all ones", "7" * 25 + "4", "ok", bytes([255] * 16)),
        ("some", "uws2ljnfuws2ljnfuws2ljnfuu", "ok", document),
        ("upper case", "UWS2LJNFUWS2LJNFUWS2LJNFUU", "ok", document),
        ("two letters too few", zero[:-2], "malformed", None),
        ("a letter too many", zero + "a", "malformed", None),
        ("padding", zero + "======", "malformed", None),
        ("bits behind the end that are not zero", "7" * 26, "malformed", None),
        ("a digit that is no letter of base32", "0" + zero[1:], "malformed", None),
        ("white space", " " + zero[1:], "malformed", None),
        ("nothing", "", "malformed", None),
    ]
    write("encoding/ids.json", "Text forms of document ids, spec/encoding.md: lower-case base32 of 16 bytes.",
          [{"comment": c, "text": t, "expect": e, **({"bytes": b} if b else {})} for c, t, e, b in ids])

    one, two = bytes([1] * 32), bytes([2] * 32)
    parts = {
        "root signing key": [one], "recovery hpke key": [one], "recovery keeper key": [one],
        "revocation space mark": [one, two], "person id": [b"inception"], "space id": [one, two], "epoch id": [one], "record key": [one, two, one],
        "record key of several epochs": [one, one, two, two, one],
        "nonce of a renewed record": [one, b"payload"],
        "earlier epoch secrets": [one], "epoch audience": [one, two, one], "epoch heads": [one], "person key": [one], "epoch write key": [one], "epoch read key": [one],
        "session recognition": [one, two, one, two, one, b"dialer", b"mark"],
        "session space mark": [one, two], "session reconciliation": [one, two], "pairing": [b"salt", one], "recovering": [b"salt", one],
        "pairing words": [one, b"a", b"b"], "vault key": [b"seal", one, two], "index key": [one], "transport key": [one],
        "settings document": [one], "import batch": [one],
    }
    derived = [{"comment": p, "context": context(p), "parts": v, "derived": derive(p, *v)} for p, v in parts.items()]
    derived += [
        {"comment": "no part", "context": context("epoch id"), "parts": [], "derived": derive("epoch id")},
        {"comment": "an empty part is not no part", "context": context("epoch id"), "parts": [b""], "derived": derive("epoch id", b"")},
        {"comment": "two parts, not one", "context": context("epoch id"), "parts": [one[:16], one[:16]], "derived": derive("epoch id", one[:16], one[:16])},
    ]
    write("encoding/derivations.json", "derive(context, parts), spec/encoding.md. Every context of this version is here once or more.", derived)

    seed, message = bytes([1] * 32), b"\x06\x01message"
    pub, s = public(seed), sign(seed, message)
    scalar = int.from_bytes(s[32:], "little")
    identity = (1).to_bytes(32, "little")
    cases = []

    def signature(comment, k, m, sig, expect="bad-signature"):
        cases.append({"comment": comment, "key": k, "message": m, "signature": sig, "expect": expect})

    signature("it holds", pub, message, s, "ok")
    signature("over nothing", pub, b"", sign(seed, b""), "ok")
    signature("a bit of R flipped", pub, message, flip(s, 0))
    signature("a bit of S flipped", pub, message, flip(s, 32))
    signature("another message", pub, b"\x06\x01massage", s)
    signature("another structure's tag", pub, b"\x05\x01message", s)
    signature("another version", pub, b"\x06\x02message", s)
    signature("another key", public(bytes([2] * 32)), message, s)
    signature("S plus the group's order: the same, spelt otherwise", pub, message, s[:32] + (scalar + ORDER).to_bytes(32, "little"))
    signature("all zero", pub, message, bytes(64))
    signature("the identity as key: it 'signs' every message", identity, message, identity + bytes(32))
    signature("a key of order 2", (PRIME - 1).to_bytes(32, "little"), message, identity + bytes(32))
    signature("a key of order 4", bytes(32), message, identity + bytes(32))
    signature("the identity spelt with a number above the prime", (PRIME + 1).to_bytes(32, "little"), message, identity + bytes(32))
    signature("a key that is no point", (2).to_bytes(32, "little"), message, s)
    write("encoding/signatures.json", "Ed25519 signatures, spec/encoding.md: strict, so that each has one spelling.", cases)


def identity():
    recovery = [c for c in json.loads((HERE / "pairing/recovery.json").read_text()) if c["expect"] == "ok"]
    phrases = []
    for entropy in dict.fromkeys(c["entropy"] for c in recovery):
        p = Person(bytes.fromhex(entropy))
        english, french = [c["typed"] for c in recovery if c["entropy"] == entropy][:2]
        phrases.append({"comment": "two languages, one person", "english": english, "french": french, "entropy": p.entropy,
                        "root": public(p.root), "recovery_kem": kem_public(p.kem), "recovery_keeper": public(p.keeper),
                        "inception": p.inception, "person": p.id})
    write("identity/phrases.json", "Recovery phrases and what follows from them, spec/identity.md.", phrases)

    me, other = Person(bytes([9] * 32)), Person(bytes([8] * 32))
    weak = b"\x01\x01" + (1).to_bytes(32, "little") + me.body[34:]
    cases = [
        ("it holds", me.inception, "ok"),
        ("signed by another root", signed(other.root, me.body), "bad-signature"),
        ("its root replaced", me.body[:2] + public(other.root) + me.body[34:] + me.inception[98:], "bad-signature"),
        ("its HPKE key replaced", me.body[:34] + kem_public(other.kem) + me.body[66:] + me.inception[98:], "bad-signature"),
        ("a bit of the signature flipped", flip(me.inception, -1, 0x10), "bad-signature"),
        ("a weak root", weak + (1).to_bytes(32, "little") + bytes(32), "bad-signature"),
        ("without its signature", me.body, "malformed"),
        ("shorter than a signature", me.body[:20], "malformed"),
        ("a byte between body and signature", me.body + b"\x00" + me.inception[98:], "not-canonical"),
        ("a certificate's tag", b"\x02" + me.inception[1:], "wrong-tag"),
        ("a newer version", b"\x01\x02" + me.inception[2:], "newer"),
    ]
    write("identity/inceptions.json", "Signed inceptions, spec/identity.md.",
          [{"comment": c, "bytes": b, "expect": e, **({"person": me.id} if e == "ok" else {})} for c, b, e in cases])

    logs = []

    def log(comment, operations, devices, heads, announced=None, orders=()):
        judged = Judged((o for o, e in operations if e == "ok"), me)
        assert judged.devices() == sorted((public(bytes([d] * 32)), n, a, v) for d, n, a, v in devices), comment
        assert judged.person_key() == announced, comment
        logs.append({"comment": comment, "operations": [{"bytes": b, "expect": e} for b, e in operations],
                     **({"person_key": {"epoch": epoch_id(announced), "kem": person_key(announced)}} if announced else {}),
                     "devices": [{"device": public(bytes([d] * 32)), "name": n, "admin": a, "verified": v} for d, n, a, v in devices],
                     "heads": sorted(name_of(h) for h in heads), "root": judged.root, **({"orders": orders} if orders else {})})

    first = operation(me, [], None, enrol(*device(me, 1)))
    laptop = (1, "device 1", True, True)
    second = operation(me, [first], 1, enrol(*device(me, 2)))
    third = operation(me, [first], 1, enrol(*device(me, 3, admin=False)))
    log("root enrols the first, it enrols another", [(first, "ok"), (second, "ok")], [laptop, (2, "device 2", True, True)], [second])
    both = [laptop, (2, "device 2", True, True), (3, "device 3", False, True)]
    log("side by side", [(first, "ok"), (second, "ok"), (third, "ok")], both, [second, third])
    log("side by side, in the other order, and twice", [(first, "ok"), (third, "ok"), (second, "ok"), (third, "ok")], both, [second, third])
    merge = operation(me, [second, third], 2, vouch(3))
    log("an operation that joins two heads", [(first, "ok"), (third, "ok"), (second, "ok"), (merge, "ok")], both, [merge])
    log("before what it builds on", [(second, "missing-previous"), (first, "ok")], [laptop], [first])

    one = [(first, "ok")]

    def refused(comment, op, expect):
        log(comment, one + [(op, expect)], [laptop], [first])

    refused("the first device without the root", operation(me, [], 2, enrol(*device(me, 2))), "not-entitled")
    refused("a device that enrols itself", operation(me, [first], 2, enrol(*device(me, 2))), "not-entitled")
    refused("by an admin, as if it had seen nothing", operation(me, [], 1, enrol(*device(me, 2))), "not-entitled")
    refused("root's name, a device's signature", operation(me, [first], None, enrol(*device(me, 2)), seed=bytes([1] * 32)), "bad-signature")
    refused("an admin's name, another's signature", operation(me, [first], 1, enrol(*device(me, 2)), seed=bytes([2] * 32)), "bad-signature")
    refused("a bit of the signature flipped", flip(second, -1, 0x10), "bad-signature")
    body, _ = device(me, 2)
    refused("without the device's consent", operation(me, [first], 1, enrol(body, bytes(64))), "bad-signature")
    refused("with the admin's own signature for the device's", operation(me, [first], 1, enrol(body, consent(bytes([1] * 32), body))), "bad-signature")
    granted, asked = device(me, 2, admin=True)[0], device(me, 2, admin=False)
    refused("with more rights than the device signed", operation(me, [first], 1, enrol(granted, asked[1])), "bad-signature")
    refused("consent over the certificate without tag and version", operation(me, [first], 1, enrol(body, sign(bytes([2] * 32), body))), "bad-signature")
    refused("another person's certificate", operation(me, [first], 1, enrol(*device(other, 2))), "other-person")
    refused("another person's log", operation(other, [], None, enrol(*device(other, 1))), "other-person")
    weak = (1).to_bytes(32, "little")
    cert = certificate(me.id, weak, kem_public(bytes([2] * 32)), "weak", True)
    refused("a weak signing key, whose 'signature' anybody makes", operation(me, [first], 1, enrol(cert, weak + bytes(32))), "bad-signature")
    refused("an HPKE key that nothing can be sealed to", operation(me, [first], 1, enrol(*device(me, 2, kem=bytes(32)))), "malformed")
    for comment, name in [("no name", None), ("a name of white space", " \u00a0 "), ("a line break", "a\nb"), ("an escape sequence", "\x1b[2J"),
                          ("text turned round", "\u202eenohp"), ("65 characters", "é" * 65)]:
        cert = certificate(me.id, public(bytes([2] * 32)), kem_public(bytes([2] * 32)), name or "", True)
        refused(f"name: {comment}", operation(me, [first], 1, enrol(cert, consent(bytes([2] * 32), cert))), "malformed")
    long = operation(me, [first], 1, enrol(*device(me, 2, name="é" * 64)))
    log("name: 64 characters", one + [(long, "ok")], [laptop, (2, "é" * 64, True, True)], [long])
    refused("vouching for nobody", operation(me, [first], 1, vouch(2)), "not-entitled")
    a, b = sorted([name_of(second), name_of(third)])
    wide = [(first, "ok"), (second, "ok"), (third, "ok")]
    log("heads out of order", wide + [(operation(me, [], 1, vouch(3), previous_raw=[b, a]), "malformed")], both, [second, third])
    log("a head twice", wide + [(operation(me, [], 1, vouch(3), previous_raw=[a, a]), "malformed")], both, [second, third])
    plain_enrols = operation(me, [third], 3, enrol(*device(me, 4)))
    log("a device without the right", [(first, "ok"), (third, "ok"), (plain_enrols, "not-entitled")], [laptop, both[2]], [third])

    thief = operation(me, [first], 1, enrol(*device(me, 2), verified=False))
    alone = operation(me, [thief], 2, vouch(2))
    friend = operation(me, [alone], 2, enrol(*device(me, 3)))
    back = operation(me, [friend], 3, vouch(2))
    unverified = [(first, "ok"), (thief, "ok"), (alone, "ok"), (friend, "ok"), (back, "ok")]
    log("an unverified device verifies neither itself nor others", unverified,
        [laptop, (2, "device 2", True, False), (3, "device 3", True, False)], [back])
    saved = operation(me, [back], 1, vouch(2))
    log("until a verified one vouches for it", unverified + [(saved, "ok")], [laptop, *both[1:2], (3, "device 3", True, True)], [saved])

    s1, s2, s3 = (bytes([n] * 32) for n in (10, 11, 12))
    key1 = operation(me, [first], 1, announce(s1))
    log("a person key", one + [(key1, "ok")], [laptop], [key1], s1)
    log("a person key, announced by the root", one + [(root := operation(me, [first], None, announce(s1)), "ok")], [laptop], [root], s1)
    key2 = operation(me, [key1], 1, announce(s2))
    log("a later person key", one + [(key1, "ok"), (key2, "ok")], [laptop], [key2], s2)
    key3 = operation(me, [key1], 1, announce(s3))
    apart = [(key1, "ok"), (key2, "ok"), (key3, "ok")]
    log("two that do not know of each other: the first by name", one + apart, [laptop], [key2, key3], s2 if name_of(key2) < name_of(key3) else s3)
    joined = operation(me, [key2, key3], 1, announce(s1))
    log("one that knows of both", one + [apart[0], apart[2], apart[1], (joined, "ok")], [laptop], [joined], s1)
    enrolled = operation(me, [key1, second], 1, enrol(*device(me, 3)))
    log("it holds while others are enrolled", wide[:2] + [(key1, "ok"), (enrolled, "ok")], [*both[:2], (3, "device 3", True, True)], [enrolled], s1)
    refused("a person key that nothing can be sealed to", operation(me, [first], 1, announce(s1, kem=bytes(32))), "malformed")
    refused("a person key by a device that is not enrolled", operation(me, [first], 2, announce(s1)), "not-entitled")
    log("a person key by a device without the right", [(first, "ok"), (third, "ok"), (operation(me, [third], 3, announce(s1)), "not-entitled")],
        [laptop, both[2]], [third])
    write("identity/person_keys.json", "Person keys and the secrets of epochs that they follow from, spec/identity.md.",
          [{"comment": f"epoch {n}", "secret": s, "epoch": epoch_id(s), "kem": person_key(s)} for n, s in enumerate([s1, s2, s3], 1)])
    revocations(me, log, first)
    replacements(me, log, first)
    write("identity/logs.json", "Device logs, spec/identity.md: operations in the order in which they come, what becomes of each, "
          "and the devices and the root then (null: none speaks); the same if they come in one of the other `orders`. A device's signing and HPKE keys are made from "
          "seeds of one byte.", logs, inception=me.inception)


def other_orders(causes):
    """Other orders in which things may come, each after those that it builds on: `causes` has the places of these."""
    places = range(len(causes))
    orders = []
    for prefer in (lambda place: -place, lambda place: (len(causes[place]), -place), lambda place: (place % 2, place)):
        order = []
        while ready := [p for p in places if p not in order and causes[p] <= set(order)]:
            order.append(min(ready, key=prefer))
        if order not in [*orders, list(places)]:
            orders.append(order)
    return orders


def revocations(me, log, first):
    """Devices 1, 2 and 3 are admin devices, enrolled one after the other, each by device 1."""
    second = operation(me, [first], 1, enrol(*device(me, 2)))
    third = operation(me, [second], 1, enrol(*device(me, 3)))
    before = [first, second, third]

    def by(author, previous, action):
        return operation(me, previous, author, action)

    def enrols(author, previous, byte, **more):
        return by(author, previous, enrol(*device(me, byte), **more))

    def holds(comment, operations, standing, announced=None, unverified=(), names={}):
        """All of them hold when they come; these devices stand then."""
        operations = before + operations
        described = [(d, names.get(d, f"device {d}"), True, d not in unverified) for d in standing]
        heads = set(operations) - {p for o in operations for p in o.past}
        log(comment, [(o, "ok") for o in operations], described, heads, announced,
            other_orders([{operations.index(p) for p in o.past} for o in operations]))

    r = by(1, [third], revoke(2))
    holds("revoked", [r], [1, 3])
    holds("revoked by the root", [by(None, [third], revoke(2))], [1, 3])
    holds("a device that revokes itself", [by(2, [third], revoke(2))], [1, 3])
    here = bytes([0x51] * 32)
    holds("revoked, with what is kept in two spaces", [by(1, [third], revoke(2, [(here, 3, name_of(b"3")), (bytes(32), 300, name_of(b"300"))]))], [1, 3])
    e4 = enrols(2, [third], 4)
    e5 = enrols(4, [e4], 5)
    seen = by(1, [e4], revoke(2))
    holds("what it enrolled before, and was seen, stays", [e4, seen], [1, 3, 4])
    holds("whom that one enrols stays too", [e4, seen, e5], [1, 3, 4, 5])
    holds("an enrolment that was not seen does not hold", [e4, r], [1, 3])
    holds("nor whom that one enrolled", [e4, e5, r], [1, 3])
    holds("dated back to the device's own beginning", [enrols(2, [second], 4), r], [1, 3])
    also = enrols(1, [third], 4)
    holds("who was enrolled by another device too stays", [e4, also, r], [1, 3, 4])
    holds("so does what that one does, having seen the other enrolment", [e4, also, enrols(4, [e4, also], 5), r], [1, 3, 4, 5])
    holds("but not what it does as if it had not", [e4, also, e5, r], [1, 3, 4])
    named = next(o for n in range(99) if name_of(o := by(2, [third], enrol(*device(me, 4, name=f"name {n}")))) < name_of(also))
    holds("of two enrolments the first by name counts", [named, also], [1, 2, 3, 4], names={4: named.action.certificate.name})
    holds("unless it does not hold", [named, also, r], [1, 3, 4])
    holds("an enrolment that was seen, undone", [e4, by(1, [e4], revoke(2, undone=[e4]))], [1, 3])
    holds("an enrolment that was seen, undone, and what that one did, seen too", [e4, e5, by(1, [e5], revoke(2, undone=[e4]))], [1, 3])

    holds("revoked again by who knew, and had seen more", [e4, r, by(3, [r, e4], revoke(2))], [1, 3, 4])
    holds("revoked again by who knew, who has more undone", [e4, seen, by(3, [seen], revoke(2, undone=[e4]))], [1, 3])
    holds("revoked twice, neither knowing: what either undoes is undone", [e4, seen, by(3, [third], revoke(2))], [1, 3])
    undoing = [by(None, [e4], revoke(2, [(here, n, name_of(b"n"))], undone=[e4])) for n in range(1, 99)]
    early, late = next((a, b) for a in undoing if name_of(a) < name_of(b := by(None, [a], revoke(2))))
    holds("by the root, and again by the root", [e4, early, late], [1, 3, 4])

    r12, r21 = r, by(2, [third], revoke(1))
    holds("two devices that revoke each other, neither knowing: both are out", [r12, r21], [3])
    holds("until one that had seen both says who stays", [r12, r21, by(3, [r12, r21], revoke(2, undone=[r21]))], [1, 3])
    holds("or the other one", [r12, r21, by(3, [r12, r21], revoke(1, undone=[r12]))], [2, 3])
    holds("or the root", [r12, r21, by(None, [r12, r21], revoke(2, undone=[r21]))], [1, 3])
    holds("one that had seen both, and undoes nothing", [r12, r21, by(3, [r12, r21], revoke(2))], [3])
    holds("the root, knowing of neither, undoes the thief's", [r12, r21, by(None, [third], revoke(2))], [1, 3])
    holds("the root, after the revocation and not knowing of the thief's", [r12, r21, by(None, [r12], revoke(2))], [1, 3])
    holds("another device, knowing of neither, does not", [r21, by(3, [third], revoke(2))], [3])
    holds("a third one, revoked by a stolen device that dates it back, is out", [r, by(2, [third], revoke(3))], [1])
    holds("the root, not knowing, undoes also what is by those whom the thief enrolled", [e4, by(4, [e4], revoke(1)), by(None, [third], revoke(2))], [1, 3])
    accomplice = by(4, [e4], revoke(1))
    undoing = by(1, [e4], revoke(2, undone=[e4]))
    holds("a revocation by one whose enrolment is undone, unseen: it holds", [e4, accomplice, undoing], [3])
    holds("and seen, by the root", [e4, accomplice, undoing, by(None, [accomplice, undoing], revoke(2, undone=[e4]))], [1, 3])
    r31 = by(3, [r12], revoke(1, undone=[r12]))
    holds("a revocation undone: its device stands again", [r12, r31], [2, 3])
    holds("the device that stands again undoes that in turn", [r12, r31, by(2, [r31], revoke(3, undone=[r31]))], [1])

    again = enrols(1, [r], 2)
    holds("its key is enrolled again: it never stands", [r, again], [1, 3])
    holds("its key is enrolled again by one who did not know", [r, enrols(3, [third], 2)], [1, 3])
    holds("unless the revocation is undone", [r, again, by(3, [again], revoke(1, undone=[r]))], [2, 3])

    s1, s2, s3 = (bytes([n] * 32) for n in (10, 11, 12))
    k1 = by(1, [third], announce(s1))
    k2 = by(2, [k1], announce(s2))
    holds("a person key that it announced, unseen", [k1, k2, by(1, [k1], revoke(2))], [1, 3], s1)
    holds("a person key that it announced, seen", [k1, k2, by(1, [k2], revoke(2))], [1, 3], s2)
    holds("a person key that it announced, seen and undone", [k1, k2, by(1, [k2], revoke(2, undone=[k2]))], [1, 3], s1)
    holds("the only person key, unseen", [by(2, [third], announce(s2)), r], [1, 3])
    holds("a person key that followed one that is undone", [k1, k2, by(3, [k2], announce(s3)), by(1, [k1], revoke(2))], [1, 3], s3)
    o4 = enrols(1, [third], 4, verified=False)
    v4 = by(2, [o4], vouch(4))
    holds("it vouched for a device, unseen", [o4, v4, by(1, [o4], revoke(2))], [1, 3, 4], unverified=[4])
    holds("it vouched for a device, seen", [o4, v4, by(1, [v4], revoke(2))], [1, 3, 4])
    holds("it vouched for a device, seen and undone", [o4, v4, by(1, [v4], revoke(2, undone=[v4]))], [1, 3, 4], unverified=[4])

    all_three = [(d, f"device {d}", True, True) for d in (1, 2, 3)]

    def refused(comment, op, expect, more=(), standing=all_three):
        held = [*before, *more]
        heads = set(held) - {p for o in held for p in o.past}
        log(comment, [(o, "ok") for o in held] + [(op, expect)], standing, heads)

    left = [all_three[0], all_three[2]]
    refused("by a device that was revoked, knowing of it: an enrolment", enrols(2, [r], 4), "not-entitled", [r], left)
    refused("by a device that was revoked, knowing of it: a revocation", by(2, [r], revoke(1)), "not-entitled", [r], left)
    refused("by a device that only a revoked one enrolled, knowing of it", enrols(4, [e4, r], 5), "not-entitled", [e4, r], left)
    refused("vouching for a device that was revoked", by(1, [r], vouch(2)), "not-entitled", [r], left)
    ordinary = by(1, [third], enrol(*device(me, 4, admin=False)))
    refused("revocation by a device without the right", by(4, [ordinary], revoke(2)), "not-entitled", [ordinary], [*all_three, (4, "device 4", False, True)])
    refused("revocation of a stranger", by(1, [third], revoke(7)), "not-entitled")
    refused("revocation of a device whose enrolment was not seen", by(1, [third], revoke(4)), "not-entitled", [e4], [*all_three, (4, "device 4", True, True)])
    refused("revocation of a stranger, with lists out of their bounds", by(1, [third], revoke(7, [(bytes(16), 0, bytes(32))], raw=True)), "not-entitled")
    refused("revocation signed by another", operation(me, [third], 1, revoke(2), seed=bytes([2] * 32)), "bad-signature")
    refused("undone: an operation of another device", by(1, [third], revoke(2, undone=[second])), "malformed")
    refused("undone: an operation of the root", by(1, [third], revoke(2, undone=[first])), "malformed")
    with4 = [*all_three, (4, "device 4", True, True)]
    refused("undone: an operation that was not seen", by(1, [third], revoke(2, undone=[e4])), "malformed", [e4], with4)
    refused("undone: an operation that is not held", by(1, [third], revoke(2, undone=[e4])), "malformed")
    v3 = by(2, [e4], vouch(3))
    low, high = sorted([name_of(e4), name_of(v3)])
    refused("undone: out of order", by(1, [v3], revoke(2, undone=[high, low], raw=True)), "malformed", [e4, v3], with4)
    refused("undone: one twice", by(1, [v3], revoke(2, undone=[low, low], raw=True)), "malformed", [e4, v3], with4)
    many = [n.to_bytes(32, "big") for n in range(1, 258)]

    def kept(comment, *entries):
        refused(f"kept: {comment}", by(1, [third], revoke(2, entries, raw=True)), "malformed")

    one, two = bytes([1] * 16), bytes([2] * 16)
    kept("out of order", (two, 1, many[0]), (one, 1, many[0]))
    kept("an entry twice", (one, 1, many[0]), (one, 1, many[0]))
    kept("one space twice", (one, 1, many[0]), (one, 2, many[0]))
    kept("number 0", (one, 0, many[0]))
    kept("257 spaces", *((n[16:], 1, n) for n in many))
    chain = [*before]
    while len(chain) < 224:
        chain.append(by(2, chain[-1:], vouch(3)))
    log("a log that devices filled: the rest is the root's", [*((o, "ok") for o in chain), (by(1, chain[-1:], revoke(2)), "malformed"),
        (last := by(None, chain[-1:], revoke(2)), "ok"), (by(1, [last], vouch(3)), "malformed")], left, [last])


def epochs():
    me = Person(bytes([9] * 32))
    keeper, phone, laptop, thief = bytes([1] * 32), bytes([3] * 32), bytes([4] * 32), bytes([6] * 32)
    s1, s2 = bytes([10] * 32), bytes([11] * 32)
    space = derive("space id", public(keeper), public(me.keeper))
    cases = []

    def case(comment, b, expect="ok", kem=phone, **more):
        cases.append({"comment": comment, "statement": b, "kem": kem, "expect": expect, **more})

    first = statement(space, keeper, s1, [laptop, phone, me.kem])
    case("the first epoch, and for whom it was made", first, audiences=[
        {"recipients": sorted(kem_public(r) for r in who), "is_for": who == [laptop, phone, me.kem]}
        for who in ([laptop, phone, me.kem], [laptop, phone], [laptop, phone, me.kem, thief], [thief], [])], epochs=[epoch_id(s1)], written_under=[epoch_id(s1)])
    case("opened with the recovery key", first, kem=me.kem, epochs=[epoch_id(s1)], written_under=[epoch_id(s1)])
    second = statement(space, keeper, s2, [phone], [s1])
    case("a second epoch, which holds the secret of the first", second, epochs=sorted([epoch_id(s1), epoch_id(s2)]), written_under=[epoch_id(s2)])
    for heads in ([bytes([1] * 32)], [bytes([1] * 32), bytes([2] * 32)]):
        told = statement(space, keeper, s2, [phone], [s1], heads)
        case(f"since a revocation: it says {len(heads)} of the log's heads that its author knew", told, heads=heads,
             audiences=[{"recipients": [kem_public(phone)], "is_for": True}], epochs=sorted([epoch_id(s1), epoch_id(s2)]), written_under=[epoch_id(s2)])
    withheld = statement(space, keeper, s2, [phone], previous=[epoch_id(s1)])
    case("a second epoch of a shared space, which gives no earlier secret", withheld, epochs=[epoch_id(s2)], written_under=[epoch_id(s2)])
    case("made before epochs said for whom: for nobody who is known", statement(space, keeper, s1, [phone], sealed=[
        hpke_seal(kem_public(phone), b"musette epoch secret v1", space + epoch_id(s1), s1, b"eph" + phone)]),
         audiences=[{"recipients": [kem_public(phone)], "is_for": False}], epochs=[epoch_id(s1)], written_under=[epoch_id(s1)])
    case("said to be for others than it is", statement(space, keeper, s1, [phone], audience=audience(s1, [laptop])),
         audiences=[{"recipients": [kem_public(phone)], "is_for": False}, {"recipients": [kem_public(laptop)], "is_for": True}],
         epochs=[epoch_id(s1)], written_under=[epoch_id(s1)])
    case("somebody to whom it was not sealed", first, "not-for-us", kem=thief)
    case("a bit of the signature flipped", flip(first, -1, 0x10), "not-keeper")
    case("another keeper, who signs it", statement(space, keeper, s1, [phone], stated=thief), "not-keeper")
    case("the keeper's name, another's signature", statement(space, keeper, s1, [phone], signer=thief), "not-keeper")
    case("signed by the recovery keeper, which does not state epochs in this version", statement(space, keeper, s1, [phone], stated=me.keeper), "not-keeper")
    case("another space", statement(space, keeper, s1, [phone], elsewhere=bytes([7] * 32)), "not-keeper")
    case("another secret than the one it is named by", statement(space, keeper, s1, [phone], inner=s2), "wrong-secret")
    case("a secret of 31 bytes", statement(space, keeper, s1, [phone], inner=s1[:31]), "wrong-secret")
    case("the write key of another secret", statement(space, keeper, s1, [phone], write=public(derive("epoch write key", s2))), "wrong-secret")
    case("read and write key swapped", statement(space, keeper, s1, [phone], write=public(derive("epoch read key", s1)),
                                               read=public(derive("epoch write key", s1))), "wrong-secret")
    case("sealed for another purpose", statement(space, keeper, s1, [phone], info=b"musette epoch grant v1"), "not-for-us")
    case("the earlier secrets sealed under another", statement(space, keeper, s1, [phone], box=bytes(64)), "wrong-secret")
    case("the earlier secrets shorter than a nonce", statement(space, keeper, s1, [phone], box=bytes(23)), "malformed")
    case("513 earlier secrets", statement(space, keeper, s1, [phone], plain=grant([(n.to_bytes(32, "big"), []) for n in range(513)])), "malformed")
    names = [n.to_bytes(32, "big") for n in range(33)]
    case("replaces 33 epochs", statement(space, keeper, s1, [phone], previous=names), "malformed")
    case("an earlier one that replaces 33 epochs", statement(space, keeper, s1, [phone], plain=grant([(s2, names)])), "malformed")
    case("earlier secrets that are no grant", statement(space, keeper, s1, [phone], plain=b"\x06\x01"), "malformed")
    a, b = sorted([epoch_id(s1), epoch_id(bytes([12] * 32))])
    case("previous epochs out of order", statement(space, keeper, s2, [phone], previous=[b, a]), "malformed")
    case("a previous epoch twice", statement(space, keeper, s2, [phone], previous=[a, a]), "malformed")
    case("1,025 recipients", statement(space, keeper, s1, [], sealed=[bytes(32) + b"\x00"] * 1025), "malformed")
    case("8,209 bytes sealed to one key", statement(space, keeper, s1, [], sealed=[bytes(32) + data(bytes(8209))]), "malformed")
    case("no recipient", statement(space, keeper, s1, []), "not-for-us")
    case("without its signature", first[:-64], "malformed")
    case("a byte too many", first[:-64] + b"\x00" + first[-64:], "not-canonical")
    case("a commit's tag", b"\x05" + first[1:], "wrong-tag")
    case("a newer version", b"\x04\x02" + first[2:], "newer")
    write("epochs/statements.json", "Signed epoch statements, spec/epochs.md: decoded, checked against space and recovery keeper, opened with "
          "the HPKE key whose seed is `kem`.", cases, space=space, recovery_keeper=public(me.keeper))

    cases = []
    info, where = b"musette epoch grant v1", bytes([5] * 32)

    def given(comment, b, expect="ok", **more):
        cases.append({"comment": comment, "sealed": b, "kem": phone, "context": where, "expect": expect, **more})

    def to(plain, to=phone, info=info, where=where):
        return hpke_seal(kem_public(to), info, where, plain, b"eph" + to)

    ids = [epoch_id(s) for s in (s1, s2)]
    good = grant([(s1, []), (s2, [ids[0]])], keeper)
    given("two epochs and the keeper", to(good), epochs=sorted(ids), written_under=[ids[1]], keeper=keeper)
    given("without the keeper", to(grant([(s1, [])])), epochs=[ids[0]], written_under=[ids[0]])
    given("epochs that replace each other: the first by name is written under", to(grant([(s1, [ids[1]]), (s2, [ids[0]])])),
          epochs=sorted(ids), written_under=[min(ids)])
    three = [(bytes([n] * 32), []) for n in (10, 11, 12)]
    given("three epochs, none replaced: all are written under", to(grant(three)), epochs=sorted(epoch_id(s) for s, _ in three),
          written_under=sorted(epoch_id(s) for s, _ in three))
    numbered = [(n.to_bytes(32, "big"), []) for n in range(513)]
    every = sorted(epoch_id(s) for s, _ in numbered[:512])
    given("512 epochs, none replaced: the first eight are written under", to(grant(numbered[:512])), epochs=every, written_under=every[:8])
    given("513 epochs", to(grant(numbered)), "malformed")
    given("one that replaces 33 epochs", to(grant([(numbered[0][0], [n.to_bytes(32, "big") for n in range(33)])])), "malformed")
    given("no epoch", to(grant([], keeper)), "malformed")
    given("sealed to another device", to(good, to=laptop), "not-for-us")
    given("of another pairing", to(good, where=bytes([6] * 32)), "not-for-us")
    given("sealed for another purpose", to(good, info=b"musette epoch secret v1"), "not-for-us")
    given("a bit flipped", flip(to(good), -1), "not-for-us")
    given("a point of small order", bytes(32) + to(good)[32:], "not-for-us")
    given("a byte too many", to(good + b"\x00"), "malformed")
    given("a newer version", to(b"\x0d\x02" + good[2:]), "malformed")
    given("something else", to(b"\x06\x01" + bytes(17)), "malformed")
    write("epochs/grants.json", "Grants as they travel in a pairing, spec/epochs.md.", cases)


def records():
    space, secret, unknown = bytes([0x51] * 32), bytes([3] * 32), bytes([5] * 32)
    document, blob, nonce = bytes([2] * 16), bytes([8] * 16), bytes([4] * 24)
    me = Person(bytes([9] * 32))
    head = name_of(b"head")
    cases = []

    def case(comment, b, expect="ok", **more):
        cases.append({"comment": comment, "record": b, "expect": expect, **more})

    second = bytes([6] * 32)

    def good(comment, payload, under=(secret,)):
        case(comment, seal(space, list(under), payload, nonce), payload=payload, nonce=nonce, sealed_under=under)

    def bad(comment, payload, expect="malformed"):
        case(comment, seal(space, secret, payload, nonce), expect)

    hello = change(document, b"hello")
    good("a change", hello)
    good("a change of nothing: the same size", change(document, b""))
    for size, comment in [(232, "the last that fits the smallest bucket"), (233, "the first that does not"), (1000, "a thousand bytes")]:
        good(comment, change(document, bytes([7] * size)))
    good("a chunk", chunk(blob, 0, b"x"))
    first = commit(space, 1, 1, None, [head], [name_of(b"r")])
    good("a commit", first)
    good("a commit with a previous one, seen heads and chunks", commit(space, 1, 2, name_of(first), [head], [], seen=[name_of(b"s"), name_of(b"t")], chunks=[name_of(b"c")]))
    good("a log operation", operation(me, [], None, enrol(*device(me, 1))))
    good("a commit with 1,024 ids", commit(space, 1, 1, None, [head], [name_of(b"r")] * 1000, chunks=[name_of(b"c")] * 24))

    good("a membership operation", Change(space, 1, [], [head], Add(me, 1)).bytes)
    good("a receipt", receipt(space, 1, 1, [name_of(b"drop"), name_of(b"another")]))
    good("a receipt of nothing, with a large number", receipt(space, 1, 2**64 - 1, []))
    good("a change under two epochs", hello, [secret, second])
    keeper = bytes([1] * 32)
    dropping = b"\x04" + drop(space, keeper, [name_of(b"r")], after=name_of(first))
    case("a drop, in the clear", dropping)

    record = seal(space, secret, hello, nonce)
    case("nothing", b"", "malformed")
    case("a suite that does not exist", b"\x00" + record[1:], "unknown-suite")
    case("a later suite", b"\x05" + record[1:], "unknown-suite")
    several = seal(space, [secret, second], hello, nonce)
    case("several epochs: another space", seal(bytes([0x52] * 32), [secret, second], hello, nonce), "other-space")
    case("several epochs: one of them is not known", seal(space, [secret, unknown], hello, nonce), "unknown-epoch")
    case("several epochs: one alone", seal(space, [secret], hello, nonce, raw=True), "malformed")
    case("several epochs: none", several[:33] + b"\x00" + several[98:], "malformed")
    case("several epochs: nine", seal(space, [bytes([n] * 32) for n in range(9)], hello, nonce), "malformed")
    case("several epochs: out of order", seal(space, sorted([secret, second], key=epoch_id, reverse=True), hello, nonce, raw=True), "malformed")
    case("several epochs: one twice", seal(space, [secret, secret], hello, nonce, raw=True), "malformed")
    case("several epochs: more announced than there are", several[:33] + b"\x03" + several[34:100], "malformed")
    case("several epochs: shorter than head and tag", several[:137], "malformed")
    case("several epochs: sealed as if under the first alone", several[:122] + seal(space, secret, hello, nonce)[89:], "does-not-open")
    case("several epochs: a bit of the nonce flipped", flip(several, 98), "does-not-open")
    case("a drop of another space", b"\x04" + drop(bytes([0x52] * 32), keeper, [name_of(b"r")]), "other-space")
    case("a drop without its signature", dropping[:-64], "malformed")
    case("a newer drop", b"\x04\x10\x02" + dropping[3:], "malformed")
    case("a drop as an epoch", b"\x02" + dropping[1:], "malformed")
    case("an epoch as a drop", b"\x04" + statement(space, keeper, secret, []), "malformed")
    case("shorter than head and tag", record[:104], "malformed")
    case("head and tag alone, of another plaintext", record[:105], "does-not-open")
    case("another space", seal(bytes([0x52] * 32), secret, hello, nonce), "other-space")
    case("moved to this space", b"\x01" + space + seal(bytes([0x52] * 32), secret, hello, nonce)[33:], "does-not-open")
    case("an epoch that is not known", seal(space, unknown, hello, nonce), "unknown-epoch")
    case("this epoch's name over another key", record[:65] + seal(space, unknown, hello, nonce)[65:], "does-not-open")
    case("a bit of the nonce flipped", flip(record, 65), "does-not-open")
    case("a bit of the ciphertext flipped", flip(record, 100), "does-not-open")
    case("a bit of the tag flipped", flip(record, -1), "does-not-open")
    case("a byte too many", record + b"\x00", "does-not-open")
    case("a byte too few", record[:-1], "does-not-open")

    def padded(comment, plaintext):
        case(comment, seal(space, secret, b"", nonce, plain=plaintext), "malformed")

    full = pad(hello)
    padded("padding: none", full[:4 + len(hello)])
    padded("padding: a byte short of the bucket", full[:-1])
    padded("padding: the next bucket", full + bytes(bucket(257) - 256))
    padded("padding: not zero", full[:-1] + b"\x01")
    padded("padding: a length past the end", b"\xff\xff\xff\xff" + full[4:])
    padded("padding: no room for a length", b"\x00\x00\x00")
    padded("padding: empty", b"")
    bad("a payload of nothing", b"")
    bad("an inception is no payload", me.inception)
    bad("an epoch is stated in the clear", b"\x04\x01" + bytes(300))
    bad("a drop is stated in the clear", dropping[1:])
    bad("a newer membership operation", b"\x12\x02" + Change(space, 1, [], [head], Add(me, 1)).bytes[2:])
    bad("receipt: number 0", receipt(space, 1, 0, []))
    bad("receipt: a drop twice", receipt(space, 1, 1, [name_of(b"drop")] * 2))
    bad("receipt: 257 drops", receipt(space, 1, 1, [n.to_bytes(32, "big") for n in range(257)]))
    bad("receipt: without its signature", receipt(space, 1, 1, [])[:-64])
    bad("receipt: a newer one", b"\x11\x02" + receipt(space, 1, 1, [])[2:])
    bad("a newer change", b"\x06\x02" + hello[2:])
    bad("a byte behind the change", hello + b"\x00")
    bad("a chunk of nothing", chunk(blob, 0, b""))
    bad("commit: number 0", commit(space, 1, 0, None, [head], []))
    bad("commit: number 1 with a previous one", commit(space, 1, 1, name_of(first), [head], []))
    bad("commit: number 2 without a previous one", commit(space, 1, 2, None, [head], []))
    bad("commit: 1,025 ids", commit(space, 1, 1, None, [head], [name_of(b"r")] * 1000, chunks=[name_of(b"c")] * 25))
    bad("commit: seen out of order", commit(space, 1, 1, None, [head], [], seen=sorted([name_of(b"s"), name_of(b"t")], reverse=True), raw=True))
    bad("commit: a head twice", commit(space, 1, 1, None, [head, head], []))
    many = sorted(n.to_bytes(32, "big") for n in range(257))
    bad("commit: 257 log heads", commit(space, 1, 1, None, many, []))
    bad("commit: 257 seen", commit(space, 1, 1, None, [head], [], seen=many))
    bad("commit: without its signature", first[:-64])
    bad("commit: a newer one", b"\x05\x02" + first[2:])
    write("records/records.json", "Sealed records, spec/records.md, opened in one space by somebody who knows two epochs.", cases, space=space, secrets=[secret, second])

    counting = []
    space = derive("space id", public(keeper), public(me.keeper))
    drawn = [0]

    def sealed(payload):
        drawn[0] += 1
        return seal(space, secret, payload, drawn[0].to_bytes(24, "little"))

    def count(comment, steps, counted, refused=()):
        counting.append({"comment": comment, "records": steps, "counted": sorted(name_of(c) for c in counted), "refused": list(refused)})

    enrol1 = operation(me, [], None, enrol(*device(me, 1)))
    enrol2 = operation(me, [enrol1], 1, enrol(*device(me, 2)))
    log = [sealed(enrol1), sealed(enrol2)]
    h1, h2 = [name_of(enrol1)], [name_of(enrol2)]
    x, y, z = (sealed(change(document, b)) for b in (b"x", b"y", b"z"))
    X, Y, Z = map(name_of, (x, y, z))
    a1 = commit(space, 1, 1, None, h2, [X])
    a2 = commit(space, 1, 2, name_of(a1), h2, [Y])
    b1 = commit(space, 2, 1, None, h2, [Z], seen=[name_of(a1)])
    A1, A2, B1 = map(sealed, (a1, a2, b1))
    count("in order", log + [x, A1, y, A2, z, B1], [a1, a2, b1])
    count("in the opposite order", [B1, z, A2, y, A1, x] + log[::-1], [a1, a2, b1])
    count("every record twice", [r for r in log + [x, A1] for _ in "12"], [a1])
    count("a commit sealed twice counts once", log + [x, A1, sealed(a1)], [a1])
    count("a commit of nothing", log + [sealed(commit(space, 1, 1, None, h2, []))], [commit(space, 1, 1, None, h2, [])])
    both = commit(space, 2, 1, None, h2, [X])
    count("two commits that name one record", log + [x, A1, sealed(both)], [a1, both])
    twice = commit(space, 1, 1, None, h2, [X, X])
    count("one commit that names it twice", log + [x, sealed(twice)], [twice])
    count("a change without a commit", log + [x], [])
    count("waits: a record is missing", log + [A1], [])
    count("waits: the previous commit is missing", log + [y, A2], [])
    count("waits: a commit that it had seen is missing", log + [z, B1], [])
    count("waits: the log that it had seen is missing", [log[0], x, A1], [])
    count("refused: not signed by its device", log + [x, sealed(commit(space, 1, 1, None, h2, [X], signer=bytes([2] * 32)))], [], ["commit"])
    count("refused: of another space", log + [x, sealed(commit(bytes([7] * 32), 1, 1, None, h2, [X]))], [], ["commit"])
    count("refused: a device that is not enrolled", log + [x, sealed(commit(space, 3, 1, None, h2, [X]))], [], ["commit"])
    count("refused: before its enrolment, by its own words", log + [x, sealed(commit(space, 2, 1, None, h1, [X]))], [], ["commit"])
    count("refused: at no log heads at all", log + [x, sealed(commit(space, 1, 1, None, [], [X]))], [], ["commit"])
    count("waits: names a log operation", log + [sealed(commit(space, 1, 1, None, h2, [name_of(log[0])]))], [])
    count("waits: names a commit", log + [x, A1, sealed(commit(space, 1, 2, name_of(a1), h2, [name_of(A1)]))], [a1])
    count("waits: names an epoch", log + [b"\x02" + statement(space, keeper, secret, [me.kem])]
          + [sealed(commit(space, 1, 1, None, h2, [name_of(b"\x02" + statement(space, keeper, secret, [me.kem]))]))], [])
    fork = commit(space, 1, 1, None, h2, [Y])
    count("refused: a number used twice", log + [x, A1, y, sealed(fork)], [a1], ["fork"])
    count("refused: another previous commit", log + [x, A1, y, sealed(commit(space, 1, 2, name_of(fork), h2, [Y]))], [a1], ["fork"])
    count("refused: an epoch by a false keeper", [b"\x02" + statement(space, keeper, secret, [me.kem], stated=bytes([6] * 32))], [], ["epoch"])
    count("refused: an enrolment by a device without the right", log + [sealed(operation(me, [enrol1], 2, enrol(*device(me, 3))))], [], ["operation"])
    piece = sealed(chunk(blob, 0, b"piece"))
    P = name_of(piece)
    with_piece = commit(space, 1, 1, None, h2, [X], chunks=[P])
    count("a piece is not waited for", log + [x, sealed(with_piece)], [with_piece])
    count("a piece that comes later", log + [x, sealed(with_piece), piece], [with_piece])
    count("a change among the pieces", log + [x, sealed(commit(space, 1, 1, None, h2, [], chunks=[X]))], [commit(space, 1, 1, None, h2, [], chunks=[X])])
    early = commit(space, 2, 1, None, h2, [], chunks=[X])
    count("a change among another's pieces, and in its place", log + [sealed(early), A1, x], [early, a1])
    count("waits: a piece among the changes", log + [piece, sealed(commit(space, 1, 1, None, h2, [P]))], [])

    def dropped(ids, **more):
        return b"\x04" + drop(space, keeper, ids, **more)

    count("a dropped change counts as held", log + [dropped([X]), A1], [a1])
    count("and is refused", log + [dropped([X]), A1, x], [a1], ["dropped"])
    count("the drop comes after the commit that waits", log + [A1, dropped([X])], [a1])
    count("the drop waits for a commit that does not count", log + [A1, dropped([X], after=name_of(b1))], [a1])
    count("a dropped piece among the changes, held before", log + [piece, sealed(commit(space, 1, 1, None, h2, [P])), dropped([P])], [commit(space, 1, 1, None, h2, [P])])
    count("a dropped piece among the changes, never held", log + [dropped([P]), sealed(commit(space, 1, 1, None, h2, [P]))], [commit(space, 1, 1, None, h2, [P])])
    count("a drop that lists a commit", log + [dropped([name_of(A1)]), x, A1], [a1])
    count("a drop by somebody else", log + [b"\x04" + drop(space, bytes([6] * 32), [X]), A1], [], ["drop"])
    merged = dropped([X, Y], replaces=[name_of(dropped([X])[1:])])
    count("a merged drop", log + [dropped([X], after=name_of(a2)), merged, A1, A2], [a1, a2])
    count("a merged drop, and then what it covers", log + [merged, dropped([X]), A1, A2], [a1, a2])
    told = sealed(receipt(space, 1, 1, []))
    count("waits: a receipt among the changes", log + [told, sealed(commit(space, 1, 1, None, h2, [name_of(told)]))], [])
    count("waits: a receipt that a newer one replaced", log + [told, sealed(receipt(space, 1, 2, [])), sealed(commit(space, 1, 1, None, h2, [name_of(told)]))], [])
    count("a receipt before its device is enrolled", [sealed(receipt(space, 2, 1, []))] + log, [])
    count("refused: a receipt that another device signed", log + [sealed(receipt(space, 1, 1, [], signer=bytes([2] * 32)))], [], ["receipt"])
    quarantines(me, space, sealed, counting)
    write("records/commits.json", "Records in the order in which they come, and which commits count then; spec/records.md. With `quarantined`, "
          "the names of what is in quarantine then, also if they come one by one, in this order or one of the other `orders`. A device's keys "
          "are made from seeds of one byte.", counting, inception=me.inception, space=space, secret=secret)
    dropping_vectors(me, space, keeper)


def quarantines(me, space, sealed, counting):
    """Device 2 is revoked; 1 and 3 are too, in some. What commits name is told by letters."""
    record = {}

    def held(payload):
        record.setdefault(payload, sealed(payload))
        return payload

    def name(payload):
        return name_of(record[held(payload)])

    enrol1 = operation(me, [], None, enrol(*device(me, 1)))
    enrol2 = operation(me, [enrol1], 1, enrol(*device(me, 2)))
    enrol3 = operation(me, [enrol2], 1, enrol(*device(me, 3)))
    log = [enrol1, enrol2, enrol3]
    x, y, z, u, v, w = (change(bytes([2] * 16), letter) for letter in (b"x", b"y", b"z", b"u", b"v", b"w"))
    piece = chunk(bytes([8] * 16), 0, b"piece")

    def by(byte, number, previous, heads, records=(), seen=(), chunks=()):
        return commit(space, byte, number, previous and name_of(previous), [name_of(h) for h in heads], [name(r) for r in records],
                      seen=[name_of(s) for s in seen], chunks=[name(c) for c in chunks])

    def case(comment, things, aside, refused=(), dropped=()):
        """All of it is held but for what is dropped at last, and all commits count but for the last, if that is refused; `aside` is in quarantine."""
        things = [*log, *things]
        for thing in things:
            held(thing)
        commits = [t for t in things if hasattr(t, "heads")]
        counted = commits[:-1] if "commit" in refused else commits
        changes, pieces = ({name(t) for t in things if t[0] == tag} for tag in (6, 7))
        # Pieces that are not here are pieces too, as far as anybody knows.
        pieces |= {n for c in counted for n in c.chunks} - {name(t) for t in things}
        logs = [[t for t in things if t[0] == 3 and t[2:34] == person] for person in {t[2:34] for t in things if t[0] == 3}]
        gone = {name(t) for t in dropped}
        names = quarantined(space, logs, counted, changes - gone, pieces - gone)
        assert names == sorted(map(name, aside)), comment
        drops = [b"\x04" + drop(space, bytes([1] * 32), gone)] if gone else []
        later = range(1, len(things))
        revoked = {n for n in later if things[n][0] == 3 and things[n].action.kind == "revoke"}
        orders = [[0, *reversed(later)], [0, *(n for n in later if n not in revoked), *revoked], [0, *sorted(later, key=lambda n: name(things[n]))],
                  [0, *(n for n in reversed(later) if things[n][0] == 3), *(n for n in reversed(later) if things[n][0] != 3)]]
        counting.append({"comment": f"quarantine: {comment}", "records": [record[t] for t in things] + drops, "counted": sorted(name_of(c) for c in counted),
                         "refused": list(refused), "quarantined": names, **({} if drops else {"orders": orders})})

    def out(kept=None, byte=2, author=1, previous=(enrol3,), where=space, **more):
        return operation(me, previous, author, revoke(byte, [(where, kept, bytes([kept] * 32))] if kept else [], **more))

    at = [enrol3]
    t1 = by(2, 1, None, at, [x])
    t2 = by(2, 2, t1, at, [y])
    t3 = by(2, 3, t2, at, [z])
    thief = [x, t1, y, t2, z, t3]
    r = out()
    case("nobody was revoked", thief, [])
    case("nothing is kept", [r, *thief], [x, y, z])
    case("kept up to the second commit", [out(2), *thief], [z])
    case("kept up to the last", [out(3), *thief], [])
    case("kept up to one that never came", [out(9), *thief], [])
    case("kept in another space alone", [out(2, where=bytes([7] * 32)), *thief], [x, y, z])
    foreign = [(space_mark(space, public(bytes([3] * 32))), 2, bytes(32))]
    case("kept under the mark of another device", [operation(me, at, 1, revoke(2, foreign, raw=True)), *thief], [x, y, z])
    case("two in quarantine name one change", [r, x, by(2, 1, None, at, [x]), by(2, 2, t1, at, [x])], [x])
    case("a change that no commit names is in none", [r, x, t1, z], [x])
    case("refused: at log heads with its own revocation", [out(1), x, t1, y, by(2, 2, t1, [out(1)], [y])], [], ["commit"])
    case("a device that stays", [r, *thief, u, by(3, 1, None, [r], [u])], [x, y, z])

    case("vouched for by a device that did not know", [r, *thief, u, by(3, 1, None, at, [u], [t2])], [z])
    case("vouched for, and more is kept", [out(3), *thief, by(3, 1, None, at, [], [t2])], [])
    case("vouched for, and less is kept", [out(1), *thief, by(3, 1, None, at, [], [t2])], [z])
    case("not by one that knew", [r, *thief, u, by(3, 1, None, [r], [u], [t2])], [x, y, z])
    knew = by(3, 1, None, [r], [u], [t3])
    case("by one that did not know and had seen one that knew", [r, *thief, u, knew, by(1, 1, None, at, [], [knew])], [])
    u1 = by(3, 1, None, at, [u], [t1])
    case("by an earlier commit of one that knew later", [r, *thief, u, u1, v, by(3, 2, u1, [r], [v], [t3])], [y, z])
    case("by the device itself: no", [r, x, t1, y, by(2, 2, t1, at, [y])], [x, y])
    case("by one that had seen another operation on top of it", [r, beyond := operation(me, [r], 1, vouch(3)), *thief, by(3, 1, None, [beyond], [], [t3])], [x, y, z])

    r3 = out(byte=3, previous=[r])
    w1 = by(3, 1, None, at, [u], [t2])
    w2 = by(3, 2, w1, at, [v], [t3])
    case("two that were revoked do not vouch for each other", [r, r3, x, t1, u, v1 := by(3, 1, None, at, [u], [t1]), y, by(2, 2, t1, at, [y], [v1])], [x, u, y])
    case("one that was revoked vouches by what is kept of it", [r, out(1, byte=3, previous=[r]), *thief, u, w1, v, w2], [z, v])
    case("or by what somebody vouched for", [r, r3, *thief, u, w1, v, w2, by(1, 1, None, at, [], [w1])], [z, v])
    case("who knew of one of two revocations vouches for the other device, which vouches in turn",
         [r, r3, *thief, u, w1, v, w2, by(1, 1, None, [r], [], [w1])], [z, v])
    case("vouched for what was kept of one that vouched",
         [r, out(1, byte=3, previous=[r]), x, t1, u, v1, y, y2 := by(2, 2, t1, at, [y], [v1]), v, by(3, 2, v1, at, [v], [y2])], [y, v])

    apart = out(3, author=3)
    case("revoked twice, neither knowing: the least holds", [out(1), apart, *thief], [y, z])
    case("revoked twice: vouched for by one that knew of neither", [out(1), apart, *thief, by(1, 1, None, at, [], [t2])], [z])
    case("revoked twice: vouched for by one that knew of the one that keeps more", [out(1), apart, *thief, by(1, 1, None, [apart], [], [t2])], [z])
    one = out(1)
    case("revoked twice: vouched for by one that knew of the one that keeps less", [one, apart, *thief, by(1, 1, None, [one], [], [t2])], [y, z])
    case("revoked again by one that knew: that one says what is kept", [one, out(2, author=3, previous=[one]), *thief], [z])
    case("revoked again by one that knew, who keeps less", [apart, out(1, previous=[apart]), *thief], [y, z])
    wrong = out(author=3)
    case("a revocation that is undone", [wrong, out(byte=3, previous=[wrong], undone=[wrong]), *thief, u, by(3, 1, None, at, [u])], [u])
    case("two that revoke each other", [out(1, author=3), out(1, byte=3, author=2), *thief, u, v1 := by(3, 1, None, at, [u]), v, by(3, 2, v1, at, [v])], [y, z, v])

    enrol4 = operation(me, [enrol3], 2, enrol(*device(me, 4)))
    f1 = by(4, 1, None, [enrol4], [u])
    f2 = by(4, 2, f1, [enrol4], [v])
    fourth = [u, f1, v, f2]
    case("a device that a revoked one enrolled, as was seen", [enrol4, out(previous=[enrol4]), *fourth], [])
    case("a device that a revoked one enrolled, unseen", [enrol4, r, *fourth], [u, v])
    case("a device that a revoked one enrolled, undone", [enrol4, out(previous=[enrol4], undone=[enrol4]), *fourth], [u, v])
    case("nor does what is kept of the one keep of the other", [enrol4, out(2), *thief, *fourth], [z, u, v])
    case("vouched for by one that did not know", [enrol4, r, *fourth, by(1, 1, None, [enrol4], [], [f1])], [v])
    case("a device that a revoked one enrolled, and another: it stays", [enrol4, operation(me, [enrol3], 1, enrol(*device(me, 4))), r, *fourth], [])

    case("accepted by one that names it again", [r, *thief, by(1, 1, None, [r], [y])], [x, z])
    case("accepted by an earlier commit that named it", [r, x, by(1, 1, None, at, [x]), t1], [])
    case("accepted by one in quarantine: no", [r, r3, x, t1, by(3, 1, None, at, [x])], [x])
    case("accepted by one that is vouched for", [r, r3, x, t1, a := by(3, 1, None, at, [x]), by(1, 1, None, at, [], [a])], [])
    case("accepted by what is kept of a device", [out(1), x, t1, y, by(2, 2, t1, at, [x, y])], [y])
    case("accepted among the pieces: no", [r, x, t1, by(1, 1, None, [r], chunks=[x])], [x])
    g1 = by(2, 1, None, at, [x], chunks=[piece])
    case("a piece", [r, x, piece, g1], [x, piece])
    case("a piece that is not here", [r, x, g1], [x, piece])
    case("a piece that comes later", [r, x, g1, piece], [x, piece])
    case("a piece, accepted", [r, x, piece, g1, by(1, 1, None, [r], chunks=[piece])], [x])
    case("a piece, accepted before it comes", [r, x, g1, by(1, 1, None, [r], chunks=[piece]), piece], [x])
    case("a piece that is kept", [out(1), x, g1, piece], [])
    case("dropped", [r, *thief], [x, z], dropped=[y])
    case("a piece, dropped", [r, x, piece, g1], [x], dropped=[piece])
    case("a piece, vouched for", [r, x, g1, by(1, 1, None, at, [], [g1]), piece], [])

    bob = Person(bytes([30] * 32))
    let_in = Change(space, 1, [], [name_of(enrol3)], Add(bob, 1)).bytes
    bob1 = operation(bob, [], None, enrol(*device(bob, 31)))
    bob2 = operation(bob, [bob1], 31, enrol(*device(bob, 32)))
    member = [let_in, bob1, bob2]
    case("a member's device vouches for nobody of the owner's", [r, *member, *thief, u, by(31, 1, None, [let_in, bob2], [u], [t3])], [x, y, z])
    gone = operation(bob, [bob2], 32, revoke(31, [(space, 1, bytes(32))]))
    m1 = by(31, 1, None, [let_in, bob2], [u])
    m2 = by(31, 2, m1, [let_in, bob2], [v])
    m3 = by(31, 3, m2, [let_in, bob2], [w])
    theirs = [*member, u, m1, v, m2, w, m3]
    case("a member's device that was revoked", [*theirs, gone], [v, w])
    case("an owner's device does not vouch for it", [*theirs, gone, by(1, 1, None, [let_in, enrol3], [], [m3])], [v, w])
    case("another one of that member does", [*theirs, gone, by(32, 1, None, [let_in, bob2], [], [m2])], [w])
    case("the owner accepts what it did", [*theirs, gone, by(1, 1, None, [let_in, enrol3], [w])], [v])
    case("a piece that is not here, dropped", [r, x, g1], [x], dropped=[piece])


def dropping_vectors(me, space, keeper):
    thief = bytes([6] * 32)
    cases = []

    def case(comment, b, expect="ok"):
        cases.append({"comment": comment, "statement": b, "expect": expect, **({"drop": name_of(b)} if expect == "ok" else {})})

    r, s, d = name_of(b"r"), name_of(b"s"), name_of(b"d")
    low, high = sorted([r, s])
    good = drop(space, keeper, [r, s], after=name_of(b"commit"), replaces=[d])
    case("two records, once a commit counts, in the place of another drop", good)
    case("one record, at once", drop(space, keeper, [r]))
    case("signed by another", drop(space, keeper, [r], signer=thief), "not-keeper")
    case("another keeper, who signs it", drop(space, thief, [r]), "not-keeper")
    case("the recovery keeper, which does not drop in this version", drop(space, me.keeper, [r]), "not-keeper")
    case("another space", drop(bytes([7] * 32), keeper, [r]), "not-keeper")
    case("a bit of the signature flipped", flip(good, -1, 0x10), "not-keeper")
    case("the moment of effect changed", good[:66] + b"\x00" + good[99:], "not-keeper")
    case("no record", drop(space, keeper, []), "malformed")
    case("records out of order", drop(space, keeper, [high, low], raw=True), "malformed")
    case("a record twice", drop(space, keeper, [r, r]), "malformed")
    many = [n.to_bytes(32, "big") for n in range(257)]
    case("257 drops replaced", drop(space, keeper, [r], replaces=many), "malformed")
    case("replaced drops out of order", drop(space, keeper, [r], replaces=[high, low], raw=True), "malformed")
    case("without its signature", good[:-64], "malformed")
    case("an option that is neither absent nor there", good[:66] + b"\x02" + good[67:], "malformed")
    case("a byte too many", good[:-64] + b"\x00" + good[-64:], "not-canonical")
    case("a receipt's tag", b"\x11" + good[1:], "wrong-tag")
    case("a newer version", b"\x10\x02" + good[2:], "newer")
    write("records/drops.json", "Signed drops, spec/records.md: decoded, then checked against space and recovery keeper.", cases,
          space=space, recovery_keeper=public(me.keeper))

    cases = []

    def given(comment, b, expect="ok"):
        cases.append({"comment": comment, "statement": b, "expect": expect})

    good = receipt(space, 1, 2, [r, s])
    given("of two drops", good)
    given("of none", receipt(space, 1, 1, []))
    given("signed by another device", receipt(space, 1, 2, [r], signer=bytes([2] * 32)), "not-its-device")
    given("another space", receipt(bytes([7] * 32), 1, 2, [r]), "not-its-device")
    given("a bit of the signature flipped", flip(good, -1, 0x10), "not-its-device")
    given("number 0", receipt(space, 1, 0, []), "malformed")
    given("drops out of order", receipt(space, 1, 1, [high, low], raw=True), "malformed")
    given("257 drops", receipt(space, 1, 1, many), "malformed")
    given("a drop's tag", b"\x10" + good[1:], "wrong-tag")
    write("records/receipts.json", "Signed receipts, spec/records.md: decoded, then checked against the space.", cases, space=space)


def membership():
    space, nowhere = bytes([0x51] * 32), bytes([0x52] * 32)
    me, ada, bob = (Person(bytes([n] * 32)) for n in (9, 20, 30))
    seed = lambda byte: bytes([byte] * 32)
    first = operation(me, [], None, enrol(*device(me, 1)))
    second = operation(me, [first], 1, enrol(*device(me, 2)))
    plain_device = operation(me, [second], 1, enrol(*device(me, 3, admin=False)))
    before = [first, second, plain_device]
    h1, h = [name_of(first)], [name_of(plain_device)]
    ada1 = operation(ada, [], None, enrol(*device(ada, 21)))
    ada_key = operation(ada, [ada1], 21, announce(seed(22)))
    ada2 = operation(ada, [ada_key], 21, enrol(*device(ada, 23)))
    bob1 = operation(bob, [], None, enrol(*device(bob, 31)))
    own = sorted(kem_public(seed(n)) for n in (1, 2, 3))
    cases = []

    def case(comment, steps, recipients=None, devices=None, asked=(), orders=()):
        """A step is a change or an operation of a device log, with what becomes of it if that is not `ok`."""
        steps = [s if isinstance(s, tuple) else (s, "ok") for s in steps]
        held = {s.name: s for s, e in steps if isinstance(s, Change) and e == "ok"}
        seen = {p.name for s in held.values() for p in s.previous}
        owner = before + [s for s, e in steps if not isinstance(s, Change) and e == "ok" and s[2:34] == me.id]
        cases.append({
            "comment": comment,
            "statements": [{"bytes": s.bytes if isinstance(s, Change) else s, "expect": e} for s, e in steps],
            "heads": sorted(n for n in held if n not in seen),
            "members": [{"person": p, "role": ["reader", "writer"][r], "admission": a} for p, r, a in members(list(held.values()), owner)],
            "epochs": epochs_since(list(held.values()), owner),
            **({"recipients": sorted(recipients)} if recipients else {}),
            **({"devices": sorted(public(seed(n)) for n in devices)} if devices else {}),
            **({"asked": [{"device": public(seed(d)), "heads": sorted(at), "entitled": e} for d, at, e in asked]} if asked else {}),
            **({"orders": orders} if orders else {}),
        })
        return cases[-1]

    case("nobody", [], own, [1, 2, 3], [(1, h, True), (3, h, True), (2, h1, False), (1, [], False), (1, [seed(7)], None), (21, h, False)])
    add1 = Change(space, 1, [], h, Add(ada, 1))
    own_log, in_log, both = [name_of(ada1)], [add1.name], [add1.name, name_of(ada1)]
    case("a writer, and the log of the writer's devices", [add1, ada1, ada_key, ada2], own + [person_key(seed(22))], [1, 2, 3, 21, 23],
         [(21, both, True), (21, own_log, False), (21, in_log, False), (23, both, False), (23, in_log + [name_of(ada2)], True),
          (21, both + h, True), (21, both + [seed(7)], None), (1, h + in_log, True), (1, in_log, False), (31, both, False)])
    case("a member's log before the member", [(ada1, "missing-previous"), add1, ada1], own, [1, 2, 3, 21])
    reader = Change(space, 1, [], h, Add(ada, 0))
    case("a reader", [reader, ada1], own, [1, 2, 3, 21], [(21, [reader.name, name_of(ada1)], False)])
    remove1 = Change(space, 2, [add1], h, Remove(ada))
    case("put out: earlier commits are judged as before", [add1, ada1, ada_key, remove1], own, [1, 2, 3],
         [(21, both, True), (21, [remove1.name, name_of(ada1)], False), (21, [add1.name, remove1.name, name_of(ada1)], False)])
    unseen = Change(space, 1, [add1], h, Add(ada, 0))
    case("put out, and a change of role that did not know of it", [add1, remove1, unseen])
    case("the same in the other order", [add1, unseen, remove1, unseen])
    joined = Change(space, 1, [unseen, remove1], h, Add(ada, 0))
    case("let in again by somebody who knew of both", [add1, unseen, remove1, joined])
    again = Change(space, 2, [remove1], h, Add(ada, 1))
    other_removal = Change(space, 1, [add1], h, Remove(ada))
    case("let in again, and put out once more by somebody who knew of neither", [add1, remove1, again, other_removal])
    case("before what it builds on", [(remove1, "missing-previous"), add1])
    case("one person put out, another stays", [add1, add_bob := Change(space, 1, [add1], h, Add(bob, 0)), bob1,
                                              Change(space, 1, [add_bob], h, Remove(ada))], own, [1, 2, 3, 31])
    writer = Change(space, 2, [], h, Add(ada, 1))
    case("two roles, unknown to each other: the one that allows least", [writer, reader])
    case("a later role", [reader, Change(space, 1, [reader], h, Add(ada, 1))])

    def refused(comment, change, expect):
        case(comment, [add1, (change, expect)])

    refused("another space", Change(nowhere, 1, [add1], h, Remove(ada)), "other-space")
    refused("by a device without the right", Change(space, 3, [add1], h, Remove(ada)), "not-entitled")
    refused("by a member's device", Change(space, 21, [add1], h, Remove(ada)), "not-entitled")
    refused("by an admin device, as if it had seen no log", Change(space, 1, [add1], [], Remove(ada)), "not-entitled")
    refused("by a device before its enrolment, by its own words", Change(space, 2, [add1], h1, Remove(ada)), "not-entitled")
    refused("at log heads that are not held", Change(space, 1, [add1], [seed(7)], Remove(ada)), "missing-previous")
    refused("on an operation of the device log", Change(space, 1, [add1], h, Remove(ada), raw=h), "missing-previous")
    refused("signed by another admin device", Change(space, 1, [add1], h, Remove(ada), signer=seed(2)), "bad-signature")
    refused("the owner", Change(space, 1, [add1], h, Add(me, 1)), "malformed")
    refused("an inception by another root", Change(space, 1, [add1], h, Add(bob, 0, inception=signed(ada.root, bob.body))), "bad-signature")
    refused("somebody put out who was never in", Change(space, 1, [add1], h, Remove(bob)), "not-entitled")
    refused("put out as if nobody had been let in", Change(space, 1, [], h, Remove(ada)), "not-entitled")
    low, high = sorted([add1.name, reader.name])
    case("heads out of order", [add1, reader, (Change(space, 1, [], h, Remove(ada), raw=[high, low]), "malformed")])
    refused("a head twice", Change(space, 1, [], h, Remove(ada), raw=[add1.name] * 2), "malformed")
    refused("257 heads", Change(space, 1, [], h, Remove(ada), raw=[n.to_bytes(32, "big") for n in range(257)]), "malformed")
    refused("257 log heads", Change(space, 1, [add1], [n.to_bytes(32, "big") for n in range(257)], Remove(ada)), "malformed")
    case("a change that does not exist", [add1, (Change(space, 1, [add1], h, Unknown(ada)), "malformed")])
    role = Change(space, 1, [add1], h, Add(bob, 2))
    refused("a role that does not exist", role, "malformed")

    def since(comment, steps, who, epochs, recipients=None, devices=None, asked=()):
        """After a revocation, in any order: who is in by which admission, and which epochs may be written under."""
        def builds_on(step, cause):
            if isinstance(step, Change):
                return cause in step.previous if isinstance(cause, Change) else name_of(cause) in step.log_heads
            return cause.action.person == step[2:34] if isinstance(cause, Change) else cause in step.past

        causes = [{n for n, cause in enumerate(steps) if builds_on(step, cause)} for step in steps]
        made = case(comment, steps, recipients, devices, asked, other_orders(causes))
        assert [m["admission"] for m in made["members"]] == [c.name for c in sorted(who, key=lambda c: c.action.person)], comment
        assert made["epochs"] == (epochs if epochs is None else sorted(map(epoch_id, epochs))), comment

    out = operation(me, [plain_device], 1, revoke(2))
    o = [name_of(out)]
    s1, s2 = seed(40), seed(41)
    e1 = Change(space, 1, [], o, Epoch(s1))
    since("an epoch, and no device revoked: any may be written under", [Change(space, 1, [], h, Epoch(s1))], [], None)
    since("a device is revoked, and no epoch is known that knows of it", [out], [], [], sorted(kem_public(seed(n)) for n in (1, 3)), [1, 3],
          [(2, h, True), (2, o, False), (2, h + o, False), (1, o, True)])
    since("an epoch that knows of it", [out, e1], [], [s1])
    since("two, and one that does not", [out, e1, Change(space, 1, [e1], o, Epoch(s2)), Change(space, 1, [], h, Epoch(seed(42)))], [], [s1, s2])
    since("one epoch, by an operation that knows of it and by one that does not", [Change(space, 2, [], h, Epoch(s1)), out, e1], [], [s1])
    since("an epoch by the revoked device, dated back", [out, Change(space, 2, [], h, Epoch(s1))], [], [])
    case("an epoch by the revoked device, knowing of it", [out, (Change(space, 2, [], o, Epoch(s1)), "not-entitled")])
    case("an epoch by a device without the right", [out, (Change(space, 3, [], o, Epoch(s1)), "not-entitled")])
    case("an epoch by an admin device, signed by another", [out, (Change(space, 1, [], o, Epoch(s1), signer=seed(2)), "bad-signature")])
    case("an epoch cut short", [out, (Change(space, 1, [], o, Cut(s1)), "malformed")])
    other = operation(me, [plain_device], 1, revoke(3))
    both_out = o + [name_of(other)]
    since("two devices revoked, neither revocation knowing of the other: epochs of each", [out, other, e1, Change(space, 1, [], [name_of(other)], Epoch(s2))], [], [])
    since("and one that knows of both", [out, other, e1, Change(space, 1, [], both_out, Epoch(s2))], [], [s2], devices=[1])
    later = operation(me, [out], None, revoke(2))
    since("revoked again: an epoch that knows of the first", [out, later, e1], [], [])
    since("and one that knows of the second", [out, later, e1, Change(space, 1, [e1], [name_of(later)], Epoch(s2))], [], [s2])
    thief = operation(me, [plain_device], 2, revoke(1))
    root = operation(me, [plain_device], None, revoke(2))
    since("a revocation that the root's undoes need not be known", [thief, root, Change(space, 1, [], [name_of(root)], Epoch(s1))], [], [s1], devices=[1, 3])
    since("two devices that revoke each other: an epoch by either does not do", [thief, out, e1, Change(space, 2, [], [name_of(thief)], Epoch(s2))], [], [], devices=[3])

    late = Change(space, 2, [], h, Add(bob, 1))
    since("let in by a revoked device that dates it back: not in", [out, late, bob1], [], [], devices=[1, 3])
    since("what that one's devices wrote is judged at the heads that they name", [late, bob1, out, Change(space, 1, [late], o, Epoch(s1))], [late], [s1],
          asked=[(31, [late.name, name_of(bob1)], True)])
    since("let in by a device that is revoked after it, as another had seen", [out, late, Change(space, 1, [late], o, Epoch(s1)), bob1], [late], [s1], devices=[1, 3, 31])
    since("let in before the revocation, as another had seen that did not know of it", [late, Change(space, 1, [late], h, Epoch(s1)), out], [late], [])
    since("the same, seen by the revoked device alone", [out, late, Change(space, 2, [late], h, Epoch(s1))], [], [])
    step = Change(space, 2, [late], h, Epoch(s1))
    since("seen by way of another operation of the revoked device", [out, late, step, Change(space, 1, [step], o, Epoch(s2))], [late], [s2])
    since("let in by a revoked device, and by another", [out, late, own_add := Change(space, 1, [], h, Add(bob, 0))], [own_add], [])
    since("a role that a revoked device dates back does not replace the one there is", [out, add1, Change(space, 2, [add1], h, Add(ada, 0))], [add1], [])
    since("nor does it allow less", [out, add1, Change(space, 2, [], h, Add(ada, 0))], [add1], [])
    since("put out by a revoked device that dates it back: out", [out, add1, Change(space, 2, [add1], h, Remove(ada)), ada1], [], [], devices=[1, 3])
    since("put out by it, and let in again by one that knew",
          [out, add1, gone := Change(space, 2, [add1], h, Remove(ada)), back := Change(space, 1, [gone], o, Add(ada, 1))], [back], [])
    since("let in by a device whose revocation is undone", [out, late, operation(me, [out], None, revoke(1, undone=[out]))], [late], [], devices=[2, 3])
    enrolled = operation(me, [plain_device], 2, enrol(*device(me, 4)))
    since("let in by a device that only a revoked one enrolled", [enrolled, out, Change(space, 4, [], [name_of(enrolled)], Add(bob, 1))], [], [])
    ada_out = operation(ada, [ada2], 21, revoke(23))
    since("a member revokes a device of theirs: epochs are the owner's affair", [add1, ada1, ada_key, ada2, ada_out], [add1], None,
          own + [person_key(seed(22))], [1, 2, 3, 21], [(23, in_log + [name_of(ada2)], True), (23, in_log + [name_of(ada_out)], False)])
    since("let in by a device that is revoked after it, as another had seen that let in somebody else",
          [out, add1, late2 := Change(space, 2, [add1], h, Add(bob, 1)), role := Change(space, 1, [late2], o, Add(ada, 0))], [role, late2], [])
    since("the same, put out", [out, add1, late2, Change(space, 1, [late2], o, Remove(ada))], [late2], [])
    write("membership/logs.json", "Membership and device logs, spec/membership.md: statements in the order in which they come, after the owner's "
          "log in `before`; what becomes of each; who is in then, which epochs may be written under (`null`: any), and who is entitled at some "
          "heads; the same if they come in one of the other `orders`.", cases,
          inception=me.inception, space=space, before=before)


def sessions():
    space, secret, older = bytes([0x51] * 32), bytes([3] * 32), bytes([5] * 32)
    binding, n1, n2 = bytes([0xB1] * 32), bytes([0xD1] * 32), bytes([0xE1] * 32)
    seed1, seed2 = bytes([1] * 32), bytes([2] * 32)
    dialer = Side("dialer", space, [secret], seed1, n1, n2, binding)
    listener = Side("listener", space, [secret], seed2, n2, n1, binding)
    cases = []

    def session(comment, d, l, shared):
        cases.append({"comment": comment, "dialer_secrets": d.secrets, "listener_secrets": l.secrets,
                      "dialer": [d.hello(), d.marks(), d.proof(shared)], "listener": [l.hello(), l.marks(), l.proof(shared)]})

    session("one shared epoch", dialer, listener, secret)
    d = Side("dialer", space, [secret, older], seed1, n1, n2, binding)
    session("the listener knows one of two", d, listener, secret)
    l = Side("listener", space, [older, secret], seed2, n2, n1, binding)
    session("two shared: the first by name", d, l, min(secret, older, key=epoch_id))
    given = dict(space=space, binding=binding, dialer_device=seed1, listener_device=seed2, dialer_nonce=n1, listener_nonce=n2)
    write("sessions/handshakes.json", "Whole handshakes, spec/sessions.md: what either side sends, in its order. `*_device` are seeds of "
          "signing keys. All epochs are heads.", cases, **given)

    cases = []
    hello, marks, proof = listener.hello(), listener.marks(), listener.proof(secret)

    def refuse(comment, frames, expect, to="dialer"):
        cases.append({"comment": comment, "to": to, "frames": frames, "expect": expect})

    me = public(seed2)
    refuse("nothing", [b""], "malformed")
    refuse("a pairing's tag", [b"\x09" + hello[1:]], "malformed")
    refuse("a newer version", [b"\x0a\x04" + hello[2:]], "newer")
    refuse("version 1", [b"\x0a\x01" + hello[2:]], "older")
    refuse("version 2", [b"\x0a\x02" + hello[2:]], "older")
    refuse("version 0, which never was", [b"\x0a\x00" + hello[2:]], "older")
    refuse("a message that does not exist", [b"\x0a\x03\x05"], "malformed")
    refuse("a hello cut short", [hello[:-1]], "malformed")
    refuse("a hello with a byte too many", [hello + b"\x00"], "malformed")
    refuse("its own nonce, echoed", [dialer.hello()], "malformed")
    refuse("hello twice", [hello, hello], "malformed")
    refuse("marks before the hello", [marks], "malformed")
    refuse("the proof before the marks", [hello, proof], "malformed")
    about = InSpace(listener.session_secret(secret), space)
    refuse("a frontier before the proof", [hello, marks, about.frontier()], "malformed")
    refuse("records before the proof", [hello, marks, about.records([bytes([1] * 300)])], "malformed")
    refuse("a frame of 513 bytes before the proof", [b"\x0a\x03\x01" + data(bytes(509))[:510]], "malformed")
    refuse("no mark", [hello, b"\x0a\x03\x01\x00"], "unrecognised")
    refuse("513 marks, the right one among them", [hello, b"\x0a\x03\x01" + listed([marks[4:]] + [bytes(16)] * 512)], "malformed")
    refuse("marks of another epoch", [hello, Side("listener", space, [older], seed2, n2, n1, binding).marks()], "unrecognised")
    refuse("its own marks, echoed", [hello, dialer.marks()], "unrecognised")
    refuse("marks of another connection", [hello, Side("listener", space, [secret], seed2, n2, n1, bytes([0xB2] * 32)).marks()], "unrecognised")
    refuse("marks of another space", [hello, Side("listener", bytes([0x52] * 32), [secret], seed2, n2, n1, binding).marks()], "unrecognised")
    refuse("marks of an earlier session", [hello, Side("listener", space, [secret], seed2, n2, bytes([0xD2] * 32), binding).marks()], "unrecognised")
    refuse("its own proof, echoed", [hello, marks, dialer.proof(secret)], "bad-proof")
    refuse("a proof of another connection", [hello, marks, Side("listener", space, [secret], seed2, n2, n1, bytes([0xB2] * 32)).proof(secret)], "bad-proof")
    refuse("a bit of the proof flipped", [hello, marks, flip(proof, -1)], "bad-proof")
    refuse("the other role's signature, sealed for this one", [hello, marks, listener.proof(secret, transcript=dialer.transcript(secret, me))], "bad-proof")
    refuse("a signature over another epoch", [hello, marks, listener.proof(secret, transcript=listener.transcript(older, me))], "bad-proof")
    refuse("a signature over another device", [hello, marks, listener.proof(secret, transcript=listener.transcript(secret, public(seed1)))], "bad-proof")
    refuse("who knows the epoch but not the device's key", [hello, marks, listener.proof(secret, signer=bytes([6] * 32))], "bad-proof")
    weak = (1).to_bytes(32, "little")
    refuse("a weak key as device", [hello, marks, listener.proof(secret, body=b"\x0f\x01" + weak + weak + bytes(32))], "bad-proof")
    refuse("a proof with a byte too many", [hello, marks, listener.proof(secret, body=b"\x0f\x01" + me + bytes(65))], "malformed")
    refuse("another structure in the proof's place", [hello, marks, listener.proof(secret, body=b"\x0e\x01" + me + bytes(64))], "malformed")
    refuse("the listener, given the dialer's proof for its own role", [dialer.hello(), dialer.marks(), listener.proof(secret)], "bad-proof", "listener")
    done = [hello, marks, proof]
    refuse("the proof twice", done + [proof], "malformed")
    refuse("a hello after the proof", done + [hello], "malformed")
    for version, expect in [(2, "older"), (4, "newer")]:
        refuse(f"a frontier of version {version}", done + [b"\x0a" + bytes([version]) + about.frontier()[2:]], expect)
    refuse("the frontier that version 1 had, under this version's number", done + [b"\x0a\x03\x03\x00\x00\x00"], "malformed")
    refuse("the request that version 2 had, under this version's number", done + [about.say(2, bytes(16) + listed([varint(1)]))], "malformed")
    elsewhere = InSpace(listener.session_secret(secret), bytes([0x52] * 32))
    earlier = InSpace(Side("listener", space, [secret], seed2, n2, bytes([0xD2] * 32), binding).session_secret(secret), space)
    refuse("a frontier under the mark of another space, before the proof", [hello, marks, elsewhere.frontier()], "malformed")
    strange = [(elsewhere, "a space that is not held"), (earlier, "an earlier session")]
    low, high = bytes([1] * 32), bytes([2] * 32)
    many = [n.to_bytes(32, "big") for n in range(1, 1026)]
    refuse("a space message that does not exist", done + [about.say(8, b"")], "malformed")

    def chains(comment, *listed):
        refuse(f"frontier: {comment}", done + [about.frontier(chains=listed)], "malformed")

    chains("chains out of order", (high, 1, low, []), (low, 1, low, []))
    chains("a chain twice", (low, 1, low, []), (low, 2, low, []))
    chains("number 0", (low, 0, low, []))
    chains("a number above 64 bits", (low, 2**64, low, []))
    chains("257 chains", *((d, 1, low, []) for d in many[:257]))
    chains("a span from 0", (low, 9, low, [(0, 1)]))
    chains("a span that ends before it begins", (low, 9, low, [(3, 2)]))
    chains("a span beyond the last commit", (low, 9, low, [(9, 10)]))
    chains("spans out of order", (low, 9, low, [(6, 6), (2, 3)]))
    chains("spans with nothing between them", (low, 9, low, [(2, 3), (4, 4)]))
    chains("1,025 spans", (low, 9999, low, [(n, n) for n in range(1, 2050, 2)]))
    refuse("frontier: a check that is neither", done + [about.frontier(raw=b"\x02")], "malformed")
    refuse("frontier: without a check", done + [about.frontier(raw=b"")], "malformed")
    refuse("frontier: a byte too many", done + [about.frontier(raw=b"\x00\x00")], "malformed")
    refuse("frontiers of 513 devices in all", done + [about.frontier(chains=[(d, 1, low, []) for d in part]) for part in (many[:256], many[256:512], many[512:513])], "malformed")
    refuse("statements: out of order", done + [about.statements([high, low], raw=True)], "malformed")
    refuse("statements: one twice", done + [about.statements([low, low])], "malformed")
    blob = bytes([5] * 16)
    refuse("want: nothing", done + [about.want(blob, [])], "malformed")
    refuse("want: 17 pieces", done + [about.want(blob, range(17))], "malformed")
    refuse("want: out of order", done + [about.want(blob, [1, 0])], "malformed")
    refuse("want: one twice", done + [about.want(blob, [1, 1])], "malformed")
    refuse("want: a place above 32 bits", done + [about.want(blob, [2**32])], "malformed")
    refuse("want: a third before the first was answered", done + [about.want(blob, [n]) for n in range(3)], "malformed")
    refuse("want: asked for neither by a person nor not", done + [about.say(2, blob + listed([varint(1)]) + b"\x02")], "malformed")
    asked = NEGENTROPY + EVERYTHING + id_list([])
    dialers = [dialer.hello(), dialer.marks(), dialer.proof(secret)]
    refuse("reconcile: to the dialer", done + [about.reconcile(asked)], "malformed")
    refuse("reconciling: to the listener", dialers + [about.reconciling(asked)], "malformed", "listener")
    refuse("reconciling: without a reconciliation", done + [about.reconciling(asked)], "malformed")
    refuse("need: to the dialer", done + [about.need([low])], "malformed")
    refuse("need: out of order", dialers + [about.need([high, low])], "malformed", "listener")
    refuse("need: 4,097", dialers + [about.need([n.to_bytes(32, "big") for n in range(4097)])], "malformed", "listener")
    refuse("records: no mark", done + [b"\xff"], "malformed")
    refuse("records: none", done + [about.records([])], "malformed")
    refuse("records: half a mark", done + [about.records([])[:9]], "malformed")
    refuse("records: as version 1 wrote them, without a mark", done + [b"\xff\x03\x00\x00\x00abc"], "malformed")
    refuse("records: an empty one", done + [about.records([b"a", b""])], "malformed")
    refuse("records: a length cut short", done + [about.records([b"a"]) + b"\x01\x00\x00"], "malformed")
    refuse("records: one cut short", done + [about.records([b"abc"])[:-1]], "malformed")
    refuse("records: a length above 1 MiB", done + [about.records([]) + b"\x01\x00\x10\x00" + bytes(9)], "malformed")
    whole = bytes([1] * 300)
    refuse("a part before the proof", [hello, marks, about.part(whole, 0, 9)], "malformed")
    for comment, ranges in {"in the middle of nothing": [(9, 300)], "before the end of what came": [(0, 9), (8, 300)], "beyond it": [(0, 9), (10, 300)]}.items():
        refuse(f"a part that begins {comment}", done + [about.part(whole, *bounds) for bounds in ranges], "malformed")
    refuse("part: no mark", done + [b"\xfe"], "malformed")
    refuse("part: cut short before its first byte", done + [about.part(whole, 0, 0)[:-1]], "malformed")
    refuse("begun: out of order", done + [about.begun([(high, 1), (low, 1)])], "malformed")
    refuse("begun: one twice", done + [about.begun([(low, 1), (low, 2)])], "malformed")
    refuse("begun: five", done + [about.begun([(n, 1) for n in many[:5]])], "malformed")
    refuse("begun: a length above 32 bits", done + [about.begun([(low, 2**32)])], "malformed")
    for number, reason in enumerate(["malformed", "newer", "unrecognised", "bad-proof", "fork", "older"]):
        refuse(f"the other side refuses: {reason}", [b"\x0a\x03\x04" + bytes([number])], f"refused-by-peer: {reason}")
    refuse("a reason that does not exist", [b"\x0a\x03\x04\x06"], "malformed")
    write("sessions/refusals.json", "Frames fed to one side of the first handshake, and how its session ends; spec/sessions.md.", cases, **given, secret=secret)

    frames = [
        *((f"a frontier under the mark of {comment}", [other.frontier()], "nothing", None) for other, comment in strange),
        *((f"records under the mark of {comment}", [other.records([b"abc"])], "nothing", None) for other, comment in strange),
        ("one record", [about.records([b"abc"])], "records", [b"abc"]),
        ("two records", [about.records([b"abc", b"d"])], "records", [b"abc", b"d"]),
        ("a frontier of nothing", [about.frontier()], "acknowledged", None),
        ("a frontier", [about.frontier([low, high], [low], [(low, 1, high, [(1, 1)]), (high, 300, low, [(2, 3), (5, 300)])], check=True)], "acknowledged", None),
        ("a second frontier", [about.frontier(), about.frontier(chains=[(low, 1, high, [])])], "acknowledged", None),
        ("statements", [about.statements([low, high])], "nothing", None),
        ("two requests for pieces", [about.want(blob, range(16)), about.want(blob, [2**32 - 1], asked=True)], "nothing", None),
        ("32 spans", [about.frontier(chains=[(low, 99, high, [(n, n) for n in range(1, 65, 2)])])], "acknowledged", None),
        ("word of an attachment that was not asked for", [about.lacks(blob)], "nothing", None),
        ("word of one that is withheld and was not asked for", [about.lacks(blob, withheld=True)], "nothing", None),
        ("what it holds the beginning of", [about.begun([(low, 1), (high, 2**32 - 1)])], "nothing", None),
    ]
    parts = [
        {"comment": f"a part of a record: {comment}", "frames": done + [about.part(whole, start, end)], "expect": "part",
         "part": {"record": name_of(whole), "len": 300, "from": start, "bytes": whole[start:end]}}
        for comment, start, end in [("the first", 0, 9), ("all but a byte", 0, 299)]
    ]
    ended = {"the last": [(0, 9), (9, 300)], "all of it": [(0, 300)], "the last, after it began anew": [(0, 9), (0, 8), (8, 300)]}
    parts += [
        {"comment": f"a part of a record: {comment}", "frames": done + [about.part(whole, *bounds) for bounds in ranges], "expect": "records",
         "records": [whole]}
        for comment, ranges in ended.items()
    ]
    write("sessions/frames.json", "Frames that the dialer of the first handshake accepts; spec/sessions.md.",
          [{"comment": c, "frames": done + f, "expect": e, **({"records": r} if r else {})} for c, f, e, r in frames] + parts,
          **given, secret=secret)
    exchanges(seed1, seed2, n1, n2, binding, secret)


def exchanges(seed1, seed2, n1, n2, binding, secret):
    """What a listener that holds some records answers to an enrolled dialer, and to one that is not."""
    me = Person(bytes([9] * 32))
    space = derive("space id", public(seed1), public(me.keeper))
    enrol1 = operation(me, [], None, enrol(*device(me, 1)))
    enrol2 = operation(me, [enrol1], 1, enrol(*device(me, 2)))
    drawn = [0]

    def sealed(payload):
        drawn[0] += 1
        return seal(space, secret, payload, drawn[0].to_bytes(24, "little"))

    blob, document = bytes([8] * 16), bytes([2] * 16)
    log = [sealed(enrol1), sealed(enrol2)]
    x, y, stray = (sealed(change(document, b)) for b in (b"x", b"y", b"stray"))
    pieces = [sealed(chunk(blob, n, bytes([n + 1] * 9))) for n in range(2)]
    h2 = [name_of(enrol2)]
    a1 = commit(space, 2, 1, None, h2, [name_of(x)], chunks=[name_of(p) for p in pieces])
    a2 = commit(space, 2, 2, name_of(a1), h2, [name_of(y)])
    A1, A2 = sealed(a1), sealed(a2)
    held = log + [x, A1, y, A2, stray, pieces[1]]
    statements = [name_of(enrol1), name_of(enrol2)]
    # A commit is named by what is signed, a change by its record.
    compared = [name_of(r) for r in (x, y, stray, a1, a2)]
    head = [(public(seed2), 2, name_of(a2), [(1, 1)])]
    cases = []

    def case(comment, frames, answers, seed=seed1):
        dialer = Side("dialer", space, [secret], seed, n1, n2, binding)
        listener = Side("listener", space, [secret], seed2, n2, n1, binding)
        hellos = [dialer.hello(), dialer.marks(), dialer.proof(secret)]
        about = InSpace(listener.session_secret(secret), space)
        own = about.frontier(statements, compared, head, check=True)
        cases.append({"comment": comment, "frames": hellos + frames(about),
                      "answers": [listener.hello(), listener.marks(), listener.proof(secret)] + answers(about, own)})

    def same(about, check=True):
        return about.frontier(statements, compared, head, check=check)

    def reconciled(comment, query, answer, then=lambda about: [], sent=()):
        case(comment, lambda a: [same(a), a.reconcile(NEGENTROPY + query(a))] + then(a),
             lambda a, own: [a.reconciling(NEGENTROPY + answer(a)), own] + ([a.records(list(sent))] if sent else []))

    def names(about, named=(x, y, stray, a1, a2)):
        return sorted(about.name(name_of(r)) for r in named)

    case("before the other's frontier nothing but one's own is said", lambda a: [], lambda a, own: [own])
    case("both hold the same", lambda a: [same(a)], lambda a, own: [own])
    case("who holds nothing is sent it, causes before effects; pieces wait to be asked for",
         lambda a: [a.frontier(check=True), a.statements([])],
         lambda a, own: [a.statements(statements), own, a.records(log + [x, A1, y, A2])])
    case("before its statements are known, none is sent and nothing else", lambda a: [a.frontier(check=True)],
         lambda a, own: [a.statements(statements), own])
    case("a chain that is held up to its first commit", lambda a: [a.frontier(statements, compared, [(public(seed2), 1, name_of(a1), [(1, 1)])], check=True)],
         lambda a, own: [own, a.records([y, A2])])
    case("a log that lacks its second operation", lambda a: [a.frontier([name_of(enrol1)], compared, head, check=True), a.statements([name_of(enrol1)])],
         lambda a, own: [a.statements(statements), own, a.records(log[1:])])
    case("another sum of records changes nothing: the dialer asks", lambda a: [a.frontier(statements, compared[1:], head, check=True)],
         lambda a, own: [own])
    case("a piece that is here", lambda a: [same(a), a.want(blob, [1])], lambda a, own: [own, a.records([pieces[1]])])
    case("one that is here, one that is not", lambda a: [same(a), a.want(blob, [0, 1])], lambda a, own: [own, a.records([pieces[1]]), a.lacks(blob)])
    case("two requests are answered one after the other", lambda a: [same(a), a.want(bytes(16), [0]), a.want(blob, [1])],
         lambda a, own: [own, a.lacks(bytes(16)), a.records([pieces[1]])])
    for comment, held_bytes, start in [("from where it holds it", 10, 10), ("anew, where nothing would be left to send", 1 << 20, 0)]:
        case(f"a piece of which the beginning is held, {comment}",
             lambda a, held_bytes=held_bytes: [a.begun([(name_of(pieces[1]), held_bytes)]), same(a), a.want(blob, [1])],
             lambda a, own, start=start: [own, a.part(pieces[1], start, len(pieces[1]))])
    reconciled("reconciliation: the dialer holds nothing", lambda a: EVERYTHING + id_list([]), lambda a: EVERYTHING + id_list(names(a)))
    reconciled("reconciliation: both hold the same, told by a fingerprint", lambda a: EVERYTHING + fingerprint(names(a)), lambda a: b"")
    reconciled("reconciliation: another fingerprint", lambda a: EVERYTHING + fingerprint(names(a)[1:]), lambda a: EVERYTHING + id_list(names(a)))
    reconciled("reconciliation: the second of two ranges differs",
               lambda a: below(names(a)[2][:1]) + fingerprint(names(a)[:2]) + EVERYTHING + fingerprint([]),
               lambda a: below(names(a)[2][:1]) + b"\x00" + EVERYTHING + id_list(names(a)[2:]))
    reconciled("reconciliation: what the dialer needs is sent", lambda a: EVERYTHING + id_list([]), lambda a: EVERYTHING + id_list(names(a)),
               lambda a: [a.need(names(a, [stray]))], [stray])
    reconciled("reconciliation: a name that nobody has", lambda a: EVERYTHING + id_list([]), lambda a: EVERYTHING + id_list(names(a)),
               lambda a: [a.need([bytes(32)])])
    case("a device that is not enrolled is given epochs and log operations", lambda a: [a.frontier(check=True), a.statements([])],
         lambda a, own: [a.statements(statements), own, a.records(log)], bytes([6] * 32))
    case("nor pieces", lambda a: [same(a), a.want(blob, [1])], lambda a, own: [own, a.lacks(blob)], bytes([6] * 32))
    case("nor by a reconciliation", lambda a: [same(a), a.reconcile(NEGENTROPY + EVERYTHING + id_list([])), a.need(names(a))],
         lambda a, own: [a.reconciling(NEGENTROPY), own], bytes([6] * 32))
    write("sessions/exchanges.json", "What the listener, which holds `records`, says in all once it was told `frames`; spec/sessions.md.", cases,
          inception=me.inception, space=space, binding=binding, secret=secret, listener_device=seed2, listener_nonce=n2, records=held)


def replacements(me, log, first):
    """Device 1 is enrolled by the first words, device 2 by device 1; `b` and `c` are later words, `t` those of a thief."""
    b, c, t = (Person(bytes([n] * 32)) for n in (10, 11, 12))
    second = operation(me, [first], 1, enrol(*device(me, 2)))
    before, both = [first, second], [(1, "device 1", True, True), (2, "device 2", True, True)]

    def by(author, previous, action, **more):
        return operation(me, previous, author, action, **more)

    def enrols(author, previous, byte):
        return by(author, previous, enrol(*device(me, byte)))

    def holds(comment, operations, standing, root, announced=None):
        operations = before + operations
        assert Judged(operations, me).root == (root and public(root.root)), comment
        heads = set(operations) - {p for o in operations for p in o.past}
        log(comment, [(o, "ok") for o in operations], [(d, f"device {d}", True, True) for d in standing], heads, announced,
            other_orders([{operations.index(p) for p in o.past} for o in operations]))

    r = by(None, [second], replace(me, me, b))
    holds("replaced", [r], [1, 2], b)
    holds("the new root enrols and revokes", [r, e3 := enrols(b, [r], 3), by(b, [e3], revoke(2))], [1, 3], b)
    holds("replaced twice in a row", [r, r2 := by(b, [r], replace(me, b, c)), enrols(c, [r2], 3)], [1, 2, 3], c)
    late, seen = enrols(None, [second], 3), enrols(None, [second], 4)
    holds("what the old root did and was seen stays", [seen, by(None, [seen], replace(me, me, b))], [1, 2, 4], b)
    holds("what it did unseen does not hold", [late, r], [1, 2], b)
    holds("dated back to the beginning", [enrols(None, [first], 3), r], [1, 2], b)
    holds("before anything", [enrols(None, [], 3), r], [1, 2], b)
    e5 = enrols(3, [late], 5)
    holds("nor what a device does that only it enrolled", [late, e5, by(5, [e5], revoke(1)), r], [1, 2], b)
    holds("enrolled by a device of the person too: it stands", [late, e5, enrols(1, [second], 3), r], [1, 2, 3], b)
    holds("a revocation by the old root, unseen", [by(None, [second], revoke(1)), r], [1, 2], b)
    s1, s2 = (bytes([n] * 32) for n in (10, 11))
    k1 = by(1, [second], announce(s1))
    holds("a person key by the old root, unseen", [k1, by(None, [k1], announce(s2)), by(None, [k1], replace(me, me, b))], [1, 2], b, s1)
    joined = by(1, [late, r], vouch(2))
    holds("one that had seen both changes nothing of it", [late, r, joined], [1, 2], b)

    rival = by(None, [second], replace(me, me, t))
    holds("two replacements of one root", [r, rival], [1, 2], None)
    holds("one of them dated back", [r, by(None, [first], replace(me, me, t))], [1, 2], None)
    holds("by the same new words", [r, by(None, [first], replace(me, me, b))], [1, 2], None)
    holds("what came of either does not hold", [r, e3, rival, theirs := enrols(t, [rival], 4), by(t, [theirs], revoke(1)), enrols(4, [theirs], 5)], [1, 2], None)
    holds("of the first words, after they were replaced and those too", [r, r2, enrols(c, [r2], 3), rival], [1, 2], None)
    holds("of the second words", [r, r2, e3, by(b, [r], replace(me, b, t))], [1, 2], None)
    holds("of the second words: what both had seen stays", [r, e3, by(b, [e3], replace(me, b, c)), by(b, [e3], replace(me, b, t))], [1, 2, 3], None)
    holds("three replacements", [r, rival, by(None, [second], replace(me, me, c))], [1, 2], None)
    holds("the devices go on", [r, rival, e6 := enrols(1, [r, rival], 6), by(6, [e6], revoke(2))], [1, 6], None)

    chain = [*before]
    while len(chain) < 248:
        chain.append(by(None, chain[-1:], vouch(2)))
    late = by(None, chain[-1:], replace(me, me, b))
    log("a log that the old root filled: the rest is for replacements", [*((o, "ok") for o in chain), (enrols(None, chain[-1:], 3), "malformed"),
        (late, "ok"), (enrols(b, [late], 3), "malformed")], both, [late])

    def refused(comment, op, expect, more=()):
        held = [*before, *more]
        log(comment, [(o, "ok") for o in held] + [(op, expect)], both, set(held) - {p for o in held for p in o.past})

    refused("the old root, knowing that it was replaced: an enrolment", enrols(None, [r], 3), "bad-signature", [r])
    refused("the old root, knowing that it was replaced: another replacement", by(None, [r], replace(me, me, t)), "bad-signature", [r])
    refused("the new root, as if it had seen nothing", enrols(b, [second], 3), "bad-signature", [r])
    refused("any root, knowing that one was replaced twice", enrols(b, [r, rival], 3), "not-entitled", [r, rival])
    refused("the first root, knowing that it was replaced twice", enrols(None, [r, rival], 3), "not-entitled", [r, rival])
    refused("replacement by a device", by(1, [second], replace(me, me, b)), "not-entitled")
    refused("replacement by another root", by(c, [second], replace(me, me, b)), "bad-signature")
    refused("without the new root's consent", by(None, [second], replace(me, me, b, signature=bytes(64))), "bad-signature")
    refused("with the old root's own consent", by(None, [second], replace(me, me, b, signer=me.root)), "bad-signature")
    refused("consent for another person", by(None, [second], replace(me, me, b, of=c.id)), "bad-signature")
    refused("consent to follow another root", by(None, [second], replace(me, me, b, replaced=c.root)), "bad-signature")
    refused("consent to other keys", by(None, [second], replace(me, me, b, keys=b.body[2:66] + c.body[66:], signature=replace(me, me, b)[-64:])), "bad-signature")
    refused("a recovery key that nothing can be sealed to", by(None, [second], replace(me, me, b, keys=b.body[2:34] + bytes(32) + b.body[66:])), "malformed")
    refused("by its own words", by(None, [second], replace(me, me, me)), "malformed")
    refused("by words that were replaced", by(b, [r], replace(me, b, me)), "malformed", [r])


def backups():
    me, other = Person(bytes([9] * 32)), Person(bytes([8] * 32))
    keeper, laptop, phone = bytes([1] * 32), bytes([4] * 32), bytes([3] * 32)
    space, journal = derive("space id", public(keeper), public(me.keeper)), bytes([7] * 16)
    cases = []

    def case(comment, b, expect="ok", **more):
        cases.append({"comment": comment, "head": b, "expect": expect, **more})

    def head(inception=me.inception, device=public(laptop), signer=laptop, end=varint(3) + varint(70_000), to=me.kem, where=None,
             plain=grant([(bytes([10] * 32), [])], keeper)):
        where = where or b"musette backup v1" + space + device + journal
        sealed = hpke_seal(kem_public(to), b"musette epoch grant v1", where, plain, b"eph" + to)
        return signed(signer, b"\x13\x01" + data(inception) + space + device + journal + end + sealed)

    case("of an admin device", head(), epochs=[epoch_id(bytes([10] * 32))], keeper=keeper, segment=3, offset=70_000)
    case("of a device that does not state epochs", head(plain=grant([(bytes([10] * 32), [])])),
         epochs=[epoch_id(bytes([10] * 32))], segment=3, offset=70_000)
    case("a bit of the signature flipped", flip(head(), -1, 0x10), "malformed")
    case("signed by another device than it names", head(signer=phone), "malformed")
    case("sealed to words that took the place of the inception's: whether they did, the records tell", head(inception=other.inception),
         epochs=[epoch_id(bytes([10] * 32))], keeper=keeper, segment=3, offset=70_000)
    case("another person's", head(inception=other.inception, to=other.kem), "other-person")
    case("another person's, sealed to words that took their place", head(inception=other.inception, to=bytes([5] * 32)), "other-person")
    case("an inception that its root did not sign", head(inception=signed(other.root, me.body)), "malformed")
    case("an inception cut short", head(inception=me.inception[:-1]), "malformed")
    case("sealed to another recovery key than the inception's, which the words give", head(to=other.kem), "not-for-us")
    case("sealed for the backup of another device", head(where=b"musette backup v1" + space + public(phone) + journal), "not-for-us")
    case("sealed for a pairing", head(where=bytes(32)), "not-for-us")
    case("no epoch in it", head(plain=grant([], keeper)), "no-grant")
    case("segment 0", head(end=b"\x00" + varint(70_000)), "malformed")
    case("an end with an over-long number", head(end=b"\x83\x00" + varint(70_000)), "not-canonical")
    case("without its signature", head()[:-64], "malformed")
    case("a byte too many", head()[:-64] + b"\x00" + head()[-64:], "not-canonical")
    case("a grant's tag", b"\x0d" + head()[1:], "wrong-tag")
    case("a newer version", b"\x13\x02" + head()[2:], "newer")
    write("backups/heads.json", "Heads of backups, spec/backups.md: decoded, checked, opened with the recovery keys of `entropy`.", cases,
          entropy=me.entropy)


def recovering():
    me, other, new, third = (Person(bytes([n] * 32)) for n in (9, 8, 10, 11))
    laptop, phone, eve, bare = (bytes([b] * 32) for b in (1, 2, 6, 7))
    peers, entropies = (bytes([2] * 38), bytes([1] * 38)), (bytes([71] * 32), bytes([60] * 32))
    space = derive("space id", public(bytes([1] * 32)), public(me.keeper))
    first = operation(me, [], None, enrol(*device(me, 1)))
    second = operation(me, [first], 1, enrol(*device(me, 2)))
    out = operation(me, [second], 1, revoke(2))
    log, after = [first, second], [first, second, out]
    replaced = operation(me, [second], None, replace(me, me, new))
    again, rival = operation(me, [replaced], new, replace(me, new, third)), operation(me, [second], None, replace(me, me, third))
    given = {"entropy": me.entropy, "inception": me.inception, "asker_peer": peers[0], "answerer_peer": peers[1], "asker_entropy": entropies[0],
             "answerer_entropy": entropies[1], "answerer_device": laptop, "asker_device": bare, "asker_name": "device 7"}

    def exchange(*to, asker=peers[0], answerer=peers[1], asker_entropy=entropies[0], **more):
        return Recovering(to or [me], asker, answerer, asker_entropy, entropies[1], **more)

    def enrolling(previous, action=None, author=None, seed=None, person=me):
        return operation(person, previous, author, action or enrol(*device(me, 7)), seed)

    whole = []
    for comment, operations, heads, to in [("two devices", log, [second], [me]), ("one of them was taken out", after, [out], [me]),
                                           ("the words were replaced", [*log, replaced], [replaced], [new, me]),
                                           ("the words were replaced twice", [*log, replaced, again], [again], [third, new])]:
        e, entry = exchange(*to), enrolling(heads, author=None if to[0] is me else to[0])
        sealed = hpke_seal(kem_public(bare), b"musette epoch grant v1", e.context(entry), grant([(bytes([10] * 32), [])], laptop), b"eph")
        message = welcome(space, [*operations, entry], sealed)
        frames = [e.hello(), e.challenge(), e.claim(to[0].root), e.answer(me, laptop, operations), e.enrolment(entry),
                  e.seal(1, message), e.seal(0, b"\x09\x01\x09")]
        whole.append({"comment": comment, "entropy": to[0].entropy, "operations": operations, "enrolment": entry, "welcome": message, "frames": frames})
    write("recovering/exchanges.json", "Whole exchanges, spec/recovering.md: all frames, from both sides in turn. `*_device` are seeds of a device's "
          "signing and HPKE keys; `welcome` is what the answering device hands out.", whole, **given)

    cases = []

    def case(to, comment, frames, expect, **more):
        cases.append({"to": to, "comment": comment, "frames": frames, "expect": expect, **more})

    def asker(comment, expect, *frames, **more):
        case("asker", comment, frames, expect, **more)

    asker("a challenge to another person", "recover-other-person", exchange(other).challenge())
    asker("a challenge made on another connection", "recover-other-person", exchange(asker=bytes([3] * 38)).challenge())
    asker("a challenge by another peer", "recover-other-person", exchange(answerer=bytes([3] * 38)).challenge())
    asker("an earlier challenge", "recover-other-person", exchange(asker_entropy=bytes([72] * 32)).challenge())
    asker("a challenge of 31 bytes", "recover-other-person", exchange(secret=bytes(31)).challenge())
    asker("a challenge to two others", "recover-other-person", exchange(other, third).challenge())
    asker("another salt than was sealed with", "recover-other-person", flip(exchange().challenge(), 3))
    asker("a challenge cut short", "recover-broken", exchange().challenge()[:-1])
    asker("a challenge of a newer version", "protocol-newer", flip(exchange().challenge(), 1, 3))
    asker("its own hello", "recover-broken", exchange().hello())
    asker("a door that is shut for the moment", "recover-busy", b"\x09\x01\x0b")
    asker("what a pairing answers to strangers", "recover-broken", b"\x09\x01\x01")

    def answered(comment, expect, make):
        e = exchange()
        asker(comment, expect, e.challenge(), make(e))

    answered("a claim, passed back", "recover-broken", lambda e: e.claim(me.root))
    answered("the second message in the place of the first", "recover-broken", lambda e: (e.answer(me, laptop, log), e.answer(me, laptop, log))[1])
    answered("a device that is not in the log", "recover-tampered", lambda e: e.answer(me, eve, log))
    answered("a device that another key signed for", "recover-tampered", lambda e: e.answer(me, eve, log, public(laptop)))
    answered("a signature of another exchange", "recover-tampered",
             lambda e: e.answer(me, laptop, log, signature=sign(laptop, exchange(asker_entropy=eve).statement(b"\x01" + public(laptop)))))
    answered("the device's signature as if it were the root's", "recover-tampered",
             lambda e: e.answer(me, laptop, log, signature=sign(laptop, e.statement(b"\x00"))))
    answered("a device that was taken out", "recover-device-revoked", lambda e: e.answer(me, phone, after))
    answered("no log", "recover-tampered", lambda e: e.answer(me, laptop, []))
    answered("a log in another order", "recover-tampered", lambda e: e.answer(me, laptop, log[::-1]))
    answered("a log by another root", "recover-tampered", lambda e: e.answer(me, laptop, [operation(me, [], None, enrol(*device(me, 1)), other.root)]))
    theirs = operation(other, [], None, enrol(*device(other, 1)))
    answered("another person's log", "recover-tampered", lambda e: e.answer(me, laptop, [theirs]))
    answered("another person's log and inception", "recover-tampered", lambda e: e.answer(other, laptop, [theirs]))
    answered("an inception that its root did not sign", "recover-tampered",
             lambda e: e.seal(1, b"\x09\x01\x0d" + data(flip(me.inception, -1, 0x10)) + public(laptop)
                              + sign(laptop, e.statement(b"\x01" + public(laptop))) + listed(map(data, log))))
    answered("a log in which other words are in the place of these", "recover-tampered", lambda e: e.answer(me, laptop, [*log, replaced]))
    answered("a log in which no words speak", "recover-tampered", lambda e: e.answer(me, laptop, [*log, replaced, rival]))
    taken = operation(other, [theirs], None, replace(other, other, me, signature=replace(me, new, me)[-64:]))
    answered("another person's log, in which these words speak without consent", "recover-tampered", lambda e: e.answer(other, laptop, [theirs, taken]))
    answered("that the words were replaced", "words-replaced", lambda e: e.replaced(replaced))
    answered("that the words were replaced, by another root", "recover-tampered",
             lambda e: e.replaced(operation(me, [second], None, replace(me, me, new), other.root)))
    answered("that the words were replaced: another operation of theirs", "recover-tampered", lambda e: e.replaced(first))
    answered("that the words were replaced, cut short", "recover-broken", lambda e: e.replaced(replaced[:-1]))
    answered("an operation cut short", "recover-broken", lambda e: e.answer(me, laptop, [first[:-1]]))
    answered("a refusal", "recover-refused", lambda e: e.seal(1, b"\x09\x01\x07\x02"))
    answered("a welcome before its turn", "recover-broken", lambda e: e.seal(1, whole[0]["welcome"]))

    def answerer(comment, expect, *frames, **more):
        case("answerer", comment, frames, expect, **more)

    answerer("nothing", "recover-broken", b"")
    answerer("a hello cut short", "recover-broken", exchange().hello()[:-1])
    answerer("a hello of a newer version", "protocol-newer", flip(exchange().hello(), 1, 3))
    answerer("a challenge", "recover-broken", exchange().challenge())

    def claimed(comment, expect, make):
        e = exchange()
        answerer(comment, expect, e.hello(), make(e))

    claimed("a claim in the clear", "recover-broken", lambda e: b"\x09\x01\x0c" + sign(me.root, e.statement(b"\x00")))
    claimed("a claim under another secret", "recover-broken", lambda e: exchange(secret=bytes([5] * 32)).claim(me.root))
    claimed("a claim of an earlier exchange", "recover-broken", lambda e: exchange(asker_entropy=bytes([72] * 32)).claim(me.root))
    claimed("a claim by another root", "recover-tampered", lambda e: e.claim(other.root))
    claimed("a claim by the root as a device", "recover-tampered", lambda e: e.claim(me.root, b"\x01" + public(laptop)))
    claimed("an enrolment before its turn", "recover-broken", lambda e: e.enrolment(enrolling([second])))

    def enrolled(comment, expect, entry):
        e = exchange()
        answerer(comment, expect, e.hello(), e.claim(me.root), e.enrolment(entry))

    enrolled("an enrolment by a device", "recover-tampered", enrolling([second], author=1))
    enrolled("an enrolment by another root", "recover-tampered", enrolling([second], seed=other.root))
    enrolled("the certificate of another person's device", "recover-tampered", enrolling([second], enrol(*device(other, 7))))
    enrolled("a certificate that its device did not sign", "recover-tampered",
             enrolling([second], enrol(device(me, 7)[0], consent(eve, device(me, 7)[0]))))
    enrolled("no enrolment", "recover-broken", enrolling([second], vouch(2)))
    enrolled("an enrolment cut short", "recover-broken", enrolling([second])[:-1])

    def renewed(comment, expect, to, place, operations):
        e = exchange(*to, place=place)
        answerer(comment, expect, e.hello(), e.claim(to[place].root), operations=operations)

    renewed("words that were replaced", "words-replaced", [new, me], 1, [*log, replaced])
    renewed("words that were replaced, after others", "words-replaced", [third, new], 1, [*log, replaced, again])
    rivals = sorted([(name_of(replaced), new), (name_of(rival), third)])
    for place in (0, 1):
        renewed("words in the place of which there are others", "recover-refused", [person for _, person in rivals], place, [*log, replaced, rival])
    e = exchange(new, me, place=1)
    answerer("the new root's claim under the secret of the old words", "recover-tampered", e.hello(), e.claim(new.root), operations=[*log, replaced])
    e, entry = exchange(), enrolling([second])
    answerer("an enrolment, twice", "recover-broken", e.hello(), e.claim(me.root), e.enrolment(entry), e.enrolment(entry))
    write("recovering/refusals.json", "Frames fed to one side of the first exchange, and the code with which it ends; spec/recovering.md.",
          cases, **given, operations=log, welcome=whole[0]["welcome"])


def relaying():
    relay, other, end, quota = bytes([1] * 32), bytes([2] * 32), 1795000600000, 2_000_000_000
    v4, v6 = bytes.fromhex("04c000020791020fa1cd03"), b"\x29" + bytes([0x20, 1, 0xd, 0xb8]) + bytes(11) + b"\x07\x06\x0f\xa1"
    id, cases = bytes([0xA5] * 16), []

    def terms(seed=relay, addresses=(v4, v6), expires=end, quota=quota):
        return relay_terms(seed, addresses, id, expires, quota)

    def case(comment, text, expect="relay-ticket-malformed", now=end - 600000, **more):
        cases.append({"comment": comment, "text": text, "expect": expect, "now": now, **more})

    def ticket(comment, encoded, *rest, **more):
        case(comment, ticket_text("musetterelay1", encoded), *rest, **more)

    def good(comment, text, addresses=(v4, v6), expires=end, quota=quota, **more):
        case(comment, text, "ok", relay=peer_of(relay), addresses=list(addresses), id=id, expires=expires, quota=quota, **more)

    whole = signed(relay, terms())
    text = ticket_text("musetterelay1", whole)
    good("two addresses", text)
    good("one address", ticket_text("musetterelay1", signed(relay, terms(addresses=[v4]))), [v4])
    good("as many addresses as allowed", ticket_text("musetterelay1", signed(relay, terms(addresses=[v4] * 16))), [v4] * 16)
    good("a quota of nothing", ticket_text("musetterelay1", signed(relay, terms(quota=0))), quota=0)
    good("the largest quota", ticket_text("musetterelay1", signed(relay, terms(quota=2**64 - 1))), quota=2**64 - 1)
    good("upper case", text.upper())
    good("broken over lines by a mail program", "".join("  " + text[at:at + 40] + "\r\n" for at in range(0, len(text), 40)))
    good("its last millisecond", text, now=end - 1)
    case("its end", text, "relay-ticket-expired", now=end)
    ticket("signed by another key", signed(other, terms()), "relay-ticket-forged")
    ticket("another relay's key put in", terms(other) + whole[-64:], "relay-ticket-forged")
    ticket("a larger quota put in", terms(quota=quota + 1) + whole[-64:], "relay-ticket-forged")
    ticket("a later end put in", terms(expires=end + 1) + whole[-64:], "relay-ticket-forged")
    ticket("another address put in", terms(addresses=[v4, v4]) + whole[-64:], "relay-ticket-forged")
    ticket("a bit of the signature flipped", flip(whole, -1, 0x10), "relay-ticket-forged")
    identity = (1).to_bytes(32, "little")
    ticket("the identity as key: it 'signs' every message", b"\x16\x01" + identity + terms()[34:] + identity + bytes(32), "relay-ticket-forged")
    ticket("signed with the tag of a message", signed(relay, b"\x17" + terms()[1:]))
    ticket("without its signature", terms())
    ticket("a byte between terms and signature", signed(relay, terms() + b"\x00"))
    ticket("no address", signed(relay, terms(addresses=[])))
    ticket("an empty address", signed(relay, terms(addresses=[b""])))
    ticket("an address too many", signed(relay, terms(addresses=[v4] * 17)))
    ticket("an address too long", signed(relay, terms(addresses=[bytes(129)])))
    ticket("a newer encoding", signed(relay, b"\x16\x02" + terms()[2:]), "relay-ticket-newer")
    ticket("a version that never was", signed(relay, b"\x16\x00" + terms()[2:]))
    case("a newer text form", "musetterelay2" + text[13:], "relay-ticket-newer")
    case("two letters swapped", text[:40] + text[41] + text[40] + text[42:])
    case("the last letter missing", text[:-1])
    case("the second half missing", text[:len(text) // 2])
    case("a pairing's prefix", "musette1" + text[13:])
    case("no version", "musetterelay" + text[13:])
    case("the prefix alone", "musetterelay1")
    case("nothing", "")
    write("relaying/tickets.json", "Relay tickets, spec/relaying.md: what they hold, or why they are refused at `now`.", cases)

    head, cases = b"\x17\x01", []

    def message(comment, b, expect="ok", **more):
        cases.append({"comment": comment, "bytes": b, "expect": expect, **more})

    message("a ticket presented", head + b"\x00" + data(whole), ticket=whole)
    message("nothing presented: a message all the same", head + b"\x00\x00", ticket=b"")
    message("admitted", admitted(end, 1_999_999_000, 2**30, 21600), expires=end, bytes_left=1_999_999_000, circuit_bytes=2**30, circuit_seconds=21600)
    codes = ["relay-ticket-forged", "relay-ticket-other-relay", "relay-ticket-expired", "relay-ticket-used-up", "relay-crowded", "relay-ticket-malformed"]
    for number, code in enumerate(codes):
        message("refused", head + b"\x02" + bytes([number]), code=code)
    message("a reason that does not exist", head + b"\x02\x06", "malformed")
    message("a message that does not exist", head + b"\x03", "malformed")
    message("a ticket cut short", head + b"\x00" + data(whole)[:-1], "malformed")
    message("a byte too many", head + b"\x02\x00\x00", "not-canonical")
    message("a length in two bytes where one does", head + b"\x00\x80\x00", "not-canonical")
    message("more seconds than 32 bits", admitted(end, 1, 1, 2**32), "malformed")
    message("a newer version", b"\x17\x02\x02\x00", "newer")
    message("a ticket, not a message", whole, "wrong-tag")
    message("a head alone", head, "malformed")
    message("nothing", b"", "malformed")
    write("relaying/messages.json", "Messages between node and relay, spec/relaying.md, without the length before them.", cases)


def addresses():
    phone, laptop, stranger = (bytes([byte] * 32) for byte in (1, 2, 3))
    now, day, lead = 1795000000000, 24 * 60 * 60 * 1000, 10 * 60 * 1000
    direct, relayed = bytes.fromhex("04c000020791020fa1cd03"), bytes.fromhex("04c6336401060fa1") + b"\xa5\x03\x26" + peer_of(laptop) + b"\xa2\x02"
    cases = []

    def record(seed=phone, peer=peer_of(phone), places=(direct, relayed), issued=now, expires=None, signer=None, **more):
        return signed(signer or seed, address_record(seed, peer, places, issued, issued + day if expires is None else expires, **more))

    def case(comment, expect, *records, frame=None, before=()):
        cases.append({"comment": comment, "expect": expect, "frame": frame or told(records), "before": told(before)})

    case("a direct address and one at a relay", ["new"], record())
    case("records of two devices", ["new", "new"], record(), record(laptop))
    case("no address", ["new"], record(places=[]))
    case("as many and as long addresses as allowed", ["new"], record(places=[bytes([4] * 128)] * 16))
    case("newer than the one held", ["new"], record(issued=now + 1), before=[record()])
    case("the one held", ["known"], record(), before=[record()])
    case("older than the one held", ["known"], record(issued=now - 1), before=[record()])
    case("others are taken beside one that is not", ["new", "stranger", "new"], record(), record(stranger), record(laptop))
    case("of nobody's device", ["stranger"], record(stranger))
    case("signed by another of the person's devices", ["forged"], record(signer=laptop))
    case("the other device's name put in", ["forged"], record(device=public(laptop)))
    case("a bit of the signature flipped", ["forged"], flip(record(), -1, 0x10))
    case("an address put in after it was signed", ["forged"], address_record(phone, peer_of(phone), [direct, relayed, direct], now, now + day) + record()[-64:])
    case("ended this millisecond", ["expired"], record(issued=now - day))
    case("its last millisecond", ["new"], record(issued=now - day + 1))
    case("a clock ten minutes ahead", ["new"], record(issued=now + lead))
    case("a clock further ahead", ["expired"], record(issued=now + lead + 1))
    case("holds longer than a day", ["expired"], record(expires=now + day + 1))
    case("ends before it begins", ["expired"], record(issued=now + 2, expires=now + 1))
    case("one address too many", ["bounds"], record(places=[direct] * 17))
    case("an address too long", ["bounds"], record(places=[bytes([4] * 129)]))
    case("an empty address", ["bounds"], record(places=[b""]))
    case("no peer id", ["bounds"], record(peer=b""))
    case("a peer id too long", ["bounds"], record(peer=bytes(65)))
    case("nothing to tell", [])
    case("nothing", "malformed", frame=b"\x19")
    case("cut short", "malformed", frame=told([record()])[:-1])
    case("more records than devices", "malformed", frame=told([record(places=[])] * 257))
    write("addresses/records.json", "Frames of address records, spec/addresses.md, told to a device of the person whose devices are `devices`, which holds what `before` tells.", cases, now=now, devices=[public(phone), public(laptop)])


if __name__ == "__main__":
    for make in (encoding, identity, epochs, records, membership, sessions, backups, recovering, relaying, addresses):
        make()
