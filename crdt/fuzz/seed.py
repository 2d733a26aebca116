#!/usr/bin/env python3
"""Makes the corpora to start from: `corpus/<target>/seed-*`, from crdt/fixtures."""

import hashlib
import io
import pathlib
import zipfile

HERE = pathlib.Path(__file__).parent
FIXTURES = HERE.parent / "fixtures"
# As in the target.
NAMES = ["Positions", "Education", "Certifications", "Skills", "Languages", "Projects", "Profile", "Connections",
         "Endorsement_Received_Info", "Recommendations_Received", "Publications"]


def seed(target, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"seed-{hashlib.sha256(data).hexdigest()[:12]}").write_bytes(data)


def counted(data):
    """Bytes as `Input::bytes` takes them."""
    return len(data).to_bytes(2, "little") + data


for path in (FIXTURES / "vcf").glob("*.vcf"):
    seed("vcard", path.read_bytes())

whole = io.BytesIO()
with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
    for number, name in enumerate(NAMES):
        content = (FIXTURES / "linkedin" / f"{name}.csv").read_bytes()
        archive.writestr(zipfile.ZipInfo(f"{name}.csv"), content, zipfile.ZIP_DEFLATED)
        seed("linkedin", bytes([2, number]) + content)
        seed("linkedin", bytes([2, 11]) + content)
        seed("linkedin", bytes([2, number]) + content.decode("cp1252").encode("utf-16"))
        seed("linkedin", bytes([0, 1, number % 2, number]) + counted(content) + bytes([0, 3]) + counted(content))
seed("linkedin", b"\1" + whole.getvalue())

DATES = ["2014", "2014-04", "2014-04-01", "2014-04-01T10:00", "2014-04-01T10:00:30", "2014-04-01T10:00Z",
         "2014-04-01T10:00+02:00", "2014-04-01T10:00-18:00", "2014-04-01T10:00[Europe/Paris]", "2016-02-29", "9999-12-31"]
for one, other in zip(DATES, DATES[1:]):
    seed("dates", bytes(8) + counted(one.encode()) + other.encode())

# Moves of `documents`: honest payloads; damage; sound changes of objects, deletions and scalars.
seed("documents", bytes([0] + [0, 1, 0, 2, 0, 3, 0, 4, 0, 5]))
seed("documents", bytes([3, 1, 0, 20, 0, 2, 1]))
seed("documents", bytes([0, 1, 1, 0, 40, 0, 2, 255, 1, 2, 0, 60, 0, 2, 1]))
for key in range(26):
    for action in (0, 1, 3):
        seed("documents", bytes([0, 5, 1, 1, 0, key, action, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 9, 0, 0, 10, 1, 1]))
        if key % 3 == 0:
            seed("documents", bytes([0, 8, 2, 0, 1, 4, key, action] + [255] * 8 + [9, 1, 0, 65, 9, 1, 0, 0, 1]))
seed("documents", bytes([0, 10, 1, 1, 1, 9, 11, 1, 10, 0, 11, 0, 9, 0, 0]))
