"""Compare the version that the platform reports to each site."""

from collections.abc import Iterator, Sequence

from shared.comparison.causes import VERSIONS_DIFFER
from shared.comparison.difference import Difference, Side, listed, names
from shared.comparison.grouping import grouped
from shared.comparison.seen import Seen
from shared.diagnosis.outcomes import Finding
from shared.steps import STEPS, StepName


def versions_compared(sites: Sequence[Seen]) -> Iterator[Difference]:
    """Yield that the platform reports different versions at the first step that tells one."""
    for step in STEPS:
        groups = grouped(sites, lambda one, step=step: _version(step, one))  # type: ignore[misc]
        if len(groups) > 1:
            first, *rest = groups.values()
            others = names(one for group in rest for one in group)
            facts = {"sites": names(first), "others": others, "where": listed(groups)}
            sides = tuple(Side(names(group), {"version": v}) for v, group in groups.items())
            yield Difference(Finding(VERSIONS_DIFFER, facts), step, sides)
            return


def _version(step: StepName, site: Seen) -> str | None:
    item = site.item(step)
    version = item.evidence.get("version") if item else None
    return str(version) if version else None
