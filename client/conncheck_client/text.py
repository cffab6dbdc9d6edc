"""Make text that came from outside safe to log and to show."""

import unicodedata

LONGEST_SHOWN = 200

# Control, format (zero-width, bidi), surrogate, private-use, unassigned, line and paragraph
# separator: none of them belongs in a log line, a page or a terminal.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(value: object, longest: int = LONGEST_SHOWN) -> str:
    """Return `value` as one line of visible characters, `longest` of them at most."""
    text = str(value)
    shown = "".join("\N{REPLACEMENT CHARACTER}" if _is_hidden(c) else c for c in text[:longest])
    return shown if len(text) <= longest else shown + "…"


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN_CATEGORIES
