"""What a relay keeps across restarts: its key, the bindings of names, and bans from the relay."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from .names import folded, likeness


@dataclass
class Binding:
    """A name in normal form and the identity it is bound to."""

    name: str
    key: bytes


class Store:
    """Bindings and bans, in memory and, when a path is given, in one JSON file."""

    def __init__(self, path: str | None = None):
        self._path = Path(path) if path else None
        self.seed = os.urandom(32)
        self.bindings: dict[str, Binding] = {}
        self.bans: dict[bytes, int] = {}
        self._alike: dict[tuple[int, str], set[bytes]] = {}
        if self._path and self._path.exists():
            self._load(json.loads(self._path.read_text("utf-8")))
        elif self._path:
            self.save()

    def _load(self, data: dict) -> None:
        self.seed = bytes.fromhex(data["seed"])
        self.bans = {bytes.fromhex(key): until for key, until in data["bans"].items()}
        for name, key in data["names"]:
            self._add(name, bytes.fromhex(key))

    def save(self) -> None:
        if self._path is None:
            return
        data = {
            "seed": self.seed.hex(),
            "names": [[b.name, b.key.hex()] for b in self.bindings.values()],
            "bans": {key.hex(): until for key, until in self.bans.items()},
        }
        temporary = self._path.with_suffix(".new")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(data, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)

    def _add(self, name: str, key: bytes) -> None:
        self.bindings[folded(name)] = Binding(name, key)
        for which, skeleton in enumerate(likeness(name)):
            self._alike.setdefault((which, skeleton), set()).add(key)

    def bind(self, name: str, key: bytes) -> None:
        if folded(name) not in self.bindings:
            self._add(name, key)
            self.save()

    def find(self, name: str) -> Binding | None:
        return self.bindings.get(folded(name))

    def taken(self, name: str, key: bytes) -> bool:
        """Whether the name, or one that looks like it, belongs to another identity."""
        found = (self._alike.get(part, set()) for part in enumerate(likeness(name)))
        return any(keys - {key} for keys in found)

    def names_of(self, key: bytes) -> int:
        return sum(binding.key == key for binding in self.bindings.values())

    def ban(self, key: bytes, until: int) -> None:
        self.bans[key] = until
        self.save()

    def unban(self, key: bytes) -> bool:
        had = self.bans.pop(key, None) is not None
        if had:
            self.save()
        return had
