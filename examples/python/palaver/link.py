"""What both ends of a link have in common: cutting, the reaction table, closing (chapters 4 and 6.1)."""

from .codec import Deframer, Fault, decode, encode, framed
from .registry import ERRORS, FRAMES, REACTIONS

_INPUT_OF_FAULT = {"bad_frame": "malformed", "frame_too_large": "oversized", "unknown_frame": "unknown_close"}


class Endpoint:
    """One end of one link, without a socket: bytes in, `out` to be sent, `ended` when the link is to end.

    Time is a number of milliseconds that the caller gives; `role` names a column of the reaction table.
    """

    role = ""

    def __init__(self, now: int, lanes: int = 1):
        self.now, self.lanes = now, lanes
        self.state = REACTIONS[self.role]["initial"]
        self.deframer = Deframer()
        self.out = bytearray()
        self.sent_close, self.sent_code = False, None
        self.ended = False
        self.heard_at = now
        self.held_until: int | None = None
        self._held = b""

    def hold(self, until: int, frame: bytes) -> None:
        """Keeps a frame that comes too soon, and stops reading (PAL-SES-036)."""
        self.held_until, self._held = until, frame

    def receive(self, data: bytes, now: int) -> None:
        """Acts on every whole frame in what has come so far."""
        self.now = now
        if self.state == "closed":
            return
        self.deframer.push(data)
        while self.state != "closed" and self.held_until is None:
            try:
                frame, self._held = self._held or self.deframer.next(), b""
                if frame is None:
                    return
                self.heard_at = now
                self.on_frame(frame)
            except Fault as fault:
                self.react(_INPUT_OF_FAULT.get(fault.code, fault.code))

    def on_frame(self, data: bytes) -> None:
        name, fields = decode(data)
        self.react("unknown_ignore" if name == "ignored" else name, fields, data)

    def react(self, what: str, fields: dict | None = None, data: bytes = b"") -> None:
        """Does what the table says about an input in this state (PAL-SES-001 to 004)."""
        verb, _, more = REACTIONS[self.role]["rows"][what][self.state].replace(">", ":").partition(":")
        if verb == "close":
            self.close(more)
        elif verb == "accept" and what in ("close", "link_end"):
            self.state, self.ended = "closed", True
            self.on_ended(fields)
        elif verb == "accept":
            getattr(self, f"on_{what}")(fields, data)
            if self.state != "closed":
                self.state = more

    def lane_of(self, name: str, fields: dict) -> int:
        """The lane of a frame (chapter 4.2)."""
        number = fields.get("conversation", 0)
        if self.lanes == 1 or FRAMES[name]["lane"] == "control" or number == 0:
            return 0
        return 2 + number % (self.lanes - 2)

    def send(self, name: str, /, **fields) -> None:
        self.send_frame(framed(encode(name, **fields)), self.lane_of(name, fields))

    def send_frame(self, data: bytes, lane: int = 0) -> None:
        if not self.sent_close and not self.ended:
            self.write(data, lane)

    def write(self, data: bytes, _lane: int) -> None:
        self.out += data

    def close(self, code: str, text: str = "", retry_ms: int = 0) -> None:
        """Sends `close` as the last frame; the link ends when the peer ends it or after linger_ms."""
        if self.state == "closed":
            return
        self.send("close", code=ERRORS[code], text=text, retryMs=retry_ms)
        self.state, self.sent_close, self.sent_code = "closed", True, ERRORS[code]
        self.on_ended(None)

    def link_ended(self, now: int) -> None:
        self.now = now
        self.react("link_end")
        self.ended = True

    def on_ended(self, close: dict | None) -> None:
        """Called once: `close` is the peer's last frame, if it sent one."""
