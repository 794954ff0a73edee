"""A relay without a socket: who is there, rooms, direct conversations, moderation (chapters 5 to 10)."""

import hashlib
import hmac
import ipaddress
import os
from dataclasses import dataclass, field

from . import ed25519
from .codec import Fault, elements, encode, framed
from .link import Endpoint
from .moderation import MODERATION, moderate
from .names import folded, likeness, well_formed
from .registry import CONVERSATIONS, ERROR_OF_CODE, ERRORS, EVENTS, FRAMES, LIMIT_LIST, LIMITS, OPTIONS
from .registry import REASONS, ROLES
from .store import Store

PAGE = {name: FRAMES[name]["fields"][at]["maxCount"] for name, at in (("members", 2), ("rooms", 1))}


class Refusal(Exception):
    """A request or message is refused with the error code named."""


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
class Member:
    """A session in a conversation."""

    session: "Session"
    alias: int
    role: int
    ref: int = 0

    def record(self) -> dict:
        return {"alias": self.alias, "name": self.session.name, "key": self.session.key, "role": self.role}


@dataclass(eq=False)
class Conversation:
    """A log and its members, by alias; `peers` are the (key, name) pairs of a direct one."""

    number: int
    kind: int
    name: str
    limit: int
    permanent: bool = False
    peers: list[tuple[bytes, str]] = field(default_factory=list)
    seq: int = 0
    last_alias: int = 0
    topic: str = ""
    locked: bool = False
    members: dict[int, Member] = field(default_factory=dict)
    bans: dict[bytes, int] = field(default_factory=dict)

    def member(self, key: bytes) -> Member | None:
        return next((m for m in self.members.values() if m.session.key == key), None)


@dataclass(eq=False)
class Session:
    """What a link carries from `ready` to its end."""

    link: "RelayLink"
    number: int
    name: str
    key: bytes
    role: int
    joined: dict[int, Member] = field(default_factory=dict)


class RelayLink(Endpoint):
    """The relay's end of one link."""

    role = "relay"

    def __init__(self, relay: "Relay", address: str, now: int):
        super().__init__(now)
        self.relay, self.address, self.opened_at = relay, address, now
        self.origin = _origin(address)
        self.session: Session | None = None
        self.hello = self.challenge = b""
        self.reason = "removed"

    def deadline(self) -> int | None:
        if self.state == "closed":
            return None
        limits = self.relay.limits
        return self.heard_at + limits["idle_ms"] if self.session else self.opened_at + limits["handshake_ms"]

    def on_frame(self, data: bytes) -> None:
        if self.state == "expect_hello":
            first, *rest = elements(data)
            if first == FRAMES["hello"]["type"] and rest:
                versions = rest[0]
                if type(versions) is not list or any(type(v) is not int or v < 0 for v in versions):
                    raise Fault("bad_frame")
                if 1 not in versions:
                    return self.close("unsupported_version")
        super().on_frame(data)

    def on_hello(self, _hello: dict, data: bytes) -> None:
        self.hello = data
        relay = {"relayKey": self.relay.key, "relayName": self.relay.config.name}
        fields = {"version": 1, "capabilities": [], "nonce": self.relay.entropy(32), "address": self.address}
        self.challenge = encode("challenge", **fields, **relay)
        self.send_frame(framed(self.challenge))

    def on_auth(self, auth: dict, _data: bytes) -> None:
        self.relay.authenticate(self, auth)

    def on_ping(self, ping: dict, _data: bytes) -> None:
        self.send("pong", nonce=ping["nonce"], conversation=ping["conversation"])

    def on_pong(self, _pong: dict, _data: bytes) -> None:
        pass

    def on_ended(self, close: dict | None) -> None:
        self.relay.gone(self, "closed" if close else "lost")

    def __getattr__(self, name: str):
        """Every request and `send` goes to the relay's method of that name."""
        if name.startswith("on_") and name[3:] in FRAMES:
            return lambda fields, _data: self.relay.handle(self.session, name[3:], fields)
        raise AttributeError(name)


class Relay:
    """All links of a relay. The caller moves bytes, and calls `tick` when `deadline` has come."""

    def __init__(self, config: Config, store: Store, entropy=os.urandom, wall_ms: int = 0, now: int = 0):
        self.config, self.store, self.entropy = config, store, entropy
        self.key = ed25519.public_key(store.seed)
        self.limits = LIMITS | config.limits
        self.now, self._wall = now, wall_ms - now
        self.links: list[RelayLink] = []
        self.sessions: dict[bytes, Session] = {}
        self.conversations: dict[int, Conversation] = {}
        self._sessions_opened = self._conversations_opened = 0
        for name in config.permanent:
            self._new(CONVERSATIONS["room"], name, permanent=True)

    def wall(self) -> int:
        return self._wall + self.now

    # --- links ------------------------------------------------------------------------------------------

    def open(self, address: str, now: int) -> RelayLink:
        self.now = now
        link = RelayLink(self, address, now)
        same = [other for other in self.links if link.origin and other.origin == link.origin]
        fresh = [other for other in same if not other.session]
        self.links.append(link)
        if len(same) >= self.limits["links_per_address"] or len(fresh) >= self.limits["handshakes_per_address"]:
            link.close("too_many_links")
            return link
        waiting = [other for other in self.links if not other.session]
        if len(waiting) > self.limits["handshakes"]:
            waiting[0].close("too_many_links")
        return link

    def receive(self, link: RelayLink, data: bytes, now: int) -> None:
        self.now = now
        link.receive(data, now)

    def deadline(self) -> int | None:
        return min((due for link in self.links if (due := link.deadline()) is not None), default=None)

    def tick(self, now: int) -> None:
        self.now = now
        for link in list(self.links):
            due = link.deadline()
            if due is not None and now >= due:
                link.now = now
                link.react("silence")

    def gone(self, link: RelayLink, reason: str) -> None:
        """The link is closed: the session and its memberships end, for a reason of the table."""
        if link in self.links:
            self.links.remove(link)
        session, link.session = link.session, None
        if session is None:
            return
        del self.sessions[session.key]
        if link.sent_close:
            reason = link.reason
        for number in list(session.joined):
            self.remove(self.conversations[number], session, "left", value=REASONS[reason])

    def end(self, session: Session, code: str, reason: str = "removed") -> None:
        session.link.reason = reason
        session.link.close(code)

    # --- handshake --------------------------------------------------------------------------------------

    def authenticate(self, link: RelayLink, auth: dict) -> None:
        code = self._refusal(link, auth)
        if code:
            return link.close(code)
        key, name = auth["key"], auth["name"]
        older = self.sessions.get(key)
        if older:
            self.end(older, "replaced", "replaced")
        self.store.bind(name, key)
        self._sessions_opened += 1
        role = ROLES["relay_operator" if key in self.config.operators else "member"]
        link.session = self.sessions[key] = Session(link, self._sessions_opened, name, key, role)
        number = self.entropy(16)
        t = ed25519.transcript(b"", link.hello, link.challenge)
        signature = ed25519.sign(self.store.seed, ed25519.ready_message(t, auth["signature"], number, name))
        listed = [limit for limit in LIMIT_LIST if limit["scope"] == "relay"]
        limits = [{"id": limit["id"], "value": self.limits[limit["name"]]} for limit in listed]
        about = {"session": number, "name": name, "role": role, "time": self.wall(), "limits": limits}
        link.send("ready", **about, signature=signature)
        link.deframer.limit = self.limits["frame_bytes"]

    def _refusal(self, link: RelayLink, auth: dict) -> str | None:
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

    # --- entries ----------------------------------------------------------------------------------------

    def entry(self, conversation: Conversation, name: str, /, **fields) -> None:
        """Makes the next entry of a log: the same bytes for every member."""
        conversation.seq += 1
        about = {"conversation": conversation.number, "seq": conversation.seq, "time": self.wall()}
        data = framed(encode(name, **about, **fields))
        for member in conversation.members.values():
            member.session.link.send_frame(data)

    def event(self, conversation: Conversation, kind: str, /, **fields) -> None:
        empty = {"actor": 0, "subject": 0, "name": "", "key": b"", "value": 0, "text": ""}
        self.entry(conversation, "event", kind=EVENTS[kind], **(empty | fields))

    def remove(self, conversation: Conversation, session: Session, kind: str, /, **fields) -> None:
        """Ends a membership by an entry that the member still gets, if its link takes anything."""
        member = session.joined.pop(conversation.number)
        if conversation.kind == CONVERSATIONS["room"]:
            who = {"subject": member.alias, "name": session.name}
            self.event(conversation, kind, **who, **fields)
        del conversation.members[member.alias]
        if not conversation.members and not conversation.permanent:
            del self.conversations[conversation.number]

    # --- requests ---------------------------------------------------------------------------------------

    def handle(self, session: Session, name: str, fields: dict) -> None:
        conversation = fields.get("conversation", 0)
        try:
            if name in MODERATION:
                moderate(self, session, name, fields)
                self.ok(session, fields, conversation)
            else:
                getattr(self, name)(session, fields)
        except Refusal as refusal:
            code = ERRORS[str(refusal)]
            numbers = {"request": fields.get("request", 0), "ref": fields.get("ref", 0)}
            text = ERROR_OF_CODE[code]["summary"]
            session.link.send("error", code=code, conversation=conversation, text=text, **numbers)
        self.cut_slow()

    def cut_slow(self) -> None:
        """Ends sessions for which too much waits (PAL-SES-025)."""
        for session in list(self.sessions.values()):
            if len(session.link.out) > self.limits["outbound_bytes"]:
                self.end(session, "slow_consumer")

    def ok(self, session: Session, fields: dict, conversation: int) -> None:
        session.link.send("ok", request=fields["request"], conversation=conversation)

    def require(self, holds: object, code: str) -> None:
        if not holds:
            raise Refusal(code)

    def membership(self, session: Session, number: int) -> tuple[Conversation, Member]:
        self.require(number in session.joined, "not_a_member")
        return self.conversations[number], session.joined[number]

    def room_named(self, name: str) -> Conversation | None:
        rooms = self.rooms()
        return next((room for room in rooms if folded(room.name) == folded(name)), None)

    def rooms(self) -> list[Conversation]:
        return [c for c in self.conversations.values() if c.kind == CONVERSATIONS["room"]]

    def _new(self, kind: int, name: str, **fields) -> Conversation:
        self._conversations_opened += 1
        number = self._conversations_opened
        limit = self.limits["members_per_room"] if kind == CONVERSATIONS["room"] else 2
        conversation = Conversation(number, kind, name, limit, **fields)
        self.conversations[number] = conversation
        return conversation

    def join(self, session: Session, fields: dict) -> None:
        name, operator = fields["room"], session.role == ROLES["relay_operator"]
        self.require(well_formed(name, "room_name"), "bad_room_name")
        room = self.room_named(name)
        self.require(room is None or room.number not in session.joined, "already_member")
        if room is None:
            self.require(not fields["options"] & OPTIONS["existing"], "no_such_room")
            mine = likeness(name)
            alike = any(a == b for other in self.rooms() for a, b in zip(mine, likeness(other.name)))
            self.require(not alike, "bad_room_name")
            self.require(len(self.rooms()) < self.limits["rooms"], "too_many_conversations")
        else:
            self.require(not self.banned(room.bans, session.key), "room_banned")
            self.require(not room.locked or operator, "room_locked")
            self.require(len(room.members) < room.limit, "room_full")
        inside = sum(not self.conversations[number].peers for number in session.joined)
        self.require(inside < self.limits["rooms_per_session"], "too_many_conversations")
        role = "relay_operator" if operator else "member" if room else "operator"
        self._enter(session, room or self._new(CONVERSATIONS["room"], name), ROLES[role], fields)

    def _enter(self, session: Session, room: Conversation, role: int, fields: dict) -> None:
        room.last_alias += 1
        member = Member(session, room.last_alias, role)
        room.members[member.alias] = session.joined[room.number] = member
        self.confirm(room, member, fields["request"])
        if fields["options"] & OPTIONS["members"]:
            after, more = 0, True
            while more:
                after, more = self._members(session, room.number, room.members, after, fields["request"])
        self.event(room, "joined", subject=member.alias, name=session.name, key=session.key, value=role)

    def confirm(self, conversation: Conversation, member: Member, request: int) -> None:
        """Sends `joined`: where the membership begins, or how it stands."""
        peers, count, name = [], len(conversation.members), conversation.name
        if conversation.peers:
            count = 2
            for alias, (key, known_as) in enumerate(conversation.peers, 1):
                shown = self.sessions[key].name if key in self.sessions else known_as
                peers.append({"alias": alias, "name": shown, "key": key, "role": ROLES["member"]})
                if alias != member.alias:
                    name = shown
        room = {"kind": conversation.kind, "name": name, "count": count, "limit": conversation.limit}
        room |= {"locked": conversation.locked, "topic": conversation.topic, "peers": peers}
        mine = {"alias": member.alias, "role": member.role, "seq": conversation.seq, "ref": member.ref}
        member.session.link.send("joined", request=request, conversation=conversation.number, **mine, **room)

    def _members(self, session, number: int, members: dict[int, Member], after: int, request: int):
        aliases = sorted(alias for alias in members if alias > after)
        page, more = aliases[: PAGE["members"]], len(aliases) > PAGE["members"]
        records = [members[alias].record() for alias in page]
        session.link.send("members", request=request, conversation=number, members=records, more=more)
        return (page[-1] if page else after), more

    def leave(self, session: Session, fields: dict) -> None:
        number = fields["conversation"]
        self.membership(session, number)
        self.remove(self.conversations[number], session, "left", value=REASONS["left"])
        self.ok(session, fields, number)

    def who(self, session: Session, fields: dict) -> None:
        number = fields["conversation"]
        if number:
            members = self.membership(session, number)[0].members
        else:
            members = {s.number: Member(s, s.number, s.role) for s in self.sessions.values()}
        self._members(session, number, members, fields["after"], fields["request"])

    def list(self, session: Session, fields: dict) -> None:
        found = sorted((room for room in self.rooms() if room.name > fields["after"]), key=lambda room: room.name)
        page = [
            {"name": room.name, "count": len(room.members), "limit": room.limit, "topic": room.topic}
            for room in found[: PAGE["rooms"]]
        ]
        session.link.send("rooms", request=fields["request"], rooms=page, more=len(found) > len(page))

    def whois(self, session: Session, fields: dict) -> None:
        binding = self.store.find(fields["name"])
        self.require(binding, "no_such_name")
        there = self.sessions.get(binding.key)
        online = there is not None and folded(there.name) == folded(binding.name)
        role = ROLES["relay_operator" if binding.key in self.config.operators else "member"]
        about = {"name": binding.name, "key": binding.key, "online": online, "role": role}
        session.link.send("identity", request=fields["request"], **about)

    def announce(self, session: Session, fields: dict) -> None:
        self.require(session.role == ROLES["relay_operator"], "not_permitted")
        for other in self.sessions.values():
            other.link.send("notice", time=self.wall(), **{"from": session.name}, text=fields["text"])
        self.ok(session, fields, 0)

    # --- direct conversations and messages --------------------------------------------------------------

    def direct(self, session: Session, fields: dict) -> None:
        binding = self.store.find(fields["name"])
        self.require(binding, "no_such_name")
        self.require(binding.key != session.key, "bad_value")
        peers = sorted([(session.key, session.name), (binding.key, binding.name)])
        keys = [key for key, _ in peers]
        found = (c for c in self.conversations.values() if [key for key, _ in c.peers] == keys)
        conversation = next(found, None)
        if conversation is None or conversation.number not in session.joined:
            self.require(self._directs(session) < self.limits["directs_per_session"], "too_many_conversations")
            conversation = conversation or self._new(CONVERSATIONS["direct"], "", peers=peers)
            self._enter_direct(session, conversation)
        self.confirm(conversation, session.joined[conversation.number], fields["request"])

    def _directs(self, session: Session) -> int:
        return sum(bool(self.conversations[number].peers) for number in session.joined)

    def _enter_direct(self, session: Session, conversation: Conversation) -> Member:
        alias = [key for key, _ in conversation.peers].index(session.key) + 1
        member = Member(session, alias, ROLES["member"])
        conversation.members[alias] = session.joined[conversation.number] = member
        return member

    def send(self, session: Session, fields: dict) -> None:
        conversation, member = self.membership(session, fields["conversation"])
        self.require(fields["ref"] > member.ref, "ref_repeated")
        self.require(fields["ref"] == member.ref + 1, "ref_gap")
        self.require(len(fields["body"]) <= self.limits["body_bytes"], "body_too_large")
        if conversation.peers:
            self._reach(session, conversation)
        member.ref = fields["ref"]
        about = {"sender": member.alias, "ref": member.ref, "kind": fields["kind"], "body": fields["body"]}
        self.entry(conversation, "message", **about)

    def _reach(self, session: Session, conversation: Conversation) -> None:
        """Makes the peer's session a member before its first entry, or says why not."""
        key = next(key for key, _ in conversation.peers if key != session.key)
        peer = self.sessions.get(key)
        self.require(peer, "peer_offline")
        if conversation.number not in peer.joined:
            self.require(self._directs(peer) < self.limits["directs_per_session"], "too_many_conversations")
            self.confirm(conversation, self._enter_direct(peer, conversation), 0)


def _origin(address: str) -> str | None:
    """An IPv4 address or IPv6 /56, by which links are counted; None where the transport has none."""
    if address == "local":
        return None
    host = ipaddress.ip_address(address.rpartition(":")[0].strip("[]"))
    return str(host) if host.version == 4 else str(ipaddress.ip_network((host, 56), strict=False))
