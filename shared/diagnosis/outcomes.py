"""The outcomes of a step."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from string import Formatter
from typing import Generic, TypeVar

from shared.diagnosis.causes import Cause
from shared.text import printable

T_co = TypeVar("T_co", covariant=True)

Fact = str | int | float | bool | tuple[str, ...]
"""A named value of evidence: seconds end in _s, milliseconds in _ms, dates are ISO 8601."""

Facts = Mapping[str, Fact]


def shown(fact: Fact) -> str:
    """Return a fact in a form that is safe to show in a sentence."""
    if isinstance(fact, tuple):
        return ", ".join(printable(part) for part in fact)
    return printable(fact)


_OPTIONAL = re.compile(r"\[([^][]*)\]")
_EITHER = re.compile(r"\|(?![^{}]*\})")
_COUNTED = re.compile(r"\{(\w+):[^{}|]*\|([^{}|]*)\}")


class _Shown(str):
    """A fact in a text; formatted with "day|days" it is followed by its noun in the right form."""

    __slots__ = ()

    def __format__(self, forms: str) -> str:
        one, _, many = forms.partition("|")
        return f"{self!s} {one if self == '1' else many}" if forms else str(self)


class _Texts(dict[str, _Shown]):
    """The texts of facts, each made when a template asks for it."""

    def __init__(self, facts: Facts) -> None:
        super().__init__()
        self._facts = facts

    def __missing__(self, name: str) -> _Shown:
        text = self[name] = _Shown(shown(self._facts[name]))
        return text


def in_plural(template: str) -> str:
    """Return `template` for those who read it unfilled: {days:day|days} is {days} days."""
    return _COUNTED.sub(r"{\1} \2", template)


def filled(template: str, facts: Facts) -> str:
    """Return `template` filled with `facts`; a [part] is left out if one of its facts is unknown.

    Of [one|another] the first is told whose facts are all known. {days:day|days} is a count with
    its noun: 1 day, 2 days.

    Raises:
        KeyError: a fact outside the brackets is unknown.
    """
    texts = _Texts(facts)
    told = []
    # Every part is filled separately, so that no fact is treated as a template.
    for choice in _parts_of(template):
        for names, part in choice:
            if names is None or names <= facts.keys():
                told.append(part.format_map(texts) if names != _NO_NAMES else part)
                break
    return "".join(told)


_Part = tuple[frozenset[str] | None, str]
"""The names that an optional part needs, None for a part that is always told, and its text."""
_NO_NAMES: frozenset[str] = frozenset()


@lru_cache(maxsize=2048)
def _parts_of(template: str) -> Sequence[Sequence[_Part]]:
    """Return the parts of a template, each second of them a choice of optional ones."""
    parts = enumerate(_OPTIONAL.split(template))
    return [
        [(frozenset(_names_in(one)), one) for one in _EITHER.split(part)]
        if n % 2
        else [(None, part)]
        for n, part in parts
        if part
    ]


SAYS = '; {host}[ ({gateway})] says: "{says}"'
"""Follows a summary if the platform gave a reason in words of its own."""


def told(template: str, facts: Facts, says: str = SAYS) -> str:
    """Return the summary `template` filled with `facts`, and what the platform says.

    Raises:
        KeyError: a fact outside the brackets is unknown.
    """
    says_more = "says" in facts and "says" not in named_in(template)
    return filled(template, facts) + (filled(says, facts) if says_more else "")


def named_in(*templates: str) -> set[str]:
    """Return the names of the facts that `templates` use."""
    return {name for template in templates for name in _names_in(template)}


@lru_cache(maxsize=2048)
def _names_in(template: str) -> Sequence[str]:
    return [name for _, name, _, _ in Formatter().parse(template) if name]


@dataclass(frozen=True, slots=True)
class Finding:
    """A cause, with the facts that are the evidence for it."""

    cause: Cause
    facts: Facts = field(default_factory=dict)

    def summary(self, known: Facts) -> str:
        """Return the finding as one sentence.

        `known` has the facts of the whole job (host, port, product); the finding's own facts
        override them.
        """
        return told(self.cause.summary, {**known, **self.facts})

    def remedies(self, known: Facts) -> tuple[str, ...]:
        """Return what to do about it, most likely first."""
        facts = {**known, **self.facts}
        said = (filled(remedy, facts) for remedy in self.cause.remedies)
        return tuple(remedy for remedy in said if remedy)


@dataclass(frozen=True, slots=True, init=False)
class Passed(Generic[T_co]):
    """A step that passed: the value for the next step, warnings, and facts to show."""

    value: T_co
    warnings: tuple[Finding, ...]
    facts: Facts

    def __init__(self, value: T_co, *warnings: Finding, **facts: Fact) -> None:
        object.__setattr__(self, "value", value)
        object.__setattr__(self, "warnings", warnings)
        object.__setattr__(self, "facts", facts)


class Failed(Exception):  # noqa: N818 -- a step's outcome, raised; its name is the outcome's
    """Raised by a step that failed, with the cause and its evidence.

    `contributing` are further findings of the same step, the most specific first.
    """

    def __init__(self, cause: Cause, *contributing: Finding, **facts: Fact) -> None:
        super().__init__(cause.code)
        self.finding = Finding(cause, facts)
        self.contributing = contributing

    def hear(self, said: Facts) -> None:
        """Add the facts of what an answer `said`, unless it has better ones."""
        self.finding = Finding(self.cause, {**said, **self.finding.facts})

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The finding of the cause, and the contributing ones."""
        return self.finding, *self.contributing

    @property
    def cause(self) -> Cause:
        """The cause without facts, for `is` comparisons."""
        return self.finding.cause
