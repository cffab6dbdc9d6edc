"""A platform's clock according to its answers, for requests that are signed with a date."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.diagnosis.outcomes import Fact, Facts, Failed, Finding
from shared.platform.http import HttpResponse
from shared.platform.keys.key_pair import CLOCK_OFF, CLOCK_SKEW

WORTH_SIGNING_WITH = timedelta(days=1)  # with more, a signature would outlive this test
WARN_SKEW_S = 120


@dataclass(frozen=True, slots=True)
class ServerClock:
    """The time of the platform's clock in its last answer, and the difference from ours."""

    now: datetime
    """The time to sign with."""
    skew_s: int
    """Seconds by which the platform's clock is ahead of ours; negative if behind."""
    is_shown: bool = True
    """Whether the answer had a date."""

    @classmethod
    def of(cls, response: HttpResponse) -> "ServerClock":
        """Return the clock in `response`; one that is days off is not used for signatures."""
        ours, theirs = response.received_at, response.date
        if theirs is None:
            return cls(ours, 0, is_shown=False)
        is_near = abs(theirs - ours) <= WORTH_SIGNING_WITH
        return cls(theirs if is_near else ours, round((theirs - ours).total_seconds()))

    def warnings(self, allowed_s: int) -> tuple[Finding, ...]:
        """Return a warning if the clock is off: clients that differ by `allowed_s` are rejected."""
        is_off = abs(self.skew_s) > WARN_SKEW_S
        return (Finding(CLOCK_OFF, self._facts(allowed_s)),) if is_off else ()

    def refused(self, allowed_s: int) -> Failed:
        """Return the failure for a platform that rejects the date that its own clock shows.

        If its answers show our time, their Date is not of the clock that judges: a proxy's, or that
        of another node.
        """
        if abs(self.skew_s) <= WARN_SKEW_S:
            shown: dict[str, Fact] = {"shown_skew_s": abs(self.skew_s)} if self.is_shown else {}
            return Failed(CLOCK_SKEW, **shown, allowed_s=allowed_s)
        return Failed(CLOCK_SKEW, **self._facts(allowed_s))

    def _facts(self, allowed_s: int) -> Facts:
        return {**skew_facts(self.skew_s), "allowed_s": allowed_s}


def skew_facts(skew_s: int) -> Facts:
    """Return the facts of a clock that is ahead of ours, or behind if the skew is negative."""
    off_s = abs(skew_s)
    return {"skew_s": off_s, "ahead_s" if skew_s > 0 else "behind_s": off_s}
