"""Count the results of a bulk test."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cli.terminal.exit_status import COULD_NOT_TEST, FAILED, PASSED
from conncheck_client import BatchResult


@dataclass(slots=True)
class Tally:
    """How many platforms passed, failed, or ended without a verdict."""

    total: int
    passed: int = 0
    warnings: int = 0
    failed: int = 0
    others: int = 0
    """Ended without a verdict."""

    @property
    def done(self) -> int:
        """How many platforms are done."""
        return self.passed + self.failed + self.others

    def take(self, result: BatchResult) -> None:
        """Count a result."""
        state = state_of(result)
        self.passed += state in ("passed", "warning")
        self.warnings += state == "warning"
        self.failed += state == "failed"
        self.others += state == "untested"


def tally_of(total: int, results: Iterable[BatchResult]) -> Tally:
    """Return the tally of `total` platforms with these results so far."""
    tally = Tally(total)
    for one in results:
        tally.take(one)
    return tally


def state_of(result: BatchResult) -> str:
    """Return passed, warning, failed, or untested if there is no verdict."""
    if result.status == "passed":
        return "warning" if result.outcome == "warning" else "passed"
    return "failed" if result.status == "failed" and result.owner != "us" else "untested"


def bulk_exit_status(results: Sequence[BatchResult], rejected: int) -> int:
    """Return 1 if any platform failed, else 3 if any was not tested, else 0."""
    states = {state_of(one) for one in results}
    if "failed" in states:
        return FAILED
    return COULD_NOT_TEST if "untested" in states or rejected else PASSED
