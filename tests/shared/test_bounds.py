"""What is beyond all bounds costs no more than to find that out."""

from typing import Any

import pytest

from shared.bounds import MAX_DEPTH, MOST_MEMBERS, beyond_bounds


def nested(depth: int) -> dict[str, Any]:
    """Return objects within objects."""
    content: dict[str, Any] = {}
    for _ in range(depth - 1):
        content = {"a": content}
    return content


@pytest.mark.parametrize(
    "content",
    [
        {},
        {f"n{n}": 0 for n in range(MOST_MEMBERS)},
        {"a": [0] * (MOST_MEMBERS - 1)},
        nested(MAX_DEPTH),
    ],
    ids=["nothing", "members", "list", "depth"],
)
def test_what_is_just_within_bounds_is_left_to_the_validation(content: Any) -> None:
    """The bounds are for attackers; what is invalid is told field by field."""
    assert beyond_bounds(content) is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({f"n{n}": 0 for n in range(MOST_MEMBERS + 1)}, "has more than 256 members"),
        ({"a": [0] * MOST_MEMBERS}, "has more than 256 members"),
        ({"a": [{"b": 0}] * MOST_MEMBERS}, "has more than 256 members"),
        (nested(MAX_DEPTH + 1), "is nested deeper than 16 levels"),
        (nested(900), "is nested deeper than 16 levels"),
    ],
)
def test_what_is_beyond_bounds_is_said_in_one_sentence(content: Any, problem: str) -> None:
    """A hundred thousand unknown fields would be as many errors."""
    assert str(beyond_bounds(content)) == problem
