"""Checks this implementation against the vectors of the specification: python3 -m palaver.vectors"""

import json
import sys
from pathlib import Path

from . import ed25519, names
from .codec import Deframer, Fault, decode

FOLDER = Path(__file__).resolve().parents[3] / "spec" / "vectors"


def unhex(text: str) -> bytes:
    """Bytes of the vectors' hexadecimal, in which `xx*count` is a run."""
    data = b""
    for piece in text.split():
        byte, _, count = piece.partition("*")
        data += bytes.fromhex(byte) * int(count or 1)
    return data


def plain(value, expected):
    """A decoded value as the vectors write it."""
    if isinstance(value, bytes):
        return expected if isinstance(expected, str) and unhex(expected) == value else value.hex()
    if isinstance(value, list) and isinstance(expected, list) and len(value) == len(expected):
        return [plain(part, other) for part, other in zip(value, expected)]
    if isinstance(value, dict) and isinstance(expected, dict):
        return {key: plain(part, expected.get(key)) for key, part in value.items()}
    return value


def frame(vector: dict) -> bool:
    expected = vector["frame"] if vector["valid"] else {"fault": vector["fault"]}
    try:
        name, fields = decode(unhex(vector["hex"]))
        return plain({"type": name, **fields}, expected) == expected
    except Fault as fault:
        return {"fault": fault.code} == expected


def stream(vector: dict) -> bool:
    deframer, found, fault = Deframer(), [], None
    deframer.limit = vector["limit"]
    try:
        for chunk in vector["chunks"]:
            deframer.push(unhex(chunk))
            while (data := deframer.next()) is not None:
                found.append(data)
    except Fault as caught:
        fault = caught.code
    return (found, fault) == ([unhex(text) for text in vector["frames"]], vector.get("fault"))


def handshake(vector: dict) -> bool:
    if vector["kind"] == "signature":
        parts = (unhex(vector[name]) for name in ("key", "message", "signature"))
        return ed25519.verify(*parts) == vector["valid"]
    given = {k: v if k in ("name", "token", "nameGiven") else unhex(v) for k, v in vector["input"].items()}
    client, relay = given["clientSeed"], given["relaySeed"]
    key = ed25519.public_key(client)
    t = ed25519.transcript(given["binding"], given["hello"], given["challenge"])
    auth = ed25519.auth_message(t, given["name"], key, given["clientId"], given["token"])
    signature = ed25519.sign(client, auth)
    ready = ed25519.ready_message(t, signature, given["session"], given["nameGiven"])
    made = {"clientKey": key, "relayKey": ed25519.public_key(relay), "transcript": t, "authMessage": auth}
    made |= {"authSignature": signature, "readyMessage": ready, "readySignature": ed25519.sign(relay, ready)}
    return made == {name: unhex(text) for name, text in vector["output"].items()}


def name(vector: dict) -> bool:
    """Only ASCII: this implementation knows no other names."""
    if vector["kind"] == "pair":
        a, b = vector["a"], vector["b"]
        if not (a + b).isascii():
            return True
        same = names.folded(a) == names.folded(b)
        alike = any(x == y for x, y in zip(names.likeness(a), names.likeness(b)))
        return (same, alike) == (vector["same"], vector["alike"])
    kind = "name" if vector["kind"] == "name" else "room_name"
    return names.well_formed(vector["input"], kind) == (vector["valid"] and vector["input"].isascii())


def main() -> int:
    files = [(path, frame) for path in sorted((FOLDER / "frames").glob("*.json"))]
    files += [(FOLDER / f"{check.__name__}.json", check) for check in (stream, handshake)]
    files.append((FOLDER / "names.json", name))
    counts = {}
    for path, check in files:
        for number, vector in enumerate(json.loads(path.read_text("utf-8"))):
            counts[check.__name__] = counts.get(check.__name__, 0) + 1
            if not check(vector):
                print(f"fails: {path.name} {number} {vector['name'] if 'name' in vector else vector}")
                counts["failed"] = counts.get("failed", 0) + 1
    print(json.dumps(counts))
    return 1 if "failed" in counts else 0


if __name__ == "__main__":
    sys.exit(main())
