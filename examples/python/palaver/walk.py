"""A walk through what the relay keeps, without sockets and clock: python3 -m palaver.walk"""

import sys
from itertools import count

from . import ed25519
from .codec import Deframer, decode, encode, framed
from .registry import ERRORS, EVENTS, LIMITS, REASONS
from .relay import Config, Relay
from .store import Store


class Person:
    """One installation of an identity, whose frames the walk writes by hand."""

    def __init__(self, relay: Relay, name: str, client_id: bytes = b"laptop.."):
        self.relay, self.name, self.client_id = relay, name, client_id
        self.seed = name.encode().ljust(32, b".")
        self.token = self.session = b""
        self.numbers = count(1)

    def open(self, resume: bool = False, token: bytes | None = None) -> list[tuple[str, dict]]:
        self.link = self.relay.open("local", self.relay.now)
        self.deframer = Deframer()
        self.deframer.limit = LIMITS["frame_bytes"]
        hello = encode("hello", versions=[1], capabilities=[], nonce=bytes(32), agent="")
        self.give(hello)
        data = bytes(self.link.out[4:])
        t = ed25519.transcript(b"", hello, data)
        self.take()
        key, token = ed25519.public_key(self.seed), self.token if token is None else token
        if resume:
            signature = ed25519.sign(self.seed, ed25519.resume_message(t, self.session, token))
            self.give(encode("resume", session=self.session, token=token, signature=signature))
        else:
            message = ed25519.auth_message(t, self.name, key, self.client_id, "")
            about = {"name": self.name, "key": key, "clientId": self.client_id, "token": ""}
            self.give(encode("auth", **about, signature=ed25519.sign(self.seed, message)))
        frames = self.take()
        if frames[0][0] == "ready":
            self.session, self.token = frames[0][1]["session"], frames[0][1]["token"]
        return frames

    def give(self, frame: bytes) -> None:
        self.relay.receive(self.link, framed(frame), self.relay.now)

    def say(self, name: str, /, **fields) -> list[tuple[str, dict]]:
        if name not in ("send", "cursor", "ping"):
            fields["request"] = next(self.numbers)
        self.give(encode(name, **fields))
        return self.take()

    def send(self, number: int, ref: int, text: str) -> list[tuple[str, dict]]:
        return self.say("send", conversation=number, ref=ref, kind=0, body=text.encode())

    def take(self) -> list[tuple[str, dict]]:
        self.deframer.push(bytes(self.link.out))
        self.link.taken(len(self.link.out), self.relay.now)
        frames = iter(self.deframer.next, None)
        return [decode(frame) for frame in frames]

    def lose(self) -> None:
        self.link.link_ended(self.relay.now)


def names(frames: list[tuple[str, dict]]) -> list[str]:
    return [name for name, _ in frames]


def check(what: str, seen, wanted) -> None:
    print(f"{'ok   ' if seen == wanted else 'FAILS'} {what}")
    if seen != wanted:
        print(f"      {seen}\n      {wanted}")
        sys.exit(1)


def follow_and_history(relay: Relay) -> None:
    alice, bob = Person(relay, "alice"), Person(relay, "bob")
    alice.open(), bob.open()
    joined = alice.say("join", room="lobby", options=0)[0][1]
    bob.say("join", room="lobby", options=0)
    number, log = joined["conversation"], joined["log"]
    alice.take(), alice.send(number, 1, "one"), bob.take()
    bob.lose()
    check("a lost link ends no membership at once", names(alice.take()), [])
    alice.send(number, 2, "two")
    check("a session is resumed", names(bob.open(resume=True)), ["ready"])
    seen = bob.say("follow", conversation=number, log=log, seq=3)
    check("and follows from what it has", names(seen), ["joined", "senders", "message"])
    check("with the alias and the refs of before", (seen[0][1]["alias"], seen[0][1]["ref"]), (2, 0))
    seen = bob.say("fetch", conversation=number, count=2, **{"from": 3})
    check("history is as it was", (seen[0][1]["more"], len(seen[0][1]["senders"])), (False, 1))
    check("a message sent again is acknowledged", names(alice.send(number, 2, "two")), ["ack"])
    refused = alice.send(number, 2, "another")
    check("but not another one", (refused[0][0], refused[0][1]["code"]), ("error", ERRORS["ref_repeated"]))
    bob.lose()
    relay.tick(relay.now + LIMITS["detached_ms"])
    event = alice.take()[-1][1]
    check("who stays away has left", (event["kind"], event["value"]), (EVENTS["left"], REASONS["lost"]))


def tokens(relay: Relay) -> None:
    carol = Person(relay, "carol")
    carol.open()
    first = carol.token
    carol.open(resume=True)
    check("the token before is good while nothing was heard", names(carol.open(True, first)), ["ready"])
    carol.say("ping", nonce=1, conversation=0)
    code = carol.open(True, first)[0][1]["code"]
    check("a token used twice revokes the session", code, ERRORS["session_revoked"])
    code = carol.open(resume=True)[0][1]["code"]
    check("with all its tokens", code, ERRORS["cannot_resume"])


def mailboxes(relay: Relay) -> None:
    dora, emil = Person(relay, "dora"), Person(relay, "emil")
    emil.open(), emil.lose()
    dora.open()
    number = dora.say("direct", name="emil")[0][1]["conversation"]
    check("a message waits for who is away", names(dora.send(number, 1, "hello")), ["message"])
    check("and is there when he comes", names(emil.open()), ["ready", "joined", "senders", "message"])
    emil.lose()
    check("until he says that he has it", names(emil.open())[1:], ["joined", "senders", "message"])
    emil.say("cursor", conversation=number, seq=1)
    emil.lose()
    check("then no more", names(emil.open()), ["ready"])


def rates(relay: Relay) -> None:
    frank = Person(relay, "frank")
    frank.open()
    number = frank.say("join", room="busy", options=0)[0][1]["conversation"]
    burst = LIMITS["sends_burst"]
    for ref in range(1, burst + 2):
        frank.give(encode("send", conversation=number, ref=ref, kind=0, body=b"x"))
    check("a burst is taken", names(frank.take()).count("message"), burst)
    relay.tick(relay.now + 1000)
    check("what is beyond comes later", names(frank.take()).count("message"), 1)


def main() -> None:
    for walk in (follow_and_history, tokens, mailboxes, rates):
        walk(Relay(Config(), Store(), wall_ms=1_800_000_000_000))


if __name__ == "__main__":
    main()
