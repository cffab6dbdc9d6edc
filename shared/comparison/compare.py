"""Compare the jobs of several sites: START HERE."""

from collections.abc import Iterator, Mapping, Sequence

from shared.comparison.addresses import names_compared
from shared.comparison.certificates import certificates_compared
from shared.comparison.difference import Difference
from shared.comparison.latency import latency_compared
from shared.comparison.outcomes import outcomes_compared, withheld_compared
from shared.comparison.seen import Seen
from shared.comparison.versions import versions_compared
from shared.diagnosis.report import Job


def differences_between(
    jobs: Mapping[str, Job | None], egress: Mapping[str, Sequence[str]] | None = None
) -> Sequence[Difference]:
    """Return what the closed jobs of several sites prove about the differences between the sites.

    `jobs` has a job for each site, None for a site that was not asked; `egress` the public
    addresses of the sites' connections. How the outcomes differ comes first, then what can be the
    reason. There is nothing to compare where fewer than two sites have a verdict.
    """
    addresses = egress or {}
    seen = [Seen(s, job, tuple(addresses.get(s, ()))) for s, job in jobs.items() if job]
    return [*_differences(seen, [site for site, job in jobs.items() if job is None])]


def _differences(seen: Sequence[Seen], not_asked: Sequence[str]) -> Iterator[Difference]:
    tested = [one for one in seen if one.is_tested]
    withheld = [*withheld_compared(seen)]
    yield from withheld
    if len(tested) < 2:
        return
    silent = [one.site for one in seen if not one.is_tested]
    if not withheld:
        yield from outcomes_compared(tested, [*silent, *not_asked])
    yield from names_compared(seen)
    yield from certificates_compared(seen)
    yield from versions_compared(seen)
    yield from latency_compared(seen)
