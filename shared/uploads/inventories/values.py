"""What stands in a document of YAML or JSON, looked at without trust."""

from typing import Any, Final


class Vaulted:
    """A value that ansible-vault has encrypted (the tag !vault)."""


VAULTED: Final = Vaulted()

_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0"})


def mapping(value: Any) -> dict[str, Any]:
    """Return `value` if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> list[Any]:
    """Return `value` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def named(value: Any, name: str) -> dict[str, dict[str, Any]]:
    """Return the member `name` of the entries of a list of {"name": ..., `name`: {...}}, by name.

    Of several entries with one name the first counts.
    """
    found: dict[str, dict[str, Any]] = {}
    for one in map(mapping, listed(value)):
        found.setdefault(text_of(one.get("name")), mapping(one.get(name)))
    return found


def text_of(value: Any) -> str:
    """Return a text or a number as a text; nothing for anything else."""
    if isinstance(value, str):
        return value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else ""


def first_text(content: dict[str, Any], *names: str) -> str:
    """Return the first of the members `names` that is a text and not empty."""
    return next((text for name in names if (text := text_of(content.get(name)))), "")


def truth(value: Any) -> bool | None:
    """Return what a yes or no means, as a text too; None for anything else."""
    if isinstance(value, bool):
        return value
    word = text_of(value).strip().lower()
    return True if word in _YES else False if word in _NO else None
