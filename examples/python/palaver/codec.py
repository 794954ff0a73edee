"""Frames and bytes: chapter 3 (what a frame is) and chapter 4 (how a stream is cut into frames)."""

import math
import struct

from .registry import FRAME_OF_TYPE, FRAMES, LIMITS, RECORDS, range_of


class Fault(Exception):
    """What a peer sent breaks a rule; `code` is the name of the error code that ends the session."""

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


INTEGERS = {"u8": 2**8 - 1, "u16": 2**16 - 1, "u32": 2**32 - 1, "u53": 2**53 - 1}
_SCALARS = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q"}
_SCALARS |= {0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
_SIZED = {0xC4: (">B", "bin"), 0xC5: (">H", "bin"), 0xC6: (">I", "bin")}
_SIZED |= {0xD9: (">B", "str"), 0xDA: (">H", "str"), 0xDB: (">I", "str")}
_SIZED |= {0xDC: (">H", "list"), 0xDD: (">I", "list")}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}


class _Reader:
    """Reads sound MessagePack (chapter 3.2) and nothing else."""

    def __init__(self, data: bytes):
        self.data = data
        self.at = 0
        self.items = 0

    def take(self, size: int) -> bytes:
        if size > len(self.data) - self.at:
            raise Fault("bad_frame")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, layout: str):
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def value(self, depth: int):
        self.items += 1
        if self.items > LIMITS["items"]:
            raise Fault("bad_frame")
        first = self.take(1)[0]
        if first <= 0x7F:
            return first
        if first >= 0xE0:
            return first - 0x100
        if 0x90 <= first <= 0x9F:
            return self.list(first & 0x0F, depth)
        if 0xA0 <= first <= 0xBF:
            return self.text(first & 0x1F)
        if first in _CONSTANTS:
            return _CONSTANTS[first]
        if first in _SCALARS:
            number = self.number(_SCALARS[first])
            if isinstance(number, float) and not math.isfinite(number):
                raise Fault("bad_frame")
            return number
        if first in _SIZED:
            layout, family = _SIZED[first]
            size = self.number(layout)
            if family == "list":
                return self.list(size, depth)
            return self.text(size) if family == "str" else self.take(size)
        raise Fault("bad_frame")  # a map, an extension type or 0xc1

    def list(self, count: int, depth: int) -> list:
        if depth > LIMITS["nesting"] or count > len(self.data) - self.at:
            raise Fault("bad_frame")
        return [self.value(depth + 1) for _ in range(count)]

    def text(self, size: int) -> str:
        try:
            return self.take(size).decode("utf-8")
        except UnicodeDecodeError:
            raise Fault("bad_frame") from None


def sound(data: bytes):
    """The one value that these bytes are, if they are sound."""
    reader = _Reader(data)
    value = reader.value(1)
    if reader.at != len(data):
        raise Fault("bad_frame")
    return value


def elements(data: bytes) -> list:
    """The elements of a sound frame, the first of them a type from 1 to 127."""
    value = sound(data)
    if type(value) is not list or not value:
        raise Fault("bad_frame")
    if type(value[0]) is not int or not 1 <= value[0] <= 127:
        raise Fault("bad_frame")
    return value


def decode(data: bytes) -> tuple[str, dict]:
    """Name and fields of a frame; an unknown one to ignore is ("ignored", {"number": type})."""
    value = elements(data)
    frame = FRAME_OF_TYPE.get(value[0])
    if frame is None:
        if range_of(value[0])["unknown"] == "close":
            raise Fault("unknown_frame")
        return "ignored", {"number": value[0]}
    return frame["name"], _record(frame["fields"], value[1:])


def _record(fields: list[dict], value: list) -> dict:
    if len(value) < len(fields):
        raise Fault("bad_frame")
    return {field["name"]: _checked(field, part) for field, part in zip(fields, value)}


def _size(field: dict, low: str, high: str) -> tuple[int, float]:
    def number(bound):
        return LIMITS[bound] if isinstance(bound, str) else bound

    if "length" in field:
        return field["length"], field["length"]
    return number(field.get(low, 0)), number(field.get(high, math.inf))


def _checked(field: dict, value):
    """The value, if it has the field's type and is within its bounds."""
    kind = field["type"]
    if kind in INTEGERS:
        low, high = _size(field, "min", "max")
        fine = type(value) is int and low <= value <= min(high, INTEGERS[kind])
    elif kind == "bool":
        fine = type(value) is bool
    elif kind == "list":
        low, high = _size(field, "minCount", "maxCount")
        fine = type(value) is list and low <= len(value) <= high
        if fine:
            return [_element(field["of"], part) for part in value]
    else:
        low, high = _size(field, "minBytes", "max")
        fine = type(value) is (str if kind == "str" else bytes)
        fine = fine and low <= len(value.encode() if kind == "str" else value) <= high
    if not fine:
        raise Fault("bad_frame")
    return value


def _element(kind: str, value):
    if kind not in RECORDS:
        return _checked({"type": kind}, value)
    if type(value) is not list:
        raise Fault("bad_frame")
    return _record(RECORDS[kind]["fields"], value)


def pack(value) -> bytes:
    """The shortest MessagePack of an integer from 0, boolean, string, byte string or list."""
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        if value < 0x80:
            return bytes([value])
        return _shortest(value, ((0xCC, ">B"), (0xCD, ">H"), (0xCE, ">I"), (0xCF, ">Q")))
    if isinstance(value, str):
        data = value.encode("utf-8")
        return _head(len(data), 0xA0, 32, ((0xD9, ">B"), (0xDA, ">H"), (0xDB, ">I"))) + data
    if isinstance(value, bytes):
        return _shortest(len(value), ((0xC4, ">B"), (0xC5, ">H"), (0xC6, ">I"))) + value
    return _head(len(value), 0x90, 16, ((0xDC, ">H"), (0xDD, ">I"))) + b"".join(map(pack, value))


def _head(size: int, base: int, below: int, wider) -> bytes:
    return bytes([base + size]) if size < below else _shortest(size, wider)


def _shortest(number: int, forms) -> bytes:
    for first, layout in forms:
        if number < 256 ** struct.calcsize(layout):
            return bytes([first]) + struct.pack(layout, number)
    raise ValueError("number out of range")


def encode(name: str, /, **fields) -> bytes:
    """The bytes of a frame without length; a value out of bounds is the caller's mistake."""
    frame = FRAMES[name]
    return pack([frame["type"], *_plain(frame["fields"], fields)])


def _plain(fields: list[dict], given: dict) -> list:
    if {field["name"] for field in fields} != set(given):
        raise ValueError(f"fields are {[f['name'] for f in fields]}, not {list(given)}")
    result = []
    for field in fields:
        value = given[field["name"]]
        if field["type"] == "list" and field["of"] in RECORDS:
            value = [_plain(RECORDS[field["of"]]["fields"], part) for part in value]
        try:
            _checked(field, value)
        except Fault:
            raise ValueError(f"{field['name']} is out of bounds") from None
        result.append(value)
    return result


def framed(frame: bytes) -> bytes:
    """A frame as it goes on a stream: behind its length."""
    return struct.pack(">I", len(frame)) + frame


class Deframer:
    """Cuts a stream into frames, however the transport cuts it (chapter 4.1)."""

    def __init__(self):
        self.limit = LIMITS["handshake_frame_bytes"]
        self._buffer = bytearray()
        self._at = 0

    def push(self, data: bytes) -> None:
        del self._buffer[: self._at]
        self._at = 0
        self._buffer += data

    def rest(self) -> int:
        """Bytes of a frame that is not whole yet."""
        return len(self._buffer) - self._at

    def next(self) -> bytes | None:
        """The next whole frame, if there is one; raises Fault on a length that is not allowed."""
        if len(self._buffer) - self._at < 4:
            return None
        size = int.from_bytes(self._buffer[self._at : self._at + 4], "big")
        if size == 0:
            raise Fault("bad_frame")
        if size > self.limit:
            raise Fault("frame_too_large")
        if len(self._buffer) - self._at < 4 + size:
            return None
        self._at += 4 + size
        return bytes(self._buffer[self._at - size : self._at])
