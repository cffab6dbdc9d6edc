"""What a step can come back with."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from shared.diagnosis.causes import Cause
from shared.text import printable

T_co = TypeVar("T_co", covariant=True)

Fact = str | int | float | bool | tuple[str, ...]
"""A named value of evidence: seconds end in _s, milliseconds in _ms, dates are ISO 8601."""

Facts = Mapping[str, Fact]


def shown(fact: Fact) -> str:
    """Return a fact as it may stand in a sentence, whoever sent it."""
    if isinstance(fact, tuple):
        return ", ".join(printable(part) for part in fact)
    return printable(fact)


_OPTIONAL = re.compile(r"\[([^][]*)\]")


def filled(template: str, facts: Facts) -> str:
    """Return `template` with `facts` for its {names}, its [parts] only where all are known.

    Raises:
        KeyError: a fact outside of the brackets is unknown.
    """
    texts = {name: shown(fact) for name, fact in facts.items()}
    # Every part is filled by itself, so that no fact can pass for a template.
    parts = enumerate(_OPTIONAL.split(template))
    return "".join(_optional(p, texts) if n % 2 else p.format_map(texts) for n, p in parts)


def _optional(part: str, texts: Mapping[str, str]) -> str:
    try:
        return part.format_map(texts)
    except KeyError:
        return ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause together with the facts that it was found by."""

    cause: Cause
    facts: Facts = field(default_factory=dict)

    def summary(self, known: Facts) -> str:
        """Return the fact that was found as one sentence.

        `known` holds what is true of the whole job (host, port, product); the finding's own
        facts win over it.
        """
        return filled(self.cause.summary, {**known, **self.facts})

    def remedies(self, known: Facts) -> tuple[str, ...]:
        """Return what to do about it, most likely first."""
        said = (filled(remedy, {**known, **self.facts}) for remedy in self.cause.remedies)
        return tuple(remedy for remedy in said if remedy)


@dataclass(frozen=True, slots=True, init=False)
class Passed(Generic[T_co]):
    """A step that went well: what the next step needs, and what is worth showing of it."""

    value: T_co
    warnings: tuple[Finding, ...]
    facts: Facts

    def __init__(self, value: T_co, *warnings: Finding, **facts: Fact) -> None:
        object.__setattr__(self, "value", value)
        object.__setattr__(self, "warnings", warnings)
        object.__setattr__(self, "facts", facts)


class Failed(Exception):  # noqa: N818 -- a step's outcome, raised; its name is the outcome's
    """Raised by a step that failed, with the cause and the facts it was found by.

    `contributing` are findings that the same step made beside it, the most telling first.
    """

    def __init__(self, cause: Cause, *contributing: Finding, **facts: Fact) -> None:
        super().__init__(cause.code)
        self.finding = Finding(cause, facts)
        self.contributing = contributing

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The cause's finding, and those that contribute."""
        return self.finding, *self.contributing

    @property
    def cause(self) -> Cause:
        """The cause alone, for `is` comparisons."""
        return self.finding.cause
