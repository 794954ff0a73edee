"""Conversations: a log, those who receive it, and what the relay remembers of them (chapter 7)."""

from collections import deque
from dataclasses import dataclass, field

from .codec import encode, framed
from .registry import CONVERSATIONS, DURABILITIES, EVENTS, FRAMES, GAP_REASONS, LIMITS, OPTIONS, ROLES

PAGE = {name: FRAMES[name]["fields"][at]["maxCount"] for name, at in (("members", 2), ("rooms", 1))}
SENDERS_MAX = FRAMES["history"]["fields"][2]["maxCount"]
LENGTH_BYTES = 4


@dataclass
class Entry:
    """One `message` or `event` of a log, as it goes to every member."""

    seq: int
    time: int
    data: bytes
    sender: int = 0
    content: tuple[int, bytes] | None = None


@dataclass(eq=False)
class Participant:
    """One installation of an identity in a conversation: it outlives memberships."""

    key: bytes
    client_id: bytes
    name: str
    alias: int
    role: int = ROLES["member"]
    ref: int = 0
    seqs: dict[int, int] = field(default_factory=dict)

    def record(self) -> dict:
        return {"alias": self.alias, "name": self.name, "key": self.key, "role": self.role}


@dataclass(eq=False)
class Member:
    """A membership: `session` is None while it is detached; `position` is the last entry sent."""

    who: Participant
    session: object
    position: int
    head: int
    named: set[int] = field(default_factory=set)
    waiting: deque = field(default_factory=deque)
    detached_at: int = 0


@dataclass(eq=False)
class Conversation:
    """A log and its members by alias; `peers` are the two (key, name) of a direct one."""

    number: int
    kind: int
    name: str
    limit: int
    log_id: bytes
    permanent: bool = False
    peers: list[tuple[bytes, str]] = field(default_factory=list)
    head: int = 0
    entries: deque = field(default_factory=deque)
    kept_bytes: int = 0
    topic: str = ""
    locked: bool = False
    members: dict[int, Member] = field(default_factory=dict)
    participants: dict[tuple[bytes, bytes], Participant] = field(default_factory=dict)
    bans: dict[bytes, int] = field(default_factory=dict)
    cursors: dict[bytes, int] = field(default_factory=dict)

    @property
    def first(self) -> int:
        return self.head - len(self.entries) + 1

    def after(self, seq: int) -> list[Entry]:
        """The entries kept behind a position."""
        skipped = max(0, seq + 1 - self.first)
        return [self.entries[i] for i in range(skipped, len(self.entries))]

    def member(self, key: bytes) -> Member | None:
        return next((m for m in self.members.values() if m.who.key == key), None)

    def participant(self, key: bytes, client_id: bytes, name: str) -> Participant:
        """Who was here before gets the same alias, role and refs again."""
        known = self.participants.get((key, client_id))
        if known is None:
            aliases = [p.alias for p in self.participants.values()]
            alias = max(aliases, default=0) + 1
            if self.peers:
                own = 1 if key == self.peers[0][0] else 2
                alias = max((a for a in aliases if a % 2 == own % 2), default=own - 2) + 2
            known = Participant(key, client_id, name, alias)
            self.participants[key, client_id] = known
        known.name = name
        return known


class Logs:
    """What a relay does with its conversations; `Relay` adds links, requests and time."""

    def make(self, kind: int, name: str, **fields) -> Conversation:
        self.made += 1
        limit = self.limits["members_per_room"] if kind == CONVERSATIONS["room"] else 2
        conversation = Conversation(self.made, kind, name, limit, self.entropy(8), **fields)
        self.conversations[self.made] = conversation
        return conversation

    def rooms(self) -> list[Conversation]:
        return [c for c in self.conversations.values() if not c.peers]

    # --- entries ----------------------------------------------------------------------------------------

    def entry(self, conversation: Conversation, name: str, /, **fields) -> Entry:
        """Makes the next entry of a log: the same bytes for every member."""
        conversation.head += 1
        about = {"conversation": conversation.number, "seq": conversation.head, "time": self.wall()}
        data = framed(encode(name, **about, **fields))
        content = (fields["kind"], fields["body"]) if name == "message" else None
        entry = Entry(conversation.head, self.wall(), data, fields.get("sender", 0), content)
        conversation.entries.append(entry)
        conversation.kept_bytes += len(data)
        for member in list(conversation.members.values()):
            self.feed(conversation, member)
        self.trim(conversation)
        return entry

    def event(self, conversation: Conversation, kind: str, /, **fields) -> None:
        empty = {"actor": 0, "subject": 0, "name": "", "key": b"", "value": 0, "text": ""}
        self.entry(conversation, "event", kind=EVENTS[kind], **(empty | fields))

    def trim(self, conversation: Conversation) -> None:
        """Forgets entries that are too old or too many (PAL-ROM-040)."""
        oldest = self.wall() - self.limits["retention_ms"]
        entries = conversation.entries
        while entries and (
            entries[0].time < oldest or conversation.kept_bytes > self.limits["retention_bytes"]
        ):
            conversation.kept_bytes -= len(entries.popleft().data)
        self.close_empty(conversation)

    def close_empty(self, conversation: Conversation) -> None:
        """Ends a room without members and messages, a direct one without entries."""
        if conversation.members or conversation.permanent:
            return
        kept = conversation.entries if conversation.peers else [e for e in conversation.entries if e.content]
        if not kept:
            self.conversations.pop(conversation.number, None)

    # --- what members are sent --------------------------------------------------------------------------

    def feed(self, conversation: Conversation, member: Member) -> None:
        """Sends entries as far as the link takes them, then what waited behind them (PAL-SES-033)."""
        if member.session is None:
            return
        link = member.session.link
        while member.position < conversation.head and len(link.out) <= self.limits["outbound_bytes"] // 2:
            self.send_entry(conversation, member)
            self.release(member)
        self.release(member)

    def send_entry(self, conversation: Conversation, member: Member) -> None:
        link = member.session.link
        if member.position + 1 < conversation.first:
            self.send_gap(conversation, member, conversation.first - 1, "retention")
            return
        entry = conversation.entries[member.position + 1 - conversation.first]
        if entry.content and entry.seq <= member.head and entry.sender not in member.named:
            member.named.add(entry.sender)
            link.send("senders", conversation=conversation.number, senders=[self.record(conversation, entry.sender)])
        link.send_frame(entry.data)
        member.position = entry.seq

    def send_gap(self, conversation: Conversation, member: Member, to: int, reason: str) -> None:
        about = {"from": member.position + 1, "to": to, "reason": GAP_REASONS[reason]}
        member.session.link.send("gap", conversation=conversation.number, **about)
        member.position = to

    def release(self, member: Member) -> None:
        while member.waiting and member.waiting[0][0] <= member.position:
            member.session.link.send_frame(member.waiting.popleft()[1])

    def record(self, conversation: Conversation, alias: int) -> dict:
        return next(p.record() for p in conversation.participants.values() if p.alias == alias)

    def reply(self, session, number: int, name: str, /, **fields) -> None:
        """Sends an answer of a conversation behind the entries that were made before it (PAL-ROM-033)."""
        data = framed(encode(name, **fields))
        member = session.joined.get(number)
        if member and (member.waiting or member.position < self.conversations[number].head):
            member.waiting.append((self.conversations[number].head, data))
        else:
            session.link.send_frame(data)

    # --- memberships ------------------------------------------------------------------------------------

    def enter(self, session, conversation: Conversation, request: int, *, seq=None, options=0, role=None):
        """Makes the session a member, or gives a detached membership back; `seq` is where it begins."""
        who = conversation.participant(session.key, session.client_id, session.name)
        back = conversation.members.get(who.alias)
        for _, data in back.waiting if back and back.session else ():
            session.link.send_frame(data)
        if role is not None and back is None:
            who.role = role
        start = conversation.head if seq is None else seq
        member = Member(who, session, start, conversation.head)
        conversation.members[who.alias] = session.joined[conversation.number] = member
        self.confirm(conversation, member, request, start)
        after, more = 0, bool(options & OPTIONS["members"])
        while more:
            page = [conversation.number, self.records(conversation), after, request]
            after, more = self.send_members(session, *page)
        if back is None and not conversation.peers:
            about = {"subject": who.alias, "name": session.name, "key": session.key, "value": who.role}
            self.event(conversation, "joined", **about)
        self.feed(conversation, member)

    def confirm(self, conversation: Conversation, member: Member, request: int, seq: int) -> None:
        """Sends `joined`: where the membership begins, or how it stands."""
        peers, count, name = [], len(conversation.members), conversation.name
        for place, (key, known_as) in enumerate(conversation.peers, 1):
            count = 2
            shown = self.sessions[key].name if key in self.sessions else known_as
            there = conversation.member(key)
            alias = there.who.alias if there else place
            peers.append({"alias": alias, "name": shown, "key": key, "role": ROLES["member"]})
            if key != member.who.key:
                name = shown
        room = {"kind": conversation.kind, "name": name, "count": count, "limit": conversation.limit}
        room |= {"locked": conversation.locked, "topic": conversation.topic, "peers": peers}
        mine = {"alias": member.who.alias, "role": member.who.role, "seq": seq, "ref": member.who.ref}
        log = {"head": conversation.head, "first": conversation.first, "log": conversation.log_id}
        log |= {"durability": DURABILITIES["memory"], "keepMs": self.limits["retention_ms"]}
        log["keepBytes"] = self.limits["retention_bytes"]
        about = {"request": request, "conversation": conversation.number, **mine, **room, **log}
        member.session.link.send("joined", **about)

    def records(self, conversation: Conversation) -> dict[int, dict]:
        return {alias: member.who.record() for alias, member in conversation.members.items()}

    def send_members(self, session, number: int, records: dict[int, dict], after: int, request: int):
        aliases = sorted(alias for alias in records if alias > after)
        page, more = aliases[: PAGE["members"]], len(aliases) > PAGE["members"]
        shown = [records[alias] for alias in page]
        self.reply(session, number, "members", request=request, conversation=number, members=shown, more=more)
        return (page[-1] if page else after), more

    def remove(self, conversation: Conversation, member: Member, kind: str, /, **fields) -> None:
        """Ends a membership by an entry that the member still gets, if it is there."""
        if member.session and member.position < conversation.head:
            self.send_gap(conversation, member, conversation.head, "skipped")
            self.release(member)
        if not conversation.peers:
            self.event(conversation, kind, subject=member.who.alias, name=member.who.name, **fields)
        if member.session:
            while member.position < conversation.head:
                self.send_entry(conversation, member)
            member.session.joined.pop(conversation.number, None)
        conversation.members.pop(member.who.alias, None)
        self.close_empty(conversation)

    def detach(self, conversation: Conversation, member: Member) -> None:
        if conversation.peers:
            conversation.members.pop(member.who.alias, None)
            return self.close_empty(conversation)
        member.session, member.detached_at = None, self.now
        member.waiting.clear()

    # --- mailboxes --------------------------------------------------------------------------------------

    def waiting_for(self, key: bytes) -> tuple[int, int]:
        """Entries and bytes after the cursors of an identity, over its direct conversations."""
        mine = [c for c in self.conversations.values() if key in dict(c.peers)]
        entries = [e for c in mine for e in c.after(c.cursors.get(key, 0))]
        return len(entries), sum(len(entry.data) for entry in entries)

    def open_mailbox(self, session) -> None:
        """Brings the direct conversations in which entries wait, the newest first (PAL-ROM-057)."""
        mine = [c for c in self.conversations.values() if session.key in dict(c.peers)]
        waiting = [c for c in mine if c.head > c.cursors.get(session.key, 0)]
        waiting.sort(key=lambda c: c.entries[-1].time if c.entries else 0, reverse=True)
        for conversation in waiting[: self.limits["directs_per_session"]]:
            self.enter(session, conversation, 0, seq=conversation.cursors.get(session.key, 0))

    def directs_of(self, session) -> int:
        return sum(bool(self.conversations[number].peers) for number in session.joined)

    def reach(self, conversation: Conversation, key: bytes) -> None:
        """Makes the peer's session a member at the entry that is about to be made (PAL-ROM-028)."""
        peer = self.sessions.get(key)
        if peer is None or conversation.number in peer.joined:
            return
        if self.directs_of(peer) < self.limits["directs_per_session"]:
            self.enter(peer, conversation, 0)


def page_of(conversation: Conversation, start: int, count: int) -> tuple[list[int], bytes, bool]:
    """Senders, bytes and whether more is there of the entries from `start` on (PAL-ROM-052)."""
    wanted = [e for e in conversation.after(start - 1)][:count]
    senders, data = [], b""
    for taken, entry in enumerate(wanted):
        new = bool(entry.content) and entry.sender not in senders
        if taken and (len(data) + len(entry.data) > LIMITS["page_bytes"] or len(senders) + new > SENDERS_MAX):
            return senders, data, True
        senders += [entry.sender] if new else []
        data += entry.data
    return senders, data, False
