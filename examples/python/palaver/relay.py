"""A relay without a socket: links, handshake, sessions and their ends (chapters 5 and 6)."""

import hashlib
import hmac
import ipaddress
import os
from dataclasses import dataclass, field

from . import ed25519, requests
from .codec import Fault, elements, encode, framed
from .conversation import Logs
from .link import Endpoint
from .names import well_formed
from .prekeys import Prekeys
from .rates import Bucket, Rates
from .registry import CONVERSATIONS, FRAMES, LIMIT_LIST, LIMITS, REASONS, ROLES, is_request
from .resume import Resumables
from .store import Store

DETACHING = ("idle_timeout", "slow_consumer", "storage_failed", "going_away")


@dataclass
class Config:
    """What a relay's owner may set; limits by their names in the registry."""

    name: str = "python"
    token: str = ""
    allowed: frozenset[bytes] | None = None
    operators: frozenset[bytes] = frozenset()
    permanent: tuple[str, ...] = ()
    limits: dict[str, int] = field(default_factory=dict)


@dataclass(eq=False)
class Session:
    """What a link carries from `ready` to its end; `joined` holds its memberships by conversation."""

    link: "RelayLink"
    number: int
    name: str
    key: bytes
    client_id: bytes
    role: int
    joined: dict = field(default_factory=dict)
    publishes: bool = False


class RelayLink(Endpoint):
    """The relay's end of one link."""

    role = "relay"

    def __init__(self, relay: "Relay", address: str, now: int):
        super().__init__(now)
        self.relay, self.address, self.opened_at = relay, address, now
        self.origin = _origin(address)
        self.session: Session | None = None
        self.hello = self.challenge = b""
        self.heard_since_ready = False
        self.taken_at = now
        self.rates = None

    def deadline(self) -> int | None:
        if self.state == "closed":
            return None
        limits = self.relay.limits
        if not self.session:
            return self.opened_at + limits["handshake_ms"]
        due = [self.heard_at + limits["idle_ms"]]
        due += [self.taken_at + limits["stall_ms"]] if self.out else []
        due += [self.held_until] if self.held_until is not None else []
        return min(due)

    def tick(self, now: int) -> None:
        limits, self.now = self.relay.limits, now
        if self.held_until is not None and now >= self.held_until:
            self.held_until = None
            self.heard_at = now
            return self.receive(b"", now)
        if self.session and self.out and now >= self.taken_at + limits["stall_ms"]:
            return self.close("slow_consumer")
        since = self.heard_at + limits["idle_ms"] if self.session else self.opened_at + limits["handshake_ms"]
        if now >= since:
            self.react("silence")

    def taken(self, size: int, now: int) -> None:
        """The transport took this many of the bytes that waited."""
        del self.out[:size]
        self.now = self.taken_at = now
        if self.session:
            self.relay.feed_all(self.session)

    def on_frame(self, data: bytes) -> None:
        if self.state == "expect_hello":
            first, *rest = elements(data)
            if first == FRAMES["hello"]["type"] and rest:
                versions = rest[0]
                if type(versions) is not list or any(type(v) is not int or v < 0 for v in versions):
                    raise Fault("bad_frame")
                if 1 not in versions:
                    return self.close("unsupported_version")
        self.heard_since_ready = self.session is not None
        super().on_frame(data)

    def react(self, what: str, fields: dict | None = None, data: bytes = b"") -> None:
        if self.rates and self.state == "open" and fields is not None:
            costs = self.rates.costs(what, fields, what in FRAMES and is_request(what))
            verdict, wait = self.rates.verdict(costs, self.now)
            if verdict == "close":
                return self.close("rate_exceeded")
            if verdict == "wait" or (verdict == "refuse" and what in ("ping", "cursor", "signal")):
                return self.hold(self.now + max(wait, 1), data)
            if verdict == "refuse":
                number = fields.get("conversation", 0)
                return requests.refuse(self.relay, self.session, fields, "rate_limited", number)
        super().react(what, fields, data)

    def on_hello(self, _hello: dict, data: bytes) -> None:
        self.hello = data
        relay = {"relayKey": self.relay.key, "relayName": self.relay.config.name}
        fields = {"version": 1, "capabilities": [], "nonce": self.relay.entropy(32), "address": self.address}
        self.challenge = encode("challenge", **fields, **relay)
        self.send_frame(framed(self.challenge))

    def on_auth(self, auth: dict, _data: bytes) -> None:
        self.relay.authenticate(self, auth)

    def on_resume(self, resume: dict, _data: bytes) -> None:
        self.relay.resume(self, resume)

    def on_ping(self, ping: dict, _data: bytes) -> None:
        number = ping["conversation"]
        self.relay.reply(self.session, number, "pong", nonce=ping["nonce"], conversation=number)

    def on_pong(self, _pong: dict, _data: bytes) -> None:
        pass

    def close(self, code: str, text: str = "", retry_ms: int = 0, reason: str = "removed") -> None:
        if self.session and self.state != "closed":
            self.relay.release_all(self.session, None if code in DETACHING else reason)
        super().close(code, text, retry_ms)

    def on_ended(self, close: dict | None) -> None:
        if self.session and not self.sent_close:
            self.relay.release_all(self.session, "closed" if close else None)
        self.relay.gone(self)

    def __getattr__(self, name: str):
        """Every request, `send` and `cursor` goes to the relay's requests."""
        if name.startswith("on_") and name[3:] in FRAMES:
            return lambda fields, _data: self.relay.handle(self.session, name[3:], fields)
        raise AttributeError(name)


class Relay(Logs):
    """All links of a relay. The caller moves bytes, and calls `tick` when `deadline` has come."""

    def __init__(self, config: Config, store: Store, entropy=os.urandom, wall_ms: int = 0, now: int = 0):
        self.config, self.store, self.entropy = config, store, entropy
        self.key = ed25519.public_key(store.seed)
        self.limits = LIMITS | config.limits
        self.now, self._wall = now, wall_ms - now
        self.links: list[RelayLink] = []
        self.sessions: dict[bytes, Session] = {}
        self.conversations: dict = {}
        self.resumables = Resumables()
        self.prekeys = Prekeys(self.limits)
        self.made = self._opened = 0
        self._origins: dict[str, Bucket] = {}
        for name in config.permanent:
            self.make(CONVERSATIONS["room"], name, permanent=True)

    def wall(self) -> int:
        return self._wall + self.now

    # --- links ------------------------------------------------------------------------------------------

    def open(self, address: str, now: int) -> RelayLink:
        self.now = now
        link = RelayLink(self, address, now)
        same = [other for other in self.links if link.origin and other.origin == link.origin]
        fresh = [other for other in same if not other.session]
        self.links.append(link)
        many = len(same) >= self.limits["links_per_address"]
        if many or len(fresh) >= self.limits["handshakes_per_address"] or not self._slow_enough(link.origin):
            link.close("too_many_links")
            return link
        waiting = [other for other in self.links if not other.session]
        if len(waiting) > self.limits["handshakes"]:
            waiting[0].close("too_many_links")
        return link

    def _slow_enough(self, origin: str | None) -> bool:
        """Whether the address may open one more link (PAL-SES-040)."""
        if origin is None:
            return True
        per_second, burst = self.limits["links_per_second"], self.limits["links_burst"]
        bucket = self._origins.setdefault(origin, Bucket(per_second, burst, self.now))
        if len(self._origins) > LIMITS["handshakes"]:
            full = [o for o, b in self._origins.items() if b.wait(burst, self.now) == 0 and o != origin]
            for other in full:
                del self._origins[other]
        if bucket.wait(1, self.now) > 0:
            return False
        bucket.take(1)
        return True

    def receive(self, link: RelayLink, data: bytes, now: int) -> None:
        self.now = now
        link.receive(data, now)
        self.cut_slow()

    def deadline(self) -> int | None:
        due = [at for link in self.links if (at := link.deadline()) is not None]
        ends = [m.detached_at for c in self.conversations.values() for m in c.members.values() if not m.session]
        return min(due + [at + self.limits["detached_ms"] for at in ends], default=None)

    def tick(self, now: int) -> None:
        self.now = now
        for link in list(self.links):
            due = link.deadline()
            if due is not None and now >= due:
                link.tick(now)
        for conversation in list(self.conversations.values()):
            for member in list(conversation.members.values()):
                if not member.session and now >= member.detached_at + self.limits["detached_ms"]:
                    self.remove(conversation, member, "left", value=REASONS["lost"])

    def gone(self, link: RelayLink) -> None:
        if link in self.links:
            self.links.remove(link)
        if link.session:
            self.sessions.pop(link.session.key, None)
            link.session = None

    def release_all(self, session: Session, reason: str | None) -> None:
        """Ends the memberships of a session, or without a reason detaches them (chapter 6.6)."""
        for number, member in list(session.joined.items()):
            conversation = self.conversations[number]
            if reason is None:
                self.detach(conversation, member)
            else:
                self.remove(conversation, member, "left", value=REASONS[reason])
        session.joined.clear()

    def feed_all(self, session: Session) -> None:
        for number, member in list(session.joined.items()):
            self.feed(self.conversations[number], member)

    def end(self, session: Session, code: str, reason: str = "removed") -> None:
        session.link.close(code, reason=reason)

    def handle(self, session: Session, name: str, fields: dict) -> None:
        requests.handle(self, session, name, fields)

    def cut_slow(self) -> None:
        """Ends sessions for which too much waits (PAL-SES-025, PAL-SES-035)."""
        sizes = {s.link: len(s.link.out) + _waiting(s) for s in self.sessions.values()}
        total = sum(sizes.values())
        for link in sorted(sizes, key=lambda link: sizes[link], reverse=True):
            if sizes[link] > self.limits["outbound_bytes"] or total > self.limits["outbound_total_bytes"]:
                total -= sizes[link]
                link.close("slow_consumer")

    # --- handshake --------------------------------------------------------------------------------------

    def authenticate(self, link: RelayLink, auth: dict) -> None:
        code = self._auth_refusal(link, auth)
        if code:
            return link.close(code)
        number, key, client_id = self.entropy(16), auth["key"], auth["clientId"]
        known = self.resumables.begin(number, key, client_id, auth["name"], self.now)
        self._admit(link, known, auth["signature"])

    def resume(self, link: RelayLink, resume: dict) -> None:
        known = self.resumables.find(resume["session"], self.now, self.limits["resume_ms"])
        if known is None:
            return link.close("cannot_resume")
        t = ed25519.transcript(b"", link.hello, link.challenge)
        message = ed25519.resume_message(t, resume["session"], resume["token"])
        if not ed25519.verify(known.key, message, resume["signature"]):
            return link.close("bad_signature")
        code = self.resumables.fault(known, resume["token"])
        if code == "session_revoked":
            self.resumables.forget(known)
            there = self.sessions.get(known.key)
            if there and there.client_id == known.client_id:
                self.end(there, code)
        code = code or ("banned" if self.banned(self.store.bans, known.key) else None)
        if self.config.allowed is not None and known.key not in self.config.allowed:
            code = code or "not_admitted"
        code = code or self._full(known.key)
        if code:
            return link.close(code)
        self._admit(link, known, resume["signature"])

    def _admit(self, link: RelayLink, known, signature: bytes) -> None:
        """Takes over, binds, sends `ready`, and brings what waits for the identity."""
        key, name = known.key, known.name
        older = self.sessions.get(key)
        if older and older.client_id == known.client_id:
            self.release_all(older, None)
        if older:
            self.end(older, "replaced", "replaced")
        self._end_detached(key, known.client_id)
        self.store.bind(name, key)
        self._opened += 1
        role = ROLES["relay_operator" if key in self.config.operators else "member"]
        session = Session(link, self._opened, name, key, known.client_id, role)
        link.session = self.sessions[key] = session
        token = self.entropy(32)
        self.resumables.give(known, token, link, self.now)
        self._send_ready(session, known.session, signature, token)
        link.rates = Rates(self.limits, self.now)
        link.taken_at = self.now
        self.open_mailbox(session)

    def _send_ready(self, session: Session, number: bytes, signature: bytes, token: bytes) -> None:
        link = session.link
        t = ed25519.transcript(b"", link.hello, link.challenge)
        message = ed25519.ready_message(t, signature, number, session.name)
        listed = [limit for limit in LIMIT_LIST if limit["scope"] == "relay"]
        limits = [{"id": limit["id"], "value": self.limits[limit["name"]]} for limit in listed]
        about = {"session": number, "name": session.name, "role": session.role, "time": self.wall()}
        signed = ed25519.sign(self.store.seed, message)
        link.send("ready", **about, limits=limits, signature=signed, token=token)
        link.deframer.limit = self.limits["frame_bytes"]

    def _end_detached(self, key: bytes, client_id: bytes) -> None:
        """Another installation of the identity is here now (PAL-SES-030)."""
        for conversation in list(self.conversations.values()):
            for member in list(conversation.members.values()):
                if not member.session and member.who.key == key and member.who.client_id != client_id:
                    self.remove(conversation, member, "left", value=REASONS["replaced"])

    def _auth_refusal(self, link: RelayLink, auth: dict) -> str | None:
        """The code of the first check of PAL-HSK-018 that fails."""
        key, name = auth["key"], auth["name"]
        if not well_formed(name):
            return "bad_name"
        if not self._admitted(auth):
            return "not_admitted"
        if self.banned(self.store.bans, key):
            return "banned"
        t = ed25519.transcript(b"", link.hello, link.challenge)
        message = ed25519.auth_message(t, name, key, auth["clientId"], auth["token"])
        if not ed25519.verify(key, message, auth["signature"]):
            return "bad_signature"
        if self.store.taken(name, key):
            return "name_taken"
        if not self.store.find(name):
            if self.store.names_of(key) >= self.limits["names_per_key"]:
                return "name_taken"
            if len(self.store.bindings) >= self.limits["names"]:
                return "relay_full"
        return self._full(key)

    def _full(self, key: bytes) -> str | None:
        full = len(self.sessions) >= self.limits["sessions"]
        return "relay_full" if full and key not in self.sessions else None

    def _admitted(self, auth: dict) -> bool:
        token, allowed = self.config.token, self.config.allowed
        if not token and allowed is None:
            return True
        digests = (hashlib.sha256(text.encode()).digest() for text in (token, auth["token"]))
        right = hmac.compare_digest(*digests) and bool(token)
        return right or (allowed is not None and auth["key"] in allowed)

    def banned(self, bans: dict[bytes, int], key: bytes) -> bool:
        """Whether a ban is in force; one whose time is over is forgotten."""
        until = bans.get(key)
        if until and until <= self.wall():
            del bans[key]
            return False
        return until is not None


def _waiting(session: Session) -> int:
    return sum(len(data) for member in session.joined.values() for _, data in member.waiting)


def _origin(address: str) -> str | None:
    """An IPv4 address or IPv6 /56, by which links are counted; None where the transport has none."""
    if address == "local":
        return None
    host = ipaddress.ip_address(address.rpartition(":")[0].strip("[]"))
    return str(host) if host.version == 4 else str(ipaddress.ip_network((host, 56), strict=False))
