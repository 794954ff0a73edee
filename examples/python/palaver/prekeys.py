"""Keys that the relay keeps for others to begin sealed conversations with (chapter 15.5)."""

from dataclasses import dataclass, field

from .rates import Bucket


@dataclass
class Kept:
    """What one identity published. The relay looks into none of it."""

    bundle: bytes = b""
    prekeys: list[dict] = field(default_factory=list)
    highest: int = -1
    published: int = 0


class Prekeys:
    """All that is kept, in memory; each one-time prekey is given out once."""

    def __init__(self, limits: dict[str, int]):
        self._limits = limits
        self._kept: dict[bytes, Kept] = {}
        self._buckets: dict[bytes, Bucket] = {}

    def may_ask(self, key: bytes, now: int) -> bool:
        """Whether the identity published and claimed slowly enough, in whatever sessions."""
        burst = self._limits["key_requests_burst"]
        per_second = self._limits["key_requests_per_minute"] / 60
        bucket = self._buckets.setdefault(key, Bucket(per_second, burst, now))
        if bucket.wait(1, now) > 0:
            return False
        bucket.take(1)
        return True

    def publish(self, key: bytes, fields: dict, wall: int) -> int:
        if fields["replaces"]:
            self._kept.pop(key, None)
        kept = self._kept.setdefault(key, Kept(published=wall))
        if fields["bundle"]:
            kept.bundle, kept.published = bytes(fields["bundle"]), wall
        for prekey in fields["prekeys"]:
            if prekey["number"] > kept.highest and len(kept.prekeys) < self._limits["prekeys_per_key"]:
                kept.prekeys.append(prekey)
                kept.highest = prekey["number"]
        return len(kept.prekeys)

    def claim(self, key: bytes, wall: int) -> tuple[bytes, list[dict], int] | None:
        """The bundle, a one-time prekey if there is one, and how many are left."""
        kept = self._kept.get(key)
        if kept and wall - kept.published > self._limits["prekeys_ms"]:
            del self._kept[key]
            return None
        if not kept or not kept.bundle:
            return None
        given, kept.prekeys = kept.prekeys[:1], kept.prekeys[1:]
        return kept.bundle, given, len(kept.prekeys)
