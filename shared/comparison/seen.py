"""What one site has seen of a platform, as far as its job proves it."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.diagnosis.report import DetailedItem, Job

_ABOUT_US = ("policy.", "self.")
_OF_THE_NETWORK = "self.vantage_"
_WITHHELD = "policy.just_rejected"


@dataclass(frozen=True, slots=True)
class Seen:
    """The job of one site, and the public addresses that the site's connections come from."""

    site: str
    job: Job
    egress: tuple[str, ...] = ()

    def item(self, step: str) -> DetailedItem | None:
        """Return the result of a step, if it says something about the platform."""
        return next((one for one in self.job.made if one.name == step and _says(one)), None)

    def passed(self, step: str) -> DetailedItem | None:
        """Return the result of a step that passed, with a warning or without."""
        item = self.item(step)
        return item if item and item.outcome != "failed" else None

    @property
    def failed(self) -> DetailedItem | None:
        """The step that failed for a reason that is not this service's own."""
        made = (one for one in self.job.made if one.outcome == "failed")
        return next(filter(_says, made), None)

    @property
    def passes(self) -> bool:
        """Whether the whole test passed."""
        return self.job.status == "finished" and bool(self.job.success)

    @property
    def is_tested(self) -> bool:
        """Whether the site has a verdict: one that was not asked is no evidence."""
        return self.passes or self.failed is not None

    @property
    def withheld(self) -> DetailedItem | None:
        """The sign-in that was not tried, because the platform has just rejected the key pair."""
        made = (one for one in self.job.made if one.outcome == "failed")
        return next((one for one in made if _WITHHELD in codes_of(one)), None)

    @property
    def reported_as(self) -> str:
        """Where its connections come from, as whoever must allow them needs it."""
        return f"{' '.join(self.egress)} ({self.site})" if self.egress else self.site


def codes_of(item: DetailedItem) -> Iterator[str]:
    """Yield the codes of all that was found at a step."""
    if item.cause:
        yield item.cause
    yield from (one.cause for one in item.contributing)


def _says(item: DetailedItem) -> bool:
    """Return whether the result is the platform's or the network's, not a limit or bug of ours.

    A key pair that was withheld was not judged, although an earlier judgement is shown.
    """
    if item.outcome != "failed":
        return True
    cause = item.cause or ""
    is_ours = cause.startswith(_ABOUT_US) and not cause.startswith(_OF_THE_NETWORK)
    return not is_ours and _WITHHELD not in codes_of(item)
