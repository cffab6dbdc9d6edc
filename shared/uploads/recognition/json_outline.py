"""Look at the outline of JSON: what the first value is, and the names in it."""

from dataclasses import dataclass
from typing import Literal

import ijson

MOST_NAMES = 64


@dataclass(frozen=True, slots=True)
class Outline:
    """What the first bytes of JSON show.

    Attributes:
        root: The kind of the first value.
        names: The first members of the object, or of the first object in the array.
    """

    root: Literal["object", "array", "other"]
    names: frozenset[str]


def outline_of(content: bytes) -> Outline:
    """Return the outline of `content`, which may be cut off, or invalid from some point on."""
    events = ijson.sendable_list()
    parser = ijson.basic_parse_coro(events, use_float=True)
    try:
        parser.send(content)
        parser.close()
    except (ijson.JSONError, UnicodeDecodeError):
        pass  # what came before counts
    if not events:
        return Outline("other", frozenset())
    kinds = {"start_map": "object", "start_array": "array"}
    root = kinds.get(events[0][0], "other")
    at = 1 if root == "object" else 2
    return Outline(root, frozenset(_names(events, at)))  # type: ignore[arg-type]


def _names(events: list[tuple[str, object]], at: int) -> set[str]:
    """Return the names at the depth `at`, up to the end of the first object there."""
    names: set[str] = set()
    depth = 0
    for event, value in events:
        if event in ("start_map", "start_array"):
            depth += 1
        elif event in ("end_map", "end_array"):
            if depth == at:
                break
            depth -= 1
        elif event == "map_key" and depth == at and len(names) < MOST_NAMES:
            names.add(str(value))
    return names
