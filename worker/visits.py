"""Count visits to hosts that a platform names, as tests of these hosts are counted."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Facts, Failed
from shared.endpoint import Endpoint
from shared.store.errors import StoreUnreachableError
from shared.store.limits.quotas import TARGET, TARGETS, RateExceededError
from worker.deadline import Deadline

_log = logging.getLogger(__name__)

WAIT_S = 1.0
LOOK_AGAIN_S = 0.1

TARGETS_RATE = Cause(
    code="policy.targets_rate",
    owner="us",
    summary=(
        "{host} port {port} was not tested: this token may test {most} different hosts and ports "
        "within a minute"
    ),
    remedies=(
        "Test again in a minute.",
        "Ask the operators of this service to raise the token's targetsPerMinute.",
    ),
)
TARGET_RATE = Cause(
    code="policy.target_rate",
    owner="us",
    summary=(
        "{host} port {port} was not tested: it may be tested {most:time|times} within a minute, "
        "by all tokens together"
    ),
    remedies=("Test again in a minute.",),
)
TARGET_BUSY = Cause(
    code="policy.target_busy",
    owner="us",
    summary=(
        "{host} port {port} was not tested: {most} other tests are connected to it, which is the "
        "limit"
    ),
    remedies=("Test again when fewer tests are running.",),
)
_CAUSES = {TARGETS: TARGETS_RATE, TARGET: TARGET_RATE}


class Limits(Protocol):
    """The limits that all workers share; shared.store has them.

    Each method may raise StoreUnreachableError: the outcome is unknown.
    """

    @property
    def per_target(self) -> int:
        """How many visits of one target may go on."""

    def count(self, token: str, targets_per_minute: int | None, target: str) -> None:
        """Count a visit like a test; raise RateExceededError if there were too many."""

    def enter(self, target: str) -> str | None:
        """Return a visit that begins now; None if there are too many."""

    def leave(self, target: str, visit: str) -> None:
        """End a visit."""


@dataclass(frozen=True, slots=True)
class Visits:
    """The visits of one test, whose token has these limits."""

    limits: Limits
    token: str = ""
    targets_per_minute: int | None = None
    is_metered: bool = False

    @contextmanager
    def to(self, endpoint: Endpoint, deadline: Deadline) -> Iterator[None]:
        """Visit the complete `endpoint` for the duration of the block, if the limits allow it.

        While the store is unreachable, they do.

        Raises:
            Failed: TARGETS_RATE, TARGET_RATE or, after WAIT_S, TARGET_BUSY.
        """
        target = f"{endpoint.server_name}:{endpoint.port}"
        place: Facts = {"host": endpoint.server_name, "port": endpoint.port or 0}
        visit = None
        try:
            if self.is_metered:
                with deadline.clock.stopped():
                    self.limits.count(self.token, self.targets_per_minute, target)
            visit = self._entered(target, deadline.at_most(WAIT_S))
            if visit is None:
                raise Failed(TARGET_BUSY, most=self.limits.per_target, **place)
        except RateExceededError as error:
            raise Failed(_CAUSES[error.quota.name], most=error.quota.limit, **place) from None
        except StoreUnreachableError:
            _log.warning("visits store=unreachable")
        try:
            yield
        finally:
            if visit:
                # Where the store is away, it is forgotten after a while.
                with deadline.clock.stopped(), suppress(StoreUnreachableError):
                    self.limits.leave(target, visit)

    def _entered(self, target: str, limit: Deadline) -> str | None:
        while (visit := self._enters(target, limit)) is None and not limit.is_over:
            time.sleep(LOOK_AGAIN_S)
        return visit

    def _enters(self, target: str, limit: Deadline) -> str | None:
        with limit.clock.stopped():
            return self.limits.enter(target)
