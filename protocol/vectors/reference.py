"""Musette's formats, written from protocol/spec alone: a second implementation, for make.py."""

import base64
import hashlib
import hmac

from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt as xchacha
from nacl.signing import SigningKey

ORDER = 2**252 + 27742317777372353535851937790883648493
PRIME = 2**255 - 19


# ---- encoding.md

def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def zigzag(n):
    return varint(n << 1 if n >= 0 else (-n << 1) - 1)


class Made(bytes):
    """Encoded bytes, and what they were made of."""

    def __new__(cls, encoded, **parts):
        made = super().__new__(cls, encoded)
        made.__dict__.update(parts)
        return made


def data(b):
    return varint(len(b)) + b


def listed(items):
    items = list(items)
    return varint(len(items)) + b"".join(items)


def option(b):
    return b"\x00" if b is None else b"\x01" + b


def context(purpose):
    return f"musette 2026-11 {purpose} v1"


def derive(purpose, *parts):
    h = blake3(derive_key_context=context(purpose))
    for part in parts:
        h.update(len(part).to_bytes(8, "little"))
        h.update(part)
    return h.digest()


def name_of(b):
    return blake3(b).digest()


def key(seed):
    return SigningKey(seed)


def public(seed):
    return bytes(key(seed).verify_key)


def sign(seed, message):
    return key(seed).sign(message).signature


def signed(seed, body):
    return body + sign(seed, body)


# ---- HPKE base mode, RFC 9180: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305

KEM_SUITE = b"KEM\x00\x20"
SUITE = b"HPKE\x00\x20\x00\x01\x00\x03"


def extract(suite, salt, label, ikm):
    return hmac.new(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, hashlib.sha256).digest()


def expand(suite, prk, label, info, length):
    info = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.new(prk, info + b"\x01", hashlib.sha256).digest()[:length]


def kem_secret(seed):
    prk = extract(KEM_SUITE, b"", b"dkp_prk", seed)
    return X25519PrivateKey.from_private_bytes(expand(KEM_SUITE, prk, b"sk", b"", 32))


def kem_public(seed):
    return kem_secret(seed).public_key().public_bytes_raw()


def hpke_seal(to, info, associated, plaintext, seed):
    mine = kem_secret(seed)
    sent = mine.public_key().public_bytes_raw()
    dh = mine.exchange(X25519PublicKey.from_public_bytes(to))
    shared = expand(KEM_SUITE, extract(KEM_SUITE, b"", b"eae_prk", dh), b"shared_secret", sent + to, 32)
    schedule = b"\x00" + extract(SUITE, b"", b"psk_id_hash", b"") + extract(SUITE, b"", b"info_hash", info)
    secret = extract(SUITE, shared, b"secret", b"")
    nonce = expand(SUITE, secret, b"base_nonce", schedule, 12)
    cipher = ChaCha20Poly1305(expand(SUITE, secret, b"key", schedule, 32))
    return sent + data(cipher.encrypt(nonce, plaintext, associated))


# ---- identity.md

class Person:
    def __init__(self, entropy):
        self.entropy = entropy
        self.root = derive("root signing key", entropy)
        self.kem = derive("recovery hpke key", entropy)
        self.keeper = derive("recovery keeper key", entropy)
        self.body = b"\x01\x01" + public(self.root) + kem_public(self.kem) + public(self.keeper)
        self.inception = signed(self.root, self.body)
        self.id = derive("person id", self.inception)


def certificate(person, device, kem, name, admin):
    return Made(person + device + kem + data(name.encode()) + bytes([admin]), device=device, name=name, admin=admin)


def consent(seed, body):
    return sign(seed, b"\x02\x01" + body)


def device(person, byte, admin=True, name=None, kem=None):
    """An enrolment's action: device `byte` has its signing and HPKE keys from seeds of that byte."""
    seed = bytes([byte] * 32)
    body = certificate(person.id, public(seed), kem or kem_public(seed), name or f"device {byte}", admin)
    return body, consent(seed, body)


def enrol(body, signature, verified=True):
    return Made(b"\x00" + body + signature + bytes([verified]), kind="enrol", device=body.device, certificate=body, verified=verified)


def vouch(byte):
    device = public(bytes([byte] * 32))
    return Made(b"\x01" + device, kind="vouch", device=device, verified=True)


def person_key(secret):
    """The public half; its seed is derived from the secret of an epoch of the person's own space."""
    return kem_public(derive("person key", secret))


def announce(secret, kem=None):
    return Made(b"\x02" + epoch_id(secret) + (person_key(secret) if kem is None else kem), kind="key", device=None, secret=secret)


def space_mark(space, device):
    return derive("revocation space mark", space, device)[:16]


def revoke(byte, kept=(), undone=(), raw=False):
    """`kept`: space, number and name of a commit. `undone`: operations. With `raw`: marks, names, as they are."""
    device = public(bytes([byte] * 32))
    if not raw:
        kept = sorted((space_mark(space, device), number, commit) for space, number, commit in kept)
        undone = sorted(name_of(o) for o in undone)
    encoded = b"\x03" + device + listed(m + varint(n) + c for m, n, c in kept) + listed(undone)
    return Made(encoded, kind="revoke", device=device, kept={m: n for m, n, _ in kept}, undone=set(undone))


def replace(person, old, new, keys=None, signature=None, signer=None, **other):
    """`old`, `new`: whose words they are. The consent may be over something `other`."""
    keys = keys or new.body[2:]
    consented = b"\x15\x01" + other.get("of", person.id) + public(other.get("replaced", old.root)) + keys
    return Made(b"\x04" + keys + (signature or sign(signer or new.root, consented)), kind="replace", device=None, root=keys[:32])


def operation(person, previous, author, action, seed=None, previous_raw=None):
    """`author`: None is the root, words that were put in its place, a number that device."""
    root = person if author is None else author if isinstance(author, Person) else None
    who = b"\x00" if root else b"\x01" + public(bytes([author] * 32))
    seed = seed or (root.root if root else bytes([author] * 32))
    heads = sorted(name_of(p) for p in previous) if previous_raw is None else previous_raw
    return Made(signed(seed, b"\x03\x01" + person.id + listed(heads) + who + action), author=who[1:], action=action,
                past=set(previous).union(*(p.past for p in previous)))


def succession(operations):
    """The replacements that put the roots in one after the other, and those of the last if there are several."""
    line, seat = [], None
    while found := [o for o in of_kind("replace", operations) if speaker(o.past) == seat]:
        if len(found) > 1:
            return line, found
        [seat] = found
        line.append(seat)
    return line, []


def speaker(operations):
    """The replacement that put in the root that speaks; None for the inception's; False if none speaks."""
    line, rivals = succession(operations)
    return False if rivals else line[-1] if line else None


def undone_by_replacement(r, operations):
    rivals = {o for o in of_kind("replace", operations) - {r} if speaker(o.past) == speaker(r.past)}
    found = {o for o in operations - r.past - {r} if o.author == b"" and (speaker(o.past) == speaker(r.past) or o.past & rivals)}
    return with_orphans(found, operations, r)


def of_kind(kind, operations, device=None):
    return {o for o in operations if o.action.kind == kind and device in (None, o.action.device)}


def undone_by(revocation, operations):
    device, undone = revocation.action.device, revocation.action.undone
    found = {o for o in operations if o.author == device and (o not in revocation.past or name_of(o) in undone)}
    return with_orphans(found, operations, revocation)


def with_orphans(found, operations, by):
    """And what devices did of which these are all enrolments."""
    while True:
        found.discard(by)
        enrolled = {o: of_kind("enrol", o.past, o.author) for o in operations - found if o.author}
        more = {o for o, enrolments in enrolled.items() if enrolments and enrolments <= found} - {by}
        if not more:
            return found
        found |= more


class Judged:
    """What holds of a set of operations that is closed under `previous`."""

    def __init__(self, operations, person=None):
        operations = set(operations)
        line, rivals = succession(operations)
        self.replacements = {r: undone_by_replacement(r, operations) for r in line + rivals}
        replaced = set().union(*self.replacements.values())
        self.root = None if rivals else line[-1].action.root if line else person and public(person.root)
        self.revocations = []
        for r in sorted(of_kind("revoke", operations), key=lambda r: (r.author != b"", -len(r.past), name_of(r))):
            if r not in replaced and not any(r in h.past and r.action.device == h.action.device
                       or (r in h.past or h.author == b"") and r in undone_by(h, operations) for h in self.revocations):
                self.revocations.append(r)
        self.undone = replaced.union(*(undone_by(r, operations) for r in self.revocations))
        self.operations, self.holding = operations, operations - self.undone

    def ended_by(self, device):
        """The replacements and revocations because of which a device does not stand."""
        enrolments = of_kind("enrol", self.operations, device)
        return [r for r, undone in self.replacements.items() if enrolments & undone] + [r for r in self.revocations if r.action.device == device or enrolments & undone_by(r, self.operations)]

    def devices(self):
        """Those that stand: device, name, admin, verified."""
        verified = {b""}
        while more := {o.action.device for o in of_kind("enrol", self.holding) | of_kind("vouch", self.holding)
                       if o.action.verified and o.author in verified} - verified:
            verified |= more
        revoked = {r.action.device for r in self.revocations}
        standing = {}
        for o in sorted(of_kind("enrol", self.holding), key=name_of):
            if o.action.device not in revoked:
                standing.setdefault(o.action.device, o.action.certificate)
        return [(d, c.name, c.admin, d in verified) for d, c in sorted(standing.items())]

    def stands(self, device):
        return device in [d for d, *_ in self.devices()]

    def person_key(self):
        """The secret from which it follows."""
        keys = of_kind("key", self.holding)
        last = sorted(keys - {k for other in keys for k in other.past}, key=name_of)
        return last[0].action.secret if last else None


# ---- epochs.md

def epoch_id(secret):
    return derive("epoch id", secret)


def grant(epochs, keeper=None):
    return b"\x0d\x01" + listed([s + listed(p) for s, p in epochs]) + option(keeper)


def audience(secret, recipients):
    """The seed of the key that tells for whom an epoch was made."""
    return derive("epoch audience", secret, *sorted({kem_public(r) for r in recipients}))


def statement(space, keeper, secret, recipients, earlier=(), heads=(), **bad):
    epoch = bad.get("epoch", epoch_id(secret))
    to = space + epoch
    sealed = [hpke_seal(kem_public(r), bad.get("info", b"musette epoch secret v1"), to, bad.get("inner", secret), b"eph" + r)
              for r in [*recipients, bad.get("audience", audience(secret, recipients))]]
    if heads:
        sealed.insert(-1, hpke_seal(kem_public(derive("epoch heads", secret)), b"musette epoch heads v1", to, b"".join(heads), b"heads"))
    nonce = bytes([0x77] * 24)
    plain = bad.get("plain", grant([(s, []) for s in sorted(earlier, key=epoch_id)]))
    box = nonce + xchacha(plain, to, nonce, derive("earlier epoch secrets", secret))
    body = b"\x04\x01" + bad.get("elsewhere", space) + epoch
    body += listed(bad.get("previous", sorted(epoch_id(s) for s in earlier)))
    body += public(bad.get("stated", keeper))
    body += bad.get("write", public(derive("epoch write key", secret)))
    body += bad.get("read", public(derive("epoch read key", secret)))
    body += listed(bad.get("sealed", sealed)) + data(bad.get("box", box))
    return signed(bad.get("signer", bad.get("stated", keeper)), body)


# ---- records.md

def bucket(n):
    n = max(n, 256)
    e = n.bit_length() - 1
    mask = (1 << (e - e.bit_length())) - 1
    return (n + mask) & ~mask


def pad(payload):
    plain = len(payload).to_bytes(4, "little") + payload
    return plain + bytes(bucket(len(plain)) - len(plain))


def seal(space, secrets, payload, nonce, plain=None, raw=False):
    """`secrets`: of the epoch, or a list of those of several epochs."""
    if isinstance(secrets, bytes):
        secrets = [secrets]
    epochs = [(epoch_id(s), s) for s in secrets]
    if not raw:
        epochs.sort()
    ids = b"".join(e for e, _ in epochs)
    if len(epochs) == 1 and not raw:
        head, purpose = b"\x01" + space + ids + nonce, "record key"
    else:
        head, purpose = b"\x03" + space + bytes([len(epochs)]) + ids + nonce, "record key of several epochs"
    key = derive(purpose, space, *(part for epoch in epochs for part in epoch))
    return head + xchacha(pad(payload) if plain is None else plain, head, nonce, key)


def drop(space, keeper, ids, after=None, replaces=(), signer=None, raw=False):
    order = list if raw else sorted
    body = b"\x10\x01" + space + public(keeper) + option(after) + listed(order(ids)) + listed(order(replaces))
    return signed(signer or keeper, body)


def receipt(space, byte, number, drops, signer=None, raw=False):
    order = list if raw else sorted
    body = b"\x11\x01" + space + public(bytes([byte] * 32)) + varint(number) + listed(order(drops))
    return signed(signer or bytes([byte] * 32), body)


def change(document, body):
    return b"\x06\x01" + document + data(body)


def chunk(blob, index, body):
    return b"\x07\x01" + blob + varint(index) + data(body)


def commit(space, byte, number, previous, heads, records, seen=(), chunks=(), signer=None, raw=False):
    order = list if raw else sorted
    body = b"\x05\x01" + space + public(bytes([byte] * 32)) + varint(number) + option(previous)
    body += listed(order(seen)) + listed(order(heads)) + listed(records) + listed(chunks)
    return Made(signed(signer or bytes([byte] * 32), body), device=public(bytes([byte] * 32)), number=number,
                causes={*seen, previous} - {None}, heads=set(heads), records=set(records), chunks=set(chunks))


def lines(space, operations, commits):
    """Up to which number the commits of each device that stands no more are in no quarantine: `operations` are one person's."""
    log, names = Judged(operations), {name_of(c): c for c in commits}
    enrolled = {o.action.device for o in of_kind("enrol", log.operations)}
    line = {d: 0 for d in enrolled if not log.stands(d)}

    def past(commit):
        causes = [names[n] for n in commit.causes]
        return set(causes).union(*map(past, causes))

    def had_seen(commit, revocation):
        return any(revocation == o or revocation in o.past for o in log.operations if name_of(o) in commit.heads)

    def vouched(device, revocation):
        vouching = [c for c in commits if c.device in enrolled - {device} and c.number <= line.get(c.device, c.number)
                    and not had_seen(c, revocation)]
        return len({p for c in vouching for p in past(c) if p.device == device})

    def kept(device, revocation):
        return revocation.action.kept.get(space_mark(space, device), 0) if revocation.action.device == device else 0

    while True:
        moved = {d: min(max(kept(d, r), vouched(d, r)) for r in log.ended_by(d)) for d in line}
        if moved == line:
            return line
        line = moved


def quarantined(space, logs, commits, changes, chunks):
    """Of the names of changes and of chunks, those in quarantine. `logs`: operations of each person."""
    line = {d: n for operations in logs for d, n in lines(space, operations, commits).items()}

    def all_late(naming):
        return naming and all(c.number > line.get(c.device, c.number) for c in naming)

    return sorted([n for n in changes if all_late([c for c in commits if n in c.records])]
                  + [n for n in chunks if all_late([c for c in commits if n in c.chunks])])


# ---- membership.md

class Change:
    """An operation of the membership log, and what it says."""

    def __init__(self, space, byte, previous, log_heads, action, signer=None, raw=None):
        self.previous, self.log_heads, self.action = previous, set(log_heads), action
        self.author = public(bytes([byte] * 32))
        heads = sorted(p.name for p in previous) if raw is None else raw
        body = b"\x12\x01" + space + listed(heads) + listed(sorted(log_heads)) + self.author + action.bytes
        self.bytes = signed(signer or bytes([byte] * 32), body)
        self.name = name_of(self.bytes)

    def past(self):
        return {p.name for p in self.previous}.union(*(p.past() for p in self.previous))


class Add:
    def __init__(self, person, role, inception=None):
        self.person, self.role = person.id, role
        self.bytes = b"\x00" + (inception or person.inception)[2:] + bytes([role])


class Remove:
    def __init__(self, person):
        self.person = person.id
        self.bytes = b"\x01" + person.id


class Epoch:
    person = None

    def __init__(self, secret):
        self.epoch = epoch_id(secret)
        self.bytes = b"\x02" + self.epoch


class Cut(Epoch):
    def __init__(self, secret):
        super().__init__(secret)
        self.bytes = self.bytes[:-1]


class Unknown:
    def __init__(self, person):
        self.person = person.id
        self.bytes = b"\x03" + person.id


def members(changes, owner):
    """Who is in: name of the person, role, name of the admission. `owner`: what is held of the owner's device log."""
    found, log = [], Judged(owner)
    known = set().union(*(c.past() for c in changes if log.stands(c.author)))
    for person in sorted({c.action.person for c in changes} - {None}):
        about = [c for c in changes if c.action.person == person]
        removals = {c.name for c in about if isinstance(c.action, Remove)}
        standing = [c for c in about if isinstance(c.action, Add) and removals <= c.past() and (log.stands(c.author) or c.name in known)]
        newest = [c for c in standing if not any(c.name in other.past() for other in standing)]
        if newest:
            held = min(newest, key=lambda c: (c.action.role, c.name))
            found.append((person, held.action.role, held.name))
    return found


def epochs_since(changes, owner):
    """The epochs that may be written under; None for all."""
    endings = {*Judged(owner).revocations, *Judged(owner).replacements}

    def had_seen(change):
        return {r for o in owner if name_of(o) in change.log_heads for r in {o} | o.past}

    if endings:
        return sorted({c.action.epoch for c in changes if isinstance(c.action, Epoch) and had_seen(c) >= endings})


# ---- sessions.md

class Side:
    def __init__(self, role, space, secrets, seed, nonce, other_nonce, binding):
        self.role, self.space, self.secrets, self.seed, self.binding = role, space, secrets, seed, binding
        self.nonce = nonce
        self.dialer, self.listener = (nonce, other_nonce) if role == "dialer" else (other_nonce, nonce)

    def key(self, secret, purpose):
        return derive("session recognition", secret, self.space, self.binding, self.dialer, self.listener,
                      self.role.encode(), purpose)

    def hello(self):
        return b"\x0a\x03\x00" + self.nonce

    def marks(self):
        order = sorted(self.secrets, key=epoch_id)
        return b"\x0a\x03\x01" + listed([self.key(s, b"mark")[:16] for s in order])

    def transcript(self, secret, device):
        role = b"\x00" if self.role == "dialer" else b"\x01"
        return b"\x0e\x01" + role + self.binding + self.dialer + self.listener + self.space + epoch_id(secret) + device

    def proof(self, secret, signer=None, transcript=None, body=None, seal_key=None):
        me = public(self.seed)
        signature = sign(signer or self.seed, transcript or self.transcript(secret, me))
        plain = body or b"\x0f\x01" + me + signature
        return b"\x0a\x03\x02" + data(xchacha(plain, b"", bytes(24), seal_key or self.key(secret, b"proof")))

    def session_secret(self, secret):
        return derive("session recognition", secret, self.space, self.binding, self.dialer, self.listener, b"dialer", b"session")


class InSpace:
    """What is said about a space in a session with this secret."""

    def __init__(self, session_secret, space):
        self.mark = derive("session space mark", session_secret, space)[:16]
        self.reconcile_key = derive("session reconciliation", session_secret, space)

    def say(self, number, body):
        return b"\x0a\x03\x03" + self.mark + bytes([number]) + body

    def frontier(self, statements=(), records=(), chains=(), check=False, raw=None):
        """`statements`, `records`: names. `chains`: device, number, name, spans of commits that lack pieces."""
        total = sum(int.from_bytes(r, "little") for r in records) % 2**256
        body = name_of(b"".join(sorted(statements))) + total.to_bytes(32, "little")
        body += listed([d + varint(n) + c + listed([varint(a) + varint(b) for a, b in w]) for d, n, c, w in chains])
        return self.say(0, body + (bytes([check]) if raw is None else raw))

    def statements(self, names, raw=False):
        return self.say(1, listed(names if raw else sorted(names)))

    def want(self, blob, places, asked=False):
        return self.say(2, blob + listed([varint(p) for p in places]) + bytes([asked]))

    def lacks(self, blob, withheld=False):
        return self.say(3, blob + bytes([withheld]))

    def reconcile(self, message):
        return self.say(4, data(message))

    def reconciling(self, message):
        return self.say(5, data(message))

    def need(self, names):
        return self.say(6, listed(names))

    def records(self, records):
        return b"\xff" + self.mark + b"".join(len(r).to_bytes(4, "little") + r for r in records)

    def begun(self, begun):
        """`begun`: names of records, and how many bytes are held of each."""
        return self.say(7, listed([name + varint(held) for name, held in begun]))

    def part(self, record, start, end):
        sizes = len(record).to_bytes(4, "little") + start.to_bytes(4, "little")
        return b"\xfe" + self.mark + name_of(record) + sizes + record[start:end]

    def name(self, name):
        """What a change or a commit of this name goes by in a reconciliation."""
        return blake3(name, key=self.reconcile_key).digest()


# ---- recovering.md

def drawn(entropy):
    """The seed of HPKE's ephemeral key: the beginning of ChaCha20's key stream."""
    return Cipher(algorithms.ChaCha20(entropy, bytes(16)), None).encryptor().update(bytes(32))


class Recovering:
    """One exchange. Of the two peers the one that asks is the joiner of a pairing. `to`: whose words open the challenge, at most
    two; the asker has those at `place`."""

    INFO = b"musette recovery challenge v1"

    def __init__(self, to, asker_peer, answerer_peer, asker_entropy, answerer_entropy, place=0, secret=None):
        self.asker_salt, self.salt = (derive("recovering", b"salt", e) for e in (asker_entropy, answerer_entropy))
        self.id = derive("recovering", b"session", asker_peer, answerer_peer, self.asker_salt, self.salt)
        draws = [lambda label, at=bytes([at]): derive("recovering", label, at, answerer_entropy) for at in (0, 1)]
        secrets = [draw(b"secret") for draw in draws]
        secrets[place] = secret = secret or secrets[place]
        keys = [person.kem for person in to] + [draw(b"nobody") for draw in draws[len(to):]]
        self.sealed = b"".join(hpke_seal(kem_public(key), self.INFO, self.id, inside, drawn(draw(b"challenge")))
                               for key, inside, draw in zip(keys, secrets, draws))
        self.transcript = derive("recovering", b"transcript", self.id, self.sealed)
        self.keys = [derive("recovering", label, secret, self.id) for label in (b"joiner to inviter", b"inviter to joiner")]
        self.sent = [0, 0]

    def hello(self):
        return b"\x09\x01\x00" + self.asker_salt

    def challenge(self):
        return b"\x09\x01\x0a" + self.salt + self.sealed

    def seal(self, by_answerer, message):
        nonce = self.sent[by_answerer].to_bytes(8, "little") + bytes(16)
        self.sent[by_answerer] += 1
        return b"\x09\x01\x02" + data(xchacha(message, self.id, nonce, self.keys[by_answerer]))

    def statement(self, author):
        return b"\x14\x01" + author + self.transcript

    def claim(self, root, author=b"\x00"):
        return self.seal(0, b"\x09\x01\x0c" + sign(root, self.statement(author)))

    def answer(self, person, seed, operations, device=None, signature=None):
        device = device or public(seed)
        signature = signature or sign(seed, self.statement(b"\x01" + device))
        return self.seal(1, b"\x09\x01\x0d" + data(person.inception) + device + signature + listed(map(data, operations)))

    def replaced(self, operation):
        return self.seal(1, b"\x09\x01\x0f" + data(operation))

    def enrolment(self, operation):
        return self.seal(0, b"\x09\x01\x0e" + data(operation))

    def context(self, enrolment):
        return derive("recovering", b"context", self.transcript, enrolment)


def welcome(space, operations, grant):
    return b"\x09\x01\x08" + space + listed(map(data, operations)) + grant


# ---- relaying.md

def peer_of(seed):
    """A peer id: an identity multihash of a protobuf, key type 1 (Ed25519) and 32 bytes."""
    return b"\x00\x24\x08\x01\x12\x20" + public(seed)


def relay_terms(seed, addresses, id, expires, quota):
    return b"\x16\x01" + public(seed) + listed(map(data, addresses)) + id + zigzag(expires) + varint(quota)


def address_record(seed, peer, addresses, issued, expires, device=None):
    return b"\x18\x01" + (device or public(seed)) + data(peer) + listed(map(data, addresses)) + zigzag(issued) + zigzag(expires)


def told(records):
    return b"\x19\x01" + listed(record[2:] for record in records)


def ticket_text(prefix, encoded):
    body = base64.b32encode(encoded + blake3(encoded).digest()[:4]).decode()
    return prefix + body.rstrip("=").lower()


def admitted(expires, left, circuit_bytes, circuit_seconds):
    return b"\x17\x01\x01" + zigzag(expires) + varint(left) + varint(circuit_bytes) + varint(circuit_seconds)


# ---- negentropy, version 1, timestamps of 0: what sets of fewer than 32 need. Its varints are big-endian.

def negentropy_varint(n):
    out = [n & 0x7F]
    while n >= 0x80:
        n >>= 7
        out.append(n & 0x7F | 0x80)
    return bytes(reversed(out))


NEGENTROPY = b"\x61"
EVERYTHING = b"\x00\x00"  # an upper bound: no timestamp, no prefix


def below(prefix):
    """An upper bound: timestamp 0, spelt as one more than the one before (0), and a prefix of names."""
    return b"\x01" + negentropy_varint(len(prefix)) + prefix


def id_list(names):
    return b"\x02" + negentropy_varint(len(names)) + b"".join(names)


def fingerprint(names):
    total = sum(int.from_bytes(n, "little") for n in names) % 2**256
    digest = hashlib.sha256(total.to_bytes(32, "little") + negentropy_varint(len(names))).digest()
    return b"\x01" + digest[:16]
