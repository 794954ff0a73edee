"""What the relay does for each request and message of a client (chapters 7 and 8)."""

from .conversation import PAGE, page_of
from .moderation import MODERATION, moderate
from .names import folded, likeness, well_formed
from .registry import CONVERSATIONS, ERROR_OF_CODE, ERRORS, LIMITS, OPTIONS, REASONS, ROLES


class Refusal(Exception):
    """A request or message is refused with the error code named."""


def require(holds: object, code: str) -> None:
    if not holds:
        raise Refusal(code)


def handle(relay, session, name: str, fields: dict) -> None:
    """Acts on one frame of an open session, or refuses it."""
    number = fields.get("conversation", 0)
    try:
        if name in MODERATION:
            moderate(relay, session, name, fields)
            ok(relay, session, fields)
        else:
            REQUESTS[name](relay, session, fields)
    except Refusal as refusal:
        refuse(relay, session, fields, str(refusal), number)


def refuse(relay, session, fields: dict, code: str, number: int) -> None:
    numbers = {"request": fields.get("request", 0), "conversation": number}
    numbers["ref"] = 0 if numbers["request"] else fields.get("ref", 0)
    text = ERROR_OF_CODE[ERRORS[code]]["summary"]
    relay.reply(session, number, "error", code=ERRORS[code], text=text, **numbers)


def ok(relay, session, fields: dict) -> None:
    number = fields.get("conversation", 0)
    relay.reply(session, number, "ok", request=fields["request"], conversation=number)


def membership(relay, session, number: int):
    require(number in session.joined, "not_a_member")
    return relay.conversations[number], session.joined[number]


def _may_enter(relay, session, room) -> None:
    """The checks of `join` from room_banned on; a membership that waits detached needs no room."""
    operator = session.role == ROLES["relay_operator"]
    require(not relay.banned(room.bans, session.key), "room_banned")
    require(not room.locked or operator, "room_locked")
    require(len(room.members) < room.limit, "room_full")
    _few_rooms(relay, session)


def _few_rooms(relay, session) -> None:
    inside = sum(not relay.conversations[number].peers for number in session.joined)
    require(inside < relay.limits["rooms_per_session"], "too_many_conversations")


def _detached(session, conversation) -> bool:
    who = conversation.participants.get((session.key, session.client_id))
    member = conversation.members.get(who.alias) if who else None
    return member is not None and member.session is None


def _role_in(session, room) -> int:
    if session.role == ROLES["relay_operator"]:
        return session.role
    known = room.participants.get((session.key, session.client_id))
    return known.role if known else ROLES["member"]


def _join(relay, session, fields) -> None:
    name, options = fields["room"], fields["options"]
    require(well_formed(name, "room_name"), "bad_room_name")
    room = next((r for r in relay.rooms() if folded(r.name) == folded(name)), None)
    require(room is None or room.number not in session.joined, "already_member")
    if room is None:
        require(not options & OPTIONS["existing"], "no_such_room")
        mine = likeness(name)
        alike = any(a == b for other in relay.rooms() for a, b in zip(mine, likeness(other.name)))
        require(not alike, "bad_room_name")
        require(len(relay.rooms()) < relay.limits["rooms"], "too_many_conversations")
        _few_rooms(relay, session)
        room = relay.make(CONVERSATIONS["room"], name)
        role = max(_role_in(session, room), ROLES["operator"])
        return relay.enter(session, room, fields["request"], options=options, role=role)
    if not _detached(session, room):
        _may_enter(relay, session, room)
    relay.enter(session, room, fields["request"], options=options, role=_role_in(session, room))


def _follow(relay, session, fields) -> None:
    conversation, seq = relay.conversations.get(fields["conversation"]), fields["seq"]
    there = conversation and conversation.log_id == fields["log"] and seq <= conversation.head
    there = there and (not conversation.peers or session.key in dict(conversation.peers))
    require(there, "no_such_conversation")
    is_in = conversation.number in session.joined
    if conversation.peers and not is_in:
        few = relay.directs_of(session) < relay.limits["directs_per_session"]
        require(few, "too_many_conversations")
    elif not is_in and not _detached(session, conversation):
        _may_enter(relay, session, conversation)
    role = None if conversation.peers else _role_in(session, conversation)
    relay.enter(session, conversation, fields["request"], seq=seq, role=role)


def _leave(relay, session, fields) -> None:
    conversation, member = membership(relay, session, fields["conversation"])
    relay.remove(conversation, member, "left", value=REASONS["left"])
    ok(relay, session, fields)


def _who(relay, session, fields) -> None:
    number = fields["conversation"]
    if number:
        records = relay.records(membership(relay, session, number)[0])
    else:
        opened = relay.sessions.values()
        records = {s.number: dict(alias=s.number, name=s.name, key=s.key, role=s.role) for s in opened}
    relay.send_members(session, number, records, fields["after"], fields["request"])


def _list(relay, session, fields) -> None:
    found = sorted((room for room in relay.rooms() if room.name > fields["after"]), key=lambda r: r.name)
    page = [
        {"name": room.name, "count": len(room.members), "limit": room.limit, "topic": room.topic}
        for room in found[: PAGE["rooms"]]
    ]
    session.link.send("rooms", request=fields["request"], rooms=page, more=len(found) > len(page))


def _whois(relay, session, fields) -> None:
    binding = relay.store.find(fields["name"])
    require(binding, "no_such_name")
    there = relay.sessions.get(binding.key)
    online = there is not None and folded(there.name) == folded(binding.name)
    role = ROLES["relay_operator" if binding.key in relay.config.operators else "member"]
    about = {"name": binding.name, "key": binding.key, "online": online, "role": role}
    session.link.send("identity", request=fields["request"], **about)


def _publish(relay, session, fields) -> None:
    require(relay.prekeys.may_ask(session.key, relay.now), "rate_limited")
    session.publishes = True
    count = relay.prekeys.publish(session.key, fields, relay.wall())
    session.link.send("stock", request=fields["request"], count=count)


def _claim(relay, session, fields) -> None:
    require(relay.prekeys.may_ask(session.key, relay.now), "rate_limited")
    claimed = relay.prekeys.claim(fields["key"], relay.wall())
    require(claimed, "no_keys")
    bundle, given, left = claimed
    session.link.send("bundle", request=fields["request"], bundle=bundle, prekeys=given)
    owner = relay.sessions.get(fields["key"])
    if given and owner and owner.publishes and left < LIMITS["prekeys_low"]:
        owner.link.send("stock", request=0, count=left)


def _announce(relay, session, fields) -> None:
    require(session.role == ROLES["relay_operator"], "not_permitted")
    for other in relay.sessions.values():
        other.link.send("notice", time=relay.wall(), text=fields["text"], **{"from": session.name})
    ok(relay, session, fields)


def _direct(relay, session, fields) -> None:
    binding = relay.store.find(fields["name"])
    require(binding, "no_such_name")
    require(binding.key != session.key, "bad_value")
    peers = sorted([(session.key, session.name), (binding.key, binding.name)])
    keys = [key for key, _ in peers]
    found = (c for c in relay.conversations.values() if [key for key, _ in c.peers] == keys)
    conversation = next(found, None)
    if conversation and conversation.number in session.joined:
        member = session.joined[conversation.number]
        return relay.confirm(conversation, member, fields["request"], member.position)
    few = relay.directs_of(session) < relay.limits["directs_per_session"]
    require(few, "too_many_conversations")
    conversation = conversation or relay.make(CONVERSATIONS["direct"], "", peers=peers)
    relay.enter(session, conversation, fields["request"])


def _fetch(relay, session, fields) -> None:
    number = fields["conversation"]
    conversation, _ = membership(relay, session, number)
    aliases, data, more = page_of(conversation, fields["from"], fields["count"])
    page = {"senders": [relay.record(conversation, alias) for alias in aliases], "entries": data}
    relay.reply(session, number, "history", request=fields["request"], conversation=number, more=more, **page)


def _cursor(relay, session, fields) -> None:
    conversation = relay.conversations.get(fields["conversation"])
    if conversation and conversation.peers and conversation.number in session.joined:
        known = conversation.cursors.get(session.key, 0)
        conversation.cursors[session.key] = max(known, min(fields["seq"], conversation.head))


def _send(relay, session, fields) -> None:
    conversation, member = membership(relay, session, fields["conversation"])
    who, ref, content = member.who, fields["ref"], (fields["kind"], fields["body"])
    if ref <= who.ref:
        return _acknowledge(relay, session, conversation, who, ref, content)
    require(ref == who.ref + 1, "ref_gap")
    require(len(fields["body"]) <= relay.limits["body_bytes"], "body_too_large")
    if conversation.peers:
        peer = next(key for key, _ in conversation.peers if key != session.key)
        count, size = relay.waiting_for(peer)
        room = count < relay.limits["mailbox_messages"] and size < relay.limits["mailbox_bytes"]
        require(room, "mailbox_full")
    kept = sum(c.kept_bytes for c in relay.conversations.values())
    require(kept + len(fields["body"]) <= relay.limits["log_bytes"], "storage_full")
    if conversation.peers:
        relay.reach(conversation, peer)
    who.ref = ref
    who.seqs[ref] = conversation.head + 1
    who.seqs.pop(ref - LIMITS["unacknowledged_sends"], None)
    about = {"sender": who.alias, "ref": ref, "kind": fields["kind"], "body": fields["body"]}
    relay.entry(conversation, "message", **about)
    if conversation.cursors.get(session.key, 0) == conversation.head - 1:
        conversation.cursors[session.key] = conversation.head


def _acknowledge(relay, session, conversation, who, ref: int, content) -> None:
    """Answers a message that was taken before (PAL-MSG-021 to 023)."""
    seq = who.seqs.get(ref, 0)
    seq = seq if seq >= conversation.first else 0
    if seq:
        require(conversation.entries[seq - conversation.first].content == content, "ref_repeated")
    relay.reply(session, conversation.number, "ack", conversation=conversation.number, ref=ref, seq=seq)


def _signal(_relay, _session, _fields) -> None:
    """This relay has no capability, and drops signals (PAL-SIG-004)."""


REQUESTS = {
    "join": _join,
    "follow": _follow,
    "leave": _leave,
    "who": _who,
    "list": _list,
    "whois": _whois,
    "announce": _announce,
    "direct": _direct,
    "fetch": _fetch,
    "cursor": _cursor,
    "send": _send,
    "signal": _signal,
    "publish": _publish,
    "claim": _claim,
}
