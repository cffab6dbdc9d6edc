"""Investigate a failure, without credentials and within a separate time limit."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed, Finding
from shared.steps import StepName
from worker.deadline import Cancellation, Deadline
from worker.tcp.connection import TargetAddress, answers

_log = logging.getLogger(__name__)

Look = Callable[[Deadline], Failed | None]
"""Returns the failure with a better cause, or None if it found none; it may raise anything."""

CANARY_S = 1.0

VANTAGE_OFFLINE = Cause(
    code="self.vantage_offline",
    owner="us",
    summary=(
        "The fault is in this service's own network[ at site {at_site}]: {canaries} cannot be "
        "reached either, so the state of {host} is unknown"
    ),
    remedies=(
        ("Ask the operators of this service to fix the network of its workers, then test again."),
    ),
)


class Unexplained(Failed):
    """A failure with a plain cause, and an investigation that may find a better one."""

    def __init__(self, plain: Failed, look: Look) -> None:
        super().__init__(plain.cause, *plain.contributing, **plain.finding.facts)
        self.look = look
        self._known_before = len(plain.contributing)

    @property
    def added(self) -> tuple[Finding, ...]:
        """Findings that were added after the step failed; the investigation does not know them."""
        return self.contributing[self._known_before :]


@dataclass(frozen=True, slots=True)
class Investigator:
    """Investigates failures; if an investigation itself fails, the plain cause stands."""

    budget_s: float
    canaries: tuple[TargetAddress, ...] = ()
    """Addresses that answer whenever this service's own network works."""

    def __call__(self, step: StepName, failed: Failed, cancellation: Cancellation) -> Failed:
        """Return `failed` with the best cause that can be found within the budget."""
        deadline = Deadline.after(self.budget_s, cancellation)
        explained = self._explained(step, failed, deadline)
        return self._offline(step, explained, deadline) or explained

    def _explained(self, step: StepName, failed: Failed, deadline: Deadline) -> Failed:
        """Return the better cause of a failure, if its investigation finds one."""
        if not isinstance(failed, Unexplained):
            return failed
        # The canaries are asked after the investigation, and need time of their own.
        left_s = self.budget_s - CANARY_S if self.canaries else self.budget_s
        limit = deadline.at_most(left_s)
        try:
            limit.remaining_s()  # without time, every answer would look like silence
            better = failed.look(limit)
        except Exception as error:  # noqa: BLE001 -- it may never make a verdict worse
            _log.info("investigation step=%s error=%s", step, type(error).__name__)
            return failed
        return _joined(better, failed) if better else failed

    def _offline(self, step: StepName, failed: Failed, deadline: Deadline) -> Failed | None:
        """Return a failure if our own network may be down and no canary answers."""
        is_silence = step in ("dns_lookup", "tcp_connect") and failed.cause.owner == "network"
        if not self.canaries or not is_silence:
            return None
        share_s = deadline.left_s / len(self.canaries)
        for canary in self.canaries:
            limit = deadline.at_most(min(share_s, CANARY_S))
            if limit.is_over or answers(canary, limit):
                return None
        shown = tuple(str(canary) for canary in self.canaries)
        return Failed(VANTAGE_OFFLINE, *failed.findings, canaries=shown)


def _joined(better: Failed, plain: Unexplained) -> Failed:
    """Return `better` with the findings that were added to `plain`."""
    codes = {finding.cause.code for finding in better.findings}
    missing = [one for one in plain.added if one.cause.code not in codes]
    return Failed(better.cause, *better.contributing, *missing, **better.finding.facts)
