"""Mark the results that make sites differ."""

from collections.abc import Iterator, Sequence

from shared.comparison.causes import (
    ALL_FAIL_ALIKE,
    ALL_PASS,
    JUDGED_DIFFERENTLY,
    LATENCY_DIFFERS,
    NOT_COMPARABLE,
    UNREACHABLE_FROM,
)
from shared.comparison.difference import Difference, Side
from shared.steps import StepName

_NO_DIFFERENCE = (ALL_PASS, ALL_FAIL_ALIKE, NOT_COMPARABLE)
_OF_THE_FIRST_SIDE = (UNREACHABLE_FROM, JUDGED_DIFFERENTLY)
Mark = tuple[StepName, str]
"""A step, and the name of a site."""


def marks(differences: Sequence[Difference]) -> frozenset[Mark]:
    """Return the results that differ from what most sites have seen.

    Where no side is the largest, the results of all sides are marked.
    """
    return frozenset(
        (one.step, site) for one in differences if one.step for site in _deviating(one)
    )


def _deviating(difference: Difference) -> Iterator[str]:
    cause, sides = difference.finding.cause, difference.sides
    if cause in _NO_DIFFERENCE:
        return
    if cause is LATENCY_DIFFERS:
        slow = difference.finding.facts["sites"]
        yield from slow if isinstance(slow, tuple) else ()
        return
    if cause in _OF_THE_FIRST_SIDE:
        yield from sides[0].sites
        return
    yield from (site for side in _smaller(sides) for site in side.sites)


def _smaller(sides: Sequence[Side]) -> Sequence[Side]:
    most = max(len(side.sites) for side in sides)
    largest = [side for side in sides if len(side.sites) == most]
    return sides if len(largest) > 1 else [side for side in sides if side not in largest]
