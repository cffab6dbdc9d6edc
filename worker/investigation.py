"""Find out more about a failure, without credentials and within a budget of its own."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from shared.causes import Cause
from shared.outcomes import Failed
from shared.steps import StepName
from worker.connection import TargetAddress, answers
from worker.deadline import Cancellation, Deadline

_log = logging.getLogger(__name__)

Look = Callable[[Deadline], Failed | None]
"""Gives the failure with a better cause, None if nothing more was seen; it may raise anything."""

CANARY_S = 1.0

VANTAGE_OFFLINE = Cause(
    code="self.vantage_offline",
    owner="us",
    summary="This service's own network is at fault: {canaries} can't be reached either, "
    "so nothing is known of {host}",
    remedies=("Ask the operators to mend the network of this service's workers, then test again.",),
)


class Unexplained(Failed):
    """A failure with a plain cause, and a look that can tell a better one."""

    def __init__(self, plain: Failed, look: Look) -> None:
        super().__init__(plain.cause, *plain.contributing, **plain.finding.facts)
        self.look = look


@dataclass(frozen=True, slots=True)
class Investigator:
    """Looks again after a failure; whatever goes wrong meanwhile, the plain cause stands."""

    budget_s: float
    canaries: tuple[TargetAddress, ...] = ()
    """Addresses that answer whenever this service's own network works."""

    def __call__(self, step: StepName, failed: Failed, cancellation: Cancellation) -> Failed:
        """Return `failed` with the best cause that can be found within the budget."""
        deadline = Deadline.after(self.budget_s, cancellation)
        try:
            if isinstance(failed, Unexplained):
                failed = failed.look(deadline) or failed
            return self._offline(step, failed, deadline) or failed
        except Exception as error:  # noqa: BLE001 -- it may never make a verdict worse
            _log.info("investigation step=%s error=%s", step, type(error).__name__)
            return failed

    def _offline(self, step: StepName, failed: Failed, deadline: Deadline) -> Failed | None:
        """Return that we are cut off ourselves, if it looks like it and no canary answers."""
        is_silence = step in ("dns_lookup", "tcp_connect") and failed.cause.owner == "network"
        if not self.canaries or not is_silence:
            return None
        if any(answers(canary, deadline.at_most(CANARY_S)) for canary in self.canaries):
            return None
        shown = tuple(str(canary) for canary in self.canaries)
        return Failed(VANTAGE_OFFLINE, *failed.findings, canaries=shown)
