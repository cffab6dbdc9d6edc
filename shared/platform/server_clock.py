"""A platform's clock as its answers tell it, for requests that are signed with a date."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.platform.http import HttpResponse
from shared.platform.key_pair import CLOCK_OFF, CLOCK_SKEW
from shared.diagnosis.outcomes import Facts, Failed, Finding

WORTH_SIGNING_WITH = timedelta(days=1)  # more would make a signature that outlives this test
WARN_SKEW_S = 120


@dataclass(frozen=True, slots=True)
class ServerClock:
    """What the platform's clock showed when it answered last, and how far it is off ours."""

    now: datetime
    """The time to sign with."""
    skew_s: int
    """Seconds by which the platform's clock is ahead of ours; negative if behind."""

    @classmethod
    def of(cls, response: HttpResponse) -> "ServerClock":
        """Return the clock that `response` shows; one that is days off is not signed with."""
        ours, theirs = response.received_at, response.date
        if theirs is None:
            return cls(ours, 0)
        is_near = abs(theirs - ours) <= WORTH_SIGNING_WITH
        return cls(theirs if is_near else ours, round((theirs - ours).total_seconds()))

    def warnings(self, allowed_s: int) -> tuple[Finding, ...]:
        """Return that the clock is off, if it is: others who sign are refused at `allowed_s`."""
        is_off = abs(self.skew_s) > WARN_SKEW_S
        return (Finding(CLOCK_OFF, self._facts(allowed_s)),) if is_off else ()

    def refused(self, allowed_s: int) -> Failed:
        """Return that the platform refuses the date although it is the one that it shows."""
        return Failed(CLOCK_SKEW, **self._facts(allowed_s))

    def _facts(self, allowed_s: int) -> Facts:
        return {**skew_facts(self.skew_s), "allowed_s": allowed_s}


def skew_facts(skew_s: int) -> Facts:
    """Return by how much a clock that is ahead of ours, or behind with a negative skew, is off."""
    off_s = abs(skew_s)
    return {"skew_s": off_s, "ahead_s" if skew_s > 0 else "behind_s": off_s}
