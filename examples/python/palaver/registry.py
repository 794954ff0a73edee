"""The registry of the specification, read as it is: frames, limits, errors, values, reactions."""

import json
from pathlib import Path

_FOLDER = Path(__file__).resolve().parents[3] / "spec" / "registry"


def _read(name: str) -> dict:
    return json.loads((_FOLDER / f"{name}.json").read_text("utf-8"))


_FRAMES = _read("frames")
_VALUES = _read("values")

FRAMES = {frame["name"]: frame for frame in _FRAMES["frames"]}
FRAME_OF_TYPE = {frame["type"]: frame for frame in _FRAMES["frames"]}
RECORDS = _FRAMES["records"]
RANGES = _FRAMES["ranges"]
LIMIT_LIST = _read("limits")["limits"]
LIMITS = {limit["name"]: limit["value"] for limit in LIMIT_LIST}
ERRORS = {error["name"]: error["code"] for error in _read("errors")["errors"]}
ERROR_OF_CODE = {error["code"]: error for error in _read("errors")["errors"]}
REACTIONS = _read("reactions")["roles"]


def values(table: str) -> dict[str, int]:
    """The numbers of one table of values, by name."""
    return {entry["name"]: entry["value"] for entry in _VALUES["values"][table]}


EVENTS = values("events")
REASONS = values("leave_reasons")
ROLES = values("roles")
KINDS = values("content_kinds")
OPTIONS = values("join_options")
CONVERSATIONS = values("conversation_kinds")
DURABILITIES = values("durabilities")
GAP_REASONS = values("gap_reasons")


def range_of(number: int) -> dict:
    """The range to which a frame type belongs."""
    return next(r for r in RANGES if r["from"] <= number <= r["to"])


def is_request(name: str) -> bool:
    """Whether a frame is a request of the client (chapter 6.2)."""
    frame = FRAMES[name]
    return frame["from"] == "client" and any(f["name"] == "request" for f in frame["fields"])
