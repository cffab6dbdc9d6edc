"""Make text from outside safe to show."""

import unicodedata
from typing import Any

LONGEST_SHOWN = 200
MASK = "••••"
"""Stands for a secret that is not shown."""

# Control, format (zero-width, bidi), surrogate, private-use, unassigned, line and paragraph
# separator: none of them is safe in a log line, a page or a terminal.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


_SPELLED = {"ca": "CA", "id": "ID", "ms": "(ms)", "sha256": "(SHA-256)", "url": "URL"}


def is_hidden(character: str) -> bool:
    """Return whether `character` is invisible or can move the characters around it."""
    return unicodedata.category(character) in _HIDDEN_CATEGORIES


def is_visible(text: str) -> bool:
    """Return whether each character of `text` can be seen, and none moves the others."""
    return text.isprintable() or not any(map(is_hidden, text))


def printable(value: object, longest: int = LONGEST_SHOWN) -> str:
    """Return `value` as one line of visible characters, `longest` of them at most."""
    text = str(value)
    if len(text) <= longest and text.isascii() and text.isprintable():
        return text
    shown = "".join("\N{REPLACEMENT CHARACTER}" if is_hidden(c) else c for c in text[:longest])
    return shown if len(text) <= longest else shown + "…"


def title_of(name: str, _: Any = None) -> str:
    """Return the title of the field `name` for people, for pydantic's field_title_generator."""
    words = [_SPELLED.get(word, word) for word in name.split("_")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])
