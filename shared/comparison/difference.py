"""The form of a difference between sites."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from shared.comparison.seen import Seen
from shared.diagnosis.outcomes import Facts, Finding
from shared.steps import StepName


@dataclass(frozen=True, slots=True)
class Side:
    """Sites that have seen the same, and what they have seen."""

    sites: tuple[str, ...]
    evidence: Facts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """What a comparison has found, with the sites on either side of it.

    Where there are no sides to tell apart, as when all pass, there is one side.
    """

    finding: Finding
    step: StepName | None
    sides: tuple[Side, ...]


def names(sites: Iterable[Seen]) -> tuple[str, ...]:
    """Return the names of `sites`."""
    return tuple(one.site for one in sites)


def listed(groups: Mapping[str, Iterable[Seen]]) -> tuple[str, ...]:
    """Return what was seen with the sites that have seen it, which reads in every language."""
    return tuple(f"{text} ({', '.join(names(sites))})" for text, sites in groups.items())
