"""Find JSON that no call needs before it is validated: each of its errors would cost time."""

from typing import Any

MOST_MEMBERS = 256
"""Members of objects and arrays at all levels; the fullest valid request has some 30."""
MAX_DEPTH = 16
"""Levels of nested objects and arrays; the deepest known option is at level three."""
MOST_COMMAS = 10_000
"""In a whole request; more than MOST_MEMBERS, since texts have some as well."""

TOO_MANY_MEMBERS = f"has more than {MOST_MEMBERS} members"
TOO_DEEP = f"is nested deeper than {MAX_DEPTH} levels"


def beyond_bounds(content: Any) -> str | None:
    """Return what is beyond all bounds in `content`; no more members are looked at than it says."""
    left = MOST_MEMBERS
    level = [content]
    for _ in range(MAX_DEPTH):
        below = []
        for container in level:
            left -= len(container)
            if left < 0:
                return TOO_MANY_MEMBERS
            members = container.values() if isinstance(container, dict) else container
            below += [one for one in members if isinstance(one, dict | list)]
        if not below:
            return None
        level = below
    return TOO_DEEP
