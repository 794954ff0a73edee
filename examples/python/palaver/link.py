"""What both ends of a link have in common: cutting, the reaction table, closing (chapters 4 and 6.1)."""

from .codec import Deframer, Fault, decode, encode, framed
from .registry import ERRORS, REACTIONS

_INPUT_OF_FAULT = {"bad_frame": "malformed", "frame_too_large": "oversized", "unknown_frame": "unknown_close"}


class Endpoint:
    """One end of one link, without a socket: bytes in, `out` to be sent, `ended` when the link is to end.

    Time is a number of milliseconds that the caller gives; `role` names a column of the reaction table.
    """

    role = ""

    def __init__(self, now: int):
        self.now = now
        self.state = REACTIONS[self.role]["initial"]
        self.deframer = Deframer()
        self.out = bytearray()
        self.sent_close = False
        self.ended = False
        self.heard_at = now

    def receive(self, data: bytes, now: int) -> None:
        """Acts on every whole frame in what has come so far."""
        self.now = now
        if self.state == "closed":
            return
        self.deframer.push(data)
        while self.state != "closed":
            try:
                frame = self.deframer.next()
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

    def send(self, name: str, /, **fields) -> None:
        self.send_frame(framed(encode(name, **fields)))

    def send_frame(self, data: bytes) -> None:
        if not self.sent_close and not self.ended:
            self.out += data

    def close(self, code: str, text: str = "", retry_ms: int = 0) -> None:
        """Sends `close` as the last frame; the link ends when the peer ends it or after linger_ms."""
        if self.state == "closed":
            return
        self.send("close", code=ERRORS[code], text=text, retryMs=retry_ms)
        self.state, self.sent_close = "closed", True
        self.on_ended(None)

    def link_ended(self, now: int) -> None:
        self.now = now
        self.react("link_end")
        self.ended = True

    def on_ended(self, close: dict | None) -> None:
        """Called once: `close` is the peer's last frame, if it sent one."""
