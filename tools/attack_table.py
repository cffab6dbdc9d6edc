"""Tell which test proves which attack of docs/attacks.txt; each has a test, or a reason."""

import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- attacks -->\n", "<!-- /attacks -->\n"
GROUPS = {
    "A": "Addresses",
    "B": "Destinations",
    "C": "Names",
    "D": "URLs",
    "E": "Redirects",
    "F": "Bytes",
    "G": "TLS",
    "H": "Credentials",
    "I": "Abuse",
}
CAN_NOT_APPLY = {
    "H2": "No credentials are stored: each request brings its own, for its own endpoint.",
    "H3": "No credentials are stored, so there is no id of any. Jobs of others are I5.",
    "I8": "There are no callbacks: callers wait, poll or read events.",
}
_TEST = re.compile(r"^ *(?:async )?def (test_([a-i]\d+)_\w+)\(", re.MULTILINE)


class UnprovenError(Exception):
    """Raised where an attack has neither a test nor a reason, or a test no attack."""


def attacks() -> dict[str, str]:
    """Return a few words for each attack, by its id."""
    lines = (ROOT / "docs" / "attacks.txt").read_text().splitlines()
    return dict(line.split(" ", 1) for line in lines)


def with_table(page: str) -> str:
    """Return the page with the table of all attacks between its marks.

    Raises:
        UnprovenError: an attack has neither a test nor a reason, or a test's attack is unknown.
    """
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + _table() + END + after


def _table() -> str:
    words, tests = attacks(), _tests()
    unproven = words.keys() - tests.keys() - CAN_NOT_APPLY.keys()
    unknown = tests.keys() - words.keys()
    if unproven or unknown:
        raise UnprovenError(f"without a test: {sorted(unproven)}; unknown: {sorted(unknown)}")
    parts = []
    for letter, title in GROUPS.items():
        rows = [_row(i, words[i], tests[i]) for i in words if i[0] == letter]
        parts.append(f"\n### {letter}: {title}\n\n| | Attack | Proof |\n| --- | --- | --- |\n")
        parts += rows
    return "".join(parts) + "\n"


def _row(attack: str, words: str, tests: list[tuple[str, str]]) -> str:
    proof = "<br>".join(f"[{name}](../{path})" for path, name in tests) or CAN_NOT_APPLY[attack]
    return f"| {attack} | {words} | {proof} |\n"


def _tests() -> dict[str, list[tuple[str, str]]]:
    """Return the place and the name of each test by the attack that its name begins with."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for name, attack in _TEST.findall(path.read_text()):
            found[attack.upper()].append((str(path.relative_to(ROOT)), name))
    return found
