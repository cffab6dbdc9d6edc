"""Find JSON that no call needs before it is validated: each of its errors would cost time."""

from typing import Any

from shared.diagnosis.sentences import Sentence

MOST_MEMBERS = 256
"""Members of objects and arrays at all levels; the fullest valid request has some 30."""
MAX_DEPTH = 16
"""Levels of nested objects and arrays; the deepest known option is at level three."""
MOST_COMMAS = 10_000
"""In a whole request; more than MOST_MEMBERS, since texts have some as well."""

TOO_MANY_MEMBERS = Sentence("has more than {most} members", {"most": MOST_MEMBERS})
TOO_DEEP = Sentence("is nested deeper than {most} levels", {"most": MAX_DEPTH})


def beyond_bounds(content: Any) -> Sentence | None:
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
