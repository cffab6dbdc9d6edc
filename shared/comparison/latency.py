"""Compare how long a step takes from each site."""

from collections.abc import Iterator, Sequence
from typing import Final

from shared.comparison.causes import LATENCY_DIFFERS
from shared.comparison.difference import Difference, Side, names
from shared.comparison.seen import Seen
from shared.diagnosis.outcomes import Finding
from shared.steps import STEPS, StepName

TIMES: Final = 3.0
LEAST_MS: Final = 50.0
_FROM_A_CACHE: Final = "dns_lookup"


def latency_compared(sites: Sequence[Seen]) -> Iterator[Difference]:
    """Yield the first step that takes over TIMES as long from some sites, and LEAST_MS longer.

    A long way makes each step slower that follows, which is no further difference. How long a
    lookup takes depends on what the name server has in its cache.
    """
    for step in STEPS:
        if step != _FROM_A_CACHE and (found := _at(step, sites)):
            yield found
            return


def _at(step: StepName, sites: Sequence[Seen]) -> Difference | None:
    took_ms = {one.site: item.took_ms for one in sites if (item := one.passed(step))}
    if len(took_ms) < 2:
        return None
    least_ms = min(took_ms.values())
    slow = [
        one
        for one in sites
        if (ms := took_ms.get(one.site, 0.0)) > TIMES * least_ms and ms - least_ms > LEAST_MS
    ]
    if not slow:
        return None
    fast = [one for one in sites if one.site in took_ms and one not in slow]
    facts = {
        "sites": names(slow),
        "others": names(fast),
        "step": step,
        "slow_ms": _range([took_ms[one.site] for one in slow]),
        "fast_ms": _range([took_ms[one.site] for one in fast]),
    }
    sides = tuple(Side((one.site,), {"took_ms": took_ms[one.site]}) for one in (*slow, *fast))
    return Difference(Finding(LATENCY_DIFFERS, facts), step, sides)


def _range(all_ms: Sequence[float]) -> str:
    """Return the least and the most of some times, in one number where they are the same."""
    least, most = round(min(all_ms)), round(max(all_ms))
    return str(least) if least == most else f"{least}-{most}"
