"""Rates of a session and of an address: token buckets (chapter 6.8)."""

PAUSE_MS = 1000
JOINS = ("join", "follow", "direct")


class Bucket:
    """Holds at most `burst`, begins full, gains `per_second` in each second; may run into debt."""

    def __init__(self, per_second: int, burst: int, now: int):
        self.per_second, self.burst, self.level, self.at = per_second, burst, float(burst), now

    def wait(self, amount: int, now: int) -> int:
        """Milliseconds until this much, or a full bucket, is there."""
        self.level = min(self.burst, self.level + (now - self.at) * self.per_second / 1000)
        self.at = now
        lacks = min(amount, self.burst) - self.level
        return 0 if lacks <= 0 else max(1, -int(-lacks * 1000 // self.per_second))

    def take(self, amount: int) -> None:
        self.level -= amount


class Rates:
    """What one session may do, and for how long it has wanted to do more."""

    def __init__(self, limits: dict[str, int], now: int):
        def bucket(name: str, burst: str) -> Bucket:
            return Bucket(limits[f"{name}_per_second"], limits[burst], now)

        self.sends, self.bytes = bucket("sends", "sends_burst"), bucket("send_bytes", "send_bytes_burst")
        self.requests, self.joins = bucket("requests", "requests_burst"), bucket("joins", "joins_burst")
        self.excess_ms = limits["rate_excess_ms"]
        self.delayed_since: int | None = None
        self.delayed_at = now

    def costs(self, name: str, fields: dict, is_request: bool) -> list[tuple[Bucket, int]]:
        if name == "send":
            return [(self.sends, 1), (self.bytes, len(fields["body"]))]
        if name in JOINS:
            return [(self.joins, 1), (self.requests, 1)]
        return [(self.requests, 1)] if is_request or name in ("ping", "cursor", "signal") else []

    def verdict(self, costs: list[tuple[Bucket, int]], now: int) -> tuple[str, int]:
        """"act", "wait" with milliseconds, "refuse" or "close"."""
        if self.delayed_since is not None and now - self.delayed_at > PAUSE_MS:
            self.delayed_since = None
        wait = max((bucket.wait(amount, now) for bucket, amount in costs), default=0)
        if wait == 0:
            for bucket, amount in costs:
                bucket.take(amount)
            return "act", 0
        if self.delayed_since is None:
            self.delayed_since = now
        self.delayed_at = now
        delayed = now - self.delayed_since
        if delayed >= self.excess_ms:
            return "close", 0
        return ("refuse", 0) if delayed >= self.excess_ms // 2 else ("wait", wait)
