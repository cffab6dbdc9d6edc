"""A situation out of a public report, and which verdicts on it are right, open or wrong."""

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from tests.zoo.fault import Stage, Target, first_line
from tests.zoo.visit import PASSED, Verdict

Judgement = Literal["right", "open", "wrong"]


@dataclass(frozen=True, slots=True)
class Report:
    """One situation, set up as its public report tells it.

    The codes are patterns of fnmatch, one that begins with "!" takes codes out again; the words are
    regular expressions, which are looked for in all texts of the verdict, in any case.
    """

    name: str
    what: str
    truth: str
    """What the cause turned out to be there."""
    at: str
    """The address of the report."""
    kind: str
    """The letter of what it tests, of docs/accuracy.md."""
    steps: tuple[str, ...]
    """Those that may fail; PASSED where the platform works, REFUSED where nothing may be sent."""
    right: tuple[str, ...]
    """Codes of the primary cause that are right; of warnings where the platform works."""
    open: tuple[str, ...]
    """Codes that say less, and nothing false."""
    says: tuple[str, ...]
    """Without these words a right code says too little, and is open."""
    never: tuple[str, ...]
    """With one of these words the verdict is wrong."""
    network: tuple[str, ...] | None
    stage: Callable[[], AbstractContextManager[Target]]


def report(
    at: str,
    kind: str,
    *steps: str,
    right: Sequence[str] = (),
    open: Sequence[str] = (),  # noqa: A002 -- the word of the table
    says: Sequence[str] = (),
    never: Sequence[str] = (),
    network: tuple[str, ...] | None = None,
) -> Callable[[Stage], Report]:
    """Declare a situation; its docstring says what it is, and below what was the cause there."""

    def declare(stage: Stage) -> Report:
        truth = " ".join((stage.__doc__ or "").partition("\n")[2].split())
        return Report(
            name=stage.__name__,
            what=first_line(stage),
            truth=truth,
            at=at,
            kind=kind,
            steps=steps,
            right=tuple(right),
            open=tuple(open),
            says=tuple(says),
            never=tuple(never),
            network=network,
            stage=contextmanager(stage),
        )

    return declare


def judged(shown: Report, verdict: Verdict) -> Judgement:
    """Return whether `verdict` is right, says too little, or says what is not so."""
    text = text_of(verdict)
    if verdict.step not in shown.steps or any(_found(words, text) for words in shown.never):
        return "wrong"
    if verdict.step == PASSED:
        expected = all(_is_of(warning.code, shown.right) for warning in verdict.warnings)
        must_warn = set(shown.steps) == {PASSED}  # elsewhere the words are those of a failure
        return "right" if expected and (_says(shown, text) or not must_warn) else "open"
    code = verdict.codes[0]
    if _is_of(code, shown.right) and _says(shown, text):
        return "right"
    return "open" if _is_of(code, shown.right) or _is_of(code, shown.open) else "wrong"


def text_of(verdict: Verdict) -> str:
    """Return all that the verdict tells its reader."""
    found = (*verdict.causes, *verdict.warnings)
    return "\n".join(line for cause in found for line in (cause.summary, *cause.remedies))


def _says(shown: Report, text: str) -> bool:
    return all(_found(words, text) for words in shown.says)


def _found(words: str, text: str) -> bool:
    return re.search(words, text, re.IGNORECASE) is not None


def _is_of(code: str, patterns: Sequence[str]) -> bool:
    taken = any(fnmatchcase(code, one) for one in patterns if not one.startswith("!"))
    return taken and not any(fnmatchcase(code, one[1:]) for one in patterns if one[:1] == "!")
