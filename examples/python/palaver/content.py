"""What messages hold: text, and files in parts (chapter 7.7)."""

import hashlib
import os

from .codec import Fault, pack, sound
from .registry import KINDS, LIMITS


def text_of(body: bytes) -> str:
    """Text to show: what is not UTF-8, and what could steer a terminal, becomes U+FFFD."""
    shown = body.decode("utf-8", errors="replace")
    return "".join(c if c == "\n" or c.isprintable() else "\ufffd" for c in shown)


def text_body(text: str) -> bytes:
    body = text.encode("utf-8")
    if not 1 <= len(body) <= LIMITS["message_text_bytes"]:
        raise ValueError("empty or too long")
    return body


def parts(name: str, data: bytes, entropy=os.urandom) -> list[bytes]:
    """The bodies of kind `part` that carry a file."""
    if len(data) > LIMITS["file_bytes"]:
        raise ValueError("too long")
    size = LIMITS["part_bytes"]
    pieces = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
    same = name, len(data), hashlib.sha256(data).digest()
    file_id = entropy(16)
    return [pack([file_id, index, len(pieces), *same, piece]) for index, piece in enumerate(pieces)]


def safe_name(name: str) -> str:
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(c for c in last if c.isprintable()).lstrip(".") or "file"


class Files:
    """Puts files together. One sender's parts of one file; what does not fit is dropped."""

    TYPES = (bytes, int, int, str, int, bytes, bytes)

    def __init__(self):
        self._open: dict[tuple, tuple[list, int, bytearray]] = {}

    def part(self, sender: tuple, kind: int, body: bytes) -> tuple[str, bytes] | None:
        """Name and data of the file that this part completes."""
        part = _part(body) if kind == KINDS["part"] else None
        if part is None:
            return None
        file_id, index, same, piece = part[0], part[1], part[2:6], part[6]
        known, due, data = self._open.pop((sender, file_id), (same, 0, bytearray()))
        if known != same or index != due or len(data) + len(piece) > same[2]:
            return None
        data += piece
        if index + 1 == same[0]:
            fits = len(data) == same[2] and hashlib.sha256(data).digest() == same[3]
            return (safe_name(same[1]), bytes(data)) if fits else None
        if len(self._open) < 16:
            self._open[sender, file_id] = (same, due + 1, data)
        return None


def _part(body: bytes) -> list | None:
    try:
        part = sound(body)
    except Fault:
        return None
    if type(part) is not list or [type(x) for x in part[:7]] != list(Files.TYPES):
        return None
    file_id, index, count, name, size, digest, data = part[:7]
    bounds = len(file_id) == 16 and len(digest) == 32 and len(name.encode()) <= LIMITS["file_name_bytes"]
    bounds = bounds and 0 <= index < count and 0 <= size <= LIMITS["file_bytes"]
    return part[:7] if bounds and len(data) <= LIMITS["part_bytes"] else None
