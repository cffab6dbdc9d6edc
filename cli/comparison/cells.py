"""The results of all steps from all sites, while the tests run and at the end."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from cli.terminal.steps_view import StepsSoFar

if TYPE_CHECKING:
    # For types only, because loading the client takes 50 ms.
    from conncheck_client import ComparedSite, Comparison, ComparisonEvent


class Cell(NamedTuple):
    """The result of one step from one site."""

    outcome: str | None
    """`running`, `not_part` of the test from this site, or None where it is not known yet."""
    took_ms: float | None = None
    cause: str | None = None
    differs: bool = False


class Cells:
    """A comparison as its events report it."""

    def __init__(self, comparison: "Comparison") -> None:
        self.comparison = comparison
        self._jobs: dict[str, StepsSoFar] = {}

    def take(self, event: "ComparisonEvent") -> None:
        """Apply the next event."""
        if event.finished:
            self.comparison = event.finished
            self._jobs.clear()
        else:
            self._jobs.setdefault(event.site, StepsSoFar(())).take(event)

    @property
    def steps(self) -> tuple[str, ...]:
        """The rows."""
        return tuple(step.name for step in self.comparison.steps)

    @property
    def sites(self) -> "tuple[ComparedSite, ...]":
        """The columns."""
        return self.comparison.sites

    def cell(self, step: str, site: str) -> Cell:
        """Return the result of a step from a site."""
        job = self._jobs.get(site)
        if job is None:
            return self._told(step, site)
        item = next((one for one in job.items if one.name == step), None)
        if item:
            return Cell(item.outcome, item.took_ms, item.cause)
        if step == job.current:
            return Cell("running", _so_long_ms(job.current_since))
        return Cell(None if not job.steps or step in job.steps else "not_part")

    def _told(self, step: str, site: str) -> Cell:
        results = next(one.results for one in self.comparison.steps if one.name == step)
        found = next((one for one in results if one.site == site), None)
        if found is None:
            return Cell(None)
        return Cell(found.outcome, found.took_ms, found.cause, found.differs)

    def state(self, site: "ComparedSite") -> str:
        """Return what is said of a column: its outcome, or else where it stands."""
        job = self._jobs.get(site.site)
        if job and not self.comparison.is_over:
            return "ended" if job.is_over else "running" if job.items or job.current else "queued"
        return site.outcome or site.status


def _so_long_ms(since: datetime | None) -> float:
    return (datetime.now(UTC) - since).total_seconds() * 1000 if since else 0.0
