"""Names of ASCII letters, digits, "-", "_" and "." only: a relay may refuse all others (PAL-HSK-060)."""

from .registry import LIMITS

_ALLOWED = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
# All that the skeletons of UTS 39 change in this alphabet.
_SKELETON = str.maketrans({"0": "O", "1": "l", "I": "l", "m": "rn"})


def well_formed(name: str, kind: str = "name") -> bool:
    """Whether the rules of chapter 5.4 allow it; `kind` is "name" or "room_name"."""
    if not 1 <= len(name) <= LIMITS[f"{kind}_code_points"]:
        return False
    return set(name) <= _ALLOWED and name[0] not in "-."


def folded(name: str) -> str:
    return name.lower()


def likeness(name: str) -> tuple[str, str]:
    """Two names look alike when either of these is equal."""
    return folded(name).translate(_SKELETON), folded(name.translate(_SKELETON))
