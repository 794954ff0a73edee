"""What operators may do (chapter 8)."""

from . import requests
from .registry import CONVERSATIONS, ROLES

MODERATION = ("setTopic", "kick", "ban", "unban", "setRole", "setLimit", "lock")


def moderate(relay, session, name: str, fields: dict) -> None:
    """Carries a moderation request out, after the checks of 8.1 in their order."""
    actor, room = 0, None
    if fields["conversation"]:
        room, member = requests.membership(relay, session, fields["conversation"])
        actor = member.who.alias
        fine = room.kind == CONVERSATIONS["room"] and member.who.role != ROLES["member"]
        requests.require(fine, "not_permitted")
    else:
        requests.require(session.role == ROLES["relay_operator"], "not_permitted")
    if name in _PERSONS:
        binding = relay.store.find(fields["name"])
        requests.require(binding, "no_such_name")
        _PERSONS[name](relay, session, room, actor, fields, binding)
    else:
        _ROOMS[name](relay, room, actor, fields)


def _spare_operators(relay, session, room, key: bytes) -> None:
    mighty = session.role == ROLES["relay_operator"]
    requests.require(room is None or mighty or key not in relay.config.operators, "not_permitted")


def _kick(relay, session, room, actor, fields, binding) -> None:
    if room is None:
        there = relay.sessions.get(binding.key)
        requests.require(there, "no_such_name")
        return relay.end(there, "kicked")
    member = room.member(binding.key)
    requests.require(member, "no_such_name")
    _spare_operators(relay, session, room, binding.key)
    relay.remove(room, member, "kicked", actor=actor, text=fields["reason"])


def _ban(relay, session, room, actor, fields, binding) -> None:
    key, there = binding.key, relay.sessions.get(binding.key)
    _spare_operators(relay, session, room, key)
    requests.require(key != session.key, "bad_value")
    until = relay.wall() + fields["seconds"] * 1000 if fields["seconds"] else 0
    if room is None:
        relay.store.ban(key, until)
        if there:
            relay.end(there, "banned")
        return
    in_force = [other for other in list(room.bans) if relay.banned(room.bans, other) and other != key]
    requests.require(len(in_force) < relay.limits["bans_per_room"], "bad_value")
    room.bans[key] = until
    about = {"actor": actor, "key": key, "value": fields["seconds"], "text": fields["reason"]}
    member = room.member(key)
    if member:
        relay.remove(room, member, "banned", **about)
    else:
        relay.event(room, "banned", name=binding.name, **about)


def _unban(relay, session, room, actor, fields, binding) -> None:
    bans = relay.store.bans if room is None else room.bans
    requests.require(relay.banned(bans, binding.key), "no_such_name")
    if room is None:
        relay.store.unban(binding.key)
    else:
        del bans[binding.key]
        relay.event(room, "unbanned", actor=actor, name=binding.name, key=binding.key)


def _set_role(relay, session, room, actor, fields, binding) -> None:
    member = room.member(binding.key)
    requests.require(member, "no_such_name")
    requests.require(binding.key not in relay.config.operators, "not_permitted")
    requests.require(fields["role"] in (ROLES["member"], ROLES["operator"]), "bad_value")
    member.who.role = fields["role"]
    about = {"subject": member.who.alias, "name": member.who.name, "value": member.who.role}
    relay.event(room, "role", actor=actor, **about)


def _set_topic(relay, room, actor, fields) -> None:
    room.topic = fields["topic"]
    relay.event(room, "topic", actor=actor, text=room.topic)


def _set_limit(relay, room, actor, fields) -> None:
    if room is None:
        relay.limits["sessions"] = fields["limit"]
        return
    requests.require(fields["limit"] <= relay.limits["members_per_room"], "bad_value")
    room.limit = fields["limit"]
    relay.event(room, "limit", actor=actor, value=room.limit)


def _lock(relay, room, actor, fields) -> None:
    room.locked = fields["locked"]
    relay.event(room, "lock", actor=actor, value=int(room.locked))


_PERSONS = {"kick": _kick, "ban": _ban, "unban": _unban, "setRole": _set_role}
_ROOMS = {"setTopic": _set_topic, "setLimit": _set_limit, "lock": _lock}
