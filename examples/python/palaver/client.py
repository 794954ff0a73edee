"""The client: handshake, rooms, direct conversations, messages (chapters 5 to 9), without a socket."""

import os
from dataclasses import dataclass, field

from . import ed25519
from .codec import Deframer, Fault, decode, encode, framed
from .link import Endpoint
from .registry import ERROR_OF_CODE, EVENTS, FRAMES, LIMIT_LIST, LIMITS, OPTIONS, is_request

REQUESTS = tuple(name for name in FRAMES if is_request(name))
ANSWERED = {"join", "direct", "follow", "fetch", "who", "list", "whois", "publish", "claim"}
WITHOUT_ANSWER = tuple(set(REQUESTS) - ANSWERED)
ENDS = (EVENTS["left"], EVENTS["kicked"], EVENTS["banned"])


class Refused(Exception):
    """The client itself does not send this: it would break a rule."""


@dataclass
class Conversation:
    """A conversation the client is in: its own alias, the last `seq`, and what is under way."""

    number: int
    kind: int
    name: str
    alias: int
    seq: int
    ref: int
    log: bytes
    under_way: dict[int, int] = field(default_factory=dict)
    refused: int | None = None


class Client(Endpoint):
    """One session. `events` holds what happened, as (name, fields), until the caller takes it."""

    role = "client"

    def __init__(
        self, name, seed, now=0, *, client_id, token="", pin=None, binding=b"", lanes=1, entropy=os.urandom
    ):
        super().__init__(now, lanes)
        self.other_lanes: dict[int, Deframer] = {}
        self.early: list[tuple[int, bytes]] = []
        self.name, self.seed, self.token = name, seed, token
        self.client_id, self.pin, self.binding = client_id, pin, binding
        self.key = ed25519.public_key(seed)
        self.limits = dict(LIMITS)
        self.conversations: dict[int, Conversation] = {}
        self.requests: dict[int, tuple[str, dict]] = {}
        self.held: list[tuple[str, dict]] = []
        self.unanswered: set[tuple[int, int]] = set()
        self.fences: set[tuple[int, int]] = set()
        self.events: list[tuple[str, dict]] = []
        self.opened_at, self.sent_at, self.ping_at, self.counter = now, now, None, 0
        nonce = entropy(32)
        self.hello = encode("hello", versions=[1], capabilities=[], nonce=nonce, agent="palaver-python/1")
        self.send_frame(framed(self.hello))

    def receive_on(self, lane: int, data: bytes, now: int) -> None:
        """Bytes of any lane; those of other lanes than 0 wait for the session (chapter 4.2)."""
        if self.state not in ("open", "closed") and lane != 0:
            self.early.append((lane, data))
            if sum(len(kept) for _, kept in self.early) > LIMITS["frame_bytes"] * 4:
                self.close("bad_frame")
            return
        control, own = self.deframer, self.other_lanes.setdefault(lane, Deframer())
        self.deframer = control if lane == 0 else own
        self.deframer.limit = LIMITS["frame_bytes"] if self.state == "open" else self.deframer.limit
        self.receive(data, now)
        self.deframer = control
        while self.state == "open" and self.early:
            self.receive_on(*self.early.pop(0), now)

    def send_frame(self, data: bytes, lane: int = 0) -> None:
        self.sent_at = self.now
        super().send_frame(data, lane)

    # --- time -------------------------------------------------------------------------------------------

    def deadline(self) -> int | None:
        """When `tick` has something to do."""
        if self.state == "closed":
            return None
        if self.state != "open":
            return self.opened_at + LIMITS["handshake_ms"]
        if self.ping_at is not None:
            return self.ping_at + LIMITS["pong_ms"]
        quiet_since = min(self.heard_at, self.sent_at)
        return quiet_since + min(LIMITS["ping_ms"], self.limits["idle_ms"] // 2)

    def tick(self, now: int) -> None:
        self.now = now
        if self.state == "open" and self.ping_at is not None and self.heard_at >= self.ping_at:
            self.ping_at = None
        deadline = self.deadline()
        if deadline is None or now < deadline:
            return
        if self.state != "open" or self.ping_at is not None:
            self.react("silence")
        else:
            self.ping_at = now
            self.fence(0)

    # --- handshake --------------------------------------------------------------------------------------

    def on_challenge(self, challenge: dict, data: bytes) -> None:
        self.relay_key = challenge["relayKey"]
        if challenge["version"] != 1:
            return self.close("unsupported_version")
        if challenge["capabilities"]:
            return self.close("bad_frame")
        if self.pin is not None and self.pin != self.relay_key:
            return self.close("bad_signature")
        self.transcript = ed25519.transcript(self.binding, self.hello, data)
        message = ed25519.auth_message(self.transcript, self.name, self.key, self.client_id, self.token)
        self.signature = ed25519.sign(self.seed, message)
        proof = {"clientId": self.client_id, "token": self.token, "signature": self.signature}
        self.send("auth", name=self.name, key=self.key, **proof)

    def on_ready(self, ready: dict, _data: bytes) -> None:
        message = ed25519.ready_message(self.transcript, self.signature, ready["session"], ready["name"])
        if not ed25519.verify(self.relay_key, message, ready["signature"]):
            return self.close("bad_signature")
        self.name = ready["name"]
        announced = {limit["id"]: limit["value"] for limit in ready["limits"]}
        for limit in LIMIT_LIST:
            if limit["scope"] == "relay" and limit["id"] in announced:
                self.limits[limit["name"]] = announced[limit["id"]]
        self.deframer.limit = LIMITS["frame_bytes"]
        self.pin = self.relay_key
        self.tell("ready", ready)

    # --- what the caller does ---------------------------------------------------------------------------

    def request(self, name: str, /, **fields) -> int:
        """Sends a request (join, leave, who, kick, ...) and gives its number."""
        if self.state != "open" or not is_request(name):
            raise Refused(name)
        number = self.next_number()
        self.requests[number] = name, fields
        if name in ("join", "direct"):
            self.held.append((name, {"request": number, **fields}))
            self.let_go()
        else:
            self.submit(name, request=number, **fields)
        return number

    def let_go(self) -> None:
        """What begins a membership waits until nothing is under way in one that is over (chapter 7.7)."""
        leaving = [fields["conversation"] for name, fields in self.requests.values() if name == "leave"]
        ending = [self.conversations[number] for number in leaving if number in self.conversations]
        while self.held and not self.unanswered and not any(each.under_way for each in ending):
            name, fields = self.held.pop(0)
            self.submit(name, **fields)

    def forget(self, number: int) -> None:
        """The client is no longer in a conversation; what it sent there is still answered."""
        conversation = self.conversations.pop(number, None)
        self.unanswered.update((number, ref) for ref in (conversation.under_way if conversation else ()))

    def message(self, number: int, kind: int, body: bytes) -> int:
        """Sends a message and gives its ref; Refused when the window is used up (chapter 7.6)."""
        conversation = self.conversations.get(number)
        if self.state != "open" or conversation is None or conversation.refused is not None:
            raise Refused("not now")
        waiting = conversation.under_way
        if len(waiting) >= LIMITS["unacknowledged_sends"]:
            raise Refused("too many under way")
        if waiting and sum(waiting.values()) + len(body) > LIMITS["unacknowledged_bytes"]:
            raise Refused("too many bytes under way")
        if len(body) > self.limits["body_bytes"]:
            raise Refused("too long")
        ref = conversation.ref + 1
        self.submit("send", conversation=number, ref=ref, kind=kind, body=body)
        conversation.ref = ref
        waiting[ref] = len(body)
        return ref

    def fence(self, conversation: int) -> int:
        """Sends a ping; the event "pong" with the number given comes after its effects."""
        nonce = self.next_number()
        self.fences.add((nonce, conversation))
        self.send("ping", nonce=nonce, conversation=conversation)
        return nonce

    def submit(self, name: str, /, **fields) -> None:
        data = encode(name, **fields)
        if len(data) > self.limits["frame_bytes"]:
            raise Refused("longer than the relay takes")
        self.send_frame(framed(data), self.lane_of(name, fields))

    def next_number(self) -> int:
        while True:
            self.counter = self.counter % 0xFFFFFFFF + 1
            if self.counter not in self.requests:
                return self.counter

    def tell(self, name: str, fields: dict) -> None:
        self.events.append((name, fields))

    # --- what comes -------------------------------------------------------------------------------------

    def answer(self, names: tuple[str, ...], fields: dict, last: bool = True) -> None:
        """Tells the answer to an open request of one of these names, and closes it with the last one."""
        request = self.requests.get(fields["request"])
        if request is None or request[0] not in names:
            return
        if last:
            del self.requests[fields["request"]]
        self.tell(f"{request[0]}_answer", fields)

    def on_joined(self, joined: dict, _data: bytes) -> None:
        number = joined["conversation"]
        name, asked = self.requests.get(joined["request"], ("", {}))
        known = self.conversations.get(number)
        if known is None or known.log != joined["log"]:
            part = {key: joined[key] for key in ("kind", "name", "alias", "seq", "ref", "log")}
            self.conversations[number] = Conversation(number, **part)
        elif name in ("join", "follow"):
            known.seq = joined["seq"]
        self.tell("joined", joined)
        self.answer(("join", "direct", "follow"), joined, not asked.get("options", 0) & OPTIONS["members"])

    def on_members(self, members: dict, _data: bytes) -> None:
        name = self.requests.get(members["request"], ("",))[0]
        self.answer(("who", "join"), members, name == "who" or not members["more"])

    def on_rooms(self, rooms: dict, _data: bytes) -> None:
        self.answer(("list",), rooms)

    def on_identity(self, identity: dict, _data: bytes) -> None:
        self.answer(("whois",), identity)

    def on_stock(self, stock: dict, _data: bytes) -> None:
        self.answer(("publish",), stock)

    def on_bundle(self, bundle: dict, _data: bytes) -> None:
        self.answer(("claim",), bundle)

    def on_ok(self, ok: dict, _data: bytes) -> None:
        name, fields = self.requests.get(ok["request"], ("", {}))
        if name == "leave":
            self.forget(fields["conversation"])
        self.answer(WITHOUT_ANSWER, ok)
        self.let_go()

    def on_error(self, error: dict, _data: bytes) -> None:
        if error["request"]:
            self.answer(REQUESTS, error)
            return self.let_go()
        self.unanswered.discard((error["conversation"], error["ref"]))
        conversation = self.conversations.get(error["conversation"])
        if conversation and conversation.under_way.pop(error["ref"], None) is not None:
            if conversation.refused is None:
                conversation.refused = error["ref"]
            self.send_on(conversation)
            self.tell("refused", error)
        self.let_go()

    def send_on(self, conversation: Conversation) -> None:
        """After a refusal, when all is answered: the next message takes the ref that was refused."""
        if conversation.refused is not None and not conversation.under_way:
            conversation.ref, conversation.refused = conversation.refused - 1, None

    def entry(self, fields: dict) -> Conversation | None:
        """The conversation of an entry, if it is the next one there; all else ends the session."""
        conversation = self.conversations.get(fields["conversation"])
        if conversation is None or fields["seq"] != conversation.seq + 1:
            self.close("bad_frame")
            return None
        conversation.seq += 1
        return conversation

    def on_message(self, message: dict, _data: bytes) -> None:
        conversation = self.entry(message)
        if conversation is None:
            return
        if message["sender"] == conversation.alias:
            conversation.under_way.pop(message["ref"], None)
            self.send_on(conversation)
            self.let_go()
        self.tell("message", message)

    def on_event(self, event: dict, _data: bytes) -> None:
        conversation = self.entry(event)
        if conversation is None:
            return
        if event["kind"] in ENDS and event["subject"] == conversation.alias:
            self.forget(event["conversation"])
        if event["kind"] in EVENTS.values():
            self.tell("event", event)

    def on_gap(self, gap: dict, _data: bytes) -> None:
        conversation = self.conversations.get(gap["conversation"])
        if conversation and gap["from"] == conversation.seq + 1 and gap["to"] >= gap["from"]:
            conversation.seq = gap["to"]
            self.tell("gap", gap)

    def on_ack(self, ack: dict, _data: bytes) -> None:
        conversation = self.conversations.get(ack["conversation"])
        if conversation and conversation.under_way.pop(ack["ref"], None) is not None:
            self.send_on(conversation)
            self.let_go()
        self.tell("ack", ack)

    def on_senders(self, senders: dict, _data: bytes) -> None:
        self.tell("senders", senders)

    def on_history(self, history: dict, _data: bytes) -> None:
        if history["request"] not in self.requests:
            return
        self.check_page(history)
        if self.state == "open":
            self.answer(("fetch",), history)

    def check_page(self, history: dict) -> None:
        """Entries of a page are sound entries of the conversation in their order (PAL-ROM-055)."""
        deframer, last = Deframer(), 0
        deframer.limit = LIMITS["frame_bytes"]
        deframer.push(history["entries"])
        while (data := deframer.next()) is not None:
            name, fields = decode(data)
            fine = name in ("message", "event") and fields["conversation"] == history["conversation"]
            if not fine or fields["seq"] <= last:
                raise Fault("bad_frame")
            last = fields["seq"]
        if deframer.rest():
            raise Fault("bad_frame")

    def on_notice(self, notice: dict, _data: bytes) -> None:
        self.tell("notice", notice)

    def on_signalled(self, _signal: dict, _data: bytes) -> None:
        """This client offers no capability, and takes no signals (PAL-SIG-009)."""

    def on_ping(self, ping: dict, _data: bytes) -> None:
        self.send("pong", nonce=ping["nonce"], conversation=ping["conversation"])

    def on_pong(self, pong: dict, _data: bytes) -> None:
        fence = pong["nonce"], pong["conversation"]
        if fence in self.fences:
            self.fences.remove(fence)
            self.tell("pong", pong)

    def on_ended(self, close: dict | None) -> None:
        by = "peer" if close else "local" if self.sent_close else "link"
        code = close["code"] if close else self.sent_code
        retry = ERROR_OF_CODE.get(code, {"retry": "later"})["retry"] if close else "now"
        self.tell("ended", {"by": by, "code": code, "close": close, "retry": retry})
