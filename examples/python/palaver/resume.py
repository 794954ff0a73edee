"""Sessions that can be taken up again by a token (chapter 5.7)."""

import hashlib
import hmac
from collections import deque
from dataclasses import dataclass, field

USED_MAX = 8


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


@dataclass(eq=False)
class Resumable:
    """What the relay keeps of a session for `resume`: hashes of its tokens, the last one first."""

    session: bytes
    key: bytes
    client_id: bytes
    name: str
    at: int
    tokens: deque = field(default_factory=lambda: deque(maxlen=2 + USED_MAX))
    link: object = None


class Resumables:
    """One for each identity and client id."""

    def __init__(self):
        self._by_session: dict[bytes, Resumable] = {}
        self._by_owner: dict[tuple[bytes, bytes], Resumable] = {}

    def begin(self, session: bytes, key: bytes, client_id: bytes, name: str, now: int) -> Resumable:
        self.forget(self._by_owner.get((key, client_id)))
        made = Resumable(session, key, client_id, name, now)
        self._by_session[session] = self._by_owner[key, client_id] = made
        return made

    def forget(self, known: Resumable | None) -> None:
        if known:
            self._by_session.pop(known.session, None)
            self._by_owner.pop((known.key, known.client_id), None)

    def find(self, session: bytes, now: int, lifetime_ms: int) -> Resumable | None:
        known = self._by_session.get(session)
        if known and now - known.at > lifetime_ms:
            self.forget(known)
            return None
        return known

    def give(self, known: Resumable, token: bytes, link, now: int) -> None:
        known.tokens.appendleft(_digest(token))
        known.link, known.at = link, now

    def fault(self, known: Resumable, token: bytes) -> str | None:
        """The code that PAL-HSK-041 has for this token, or None when it is good."""
        digest = _digest(token)
        places = [i for i, kept in enumerate(known.tokens) if hmac.compare_digest(kept, digest)]
        if not places:
            return "cannot_resume"
        unheard = known.link is not None and not known.link.heard_since_ready
        return None if places[0] == 0 or (places[0] == 1 and unheard) else "session_revoked"
