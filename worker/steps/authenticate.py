"""Sign in with the key pair, once."""

from collections.abc import Callable
from typing import TypeVar

from shared.diagnosis.outcomes import Failed, Passed
from shared.platform.http import Flow
from shared.platform.keys.input_checks import Doubts, doubting
from worker.deadline import Deadline
from worker.http.exchange import Exchange

T = TypeVar("T")
Refusal = Callable[[], Failed | None]
"""Returns why the key pair must not be presented; None if it may."""

FLOW_S = 15.0


def authenticate(
    exchange: Exchange,
    flow: Flow[Passed[T]],
    doubts: Doubts,
    refusal: Refusal,
    deadline: Deadline,
) -> Passed[T]:
    """Return the result of the product's own `flow`, which may take FLOW_S.

    If the key pair is rejected, `doubts` about how it was typed contribute to the failure.

    Raises:
        Failed: what `refusal` returns, before anything is sent; else with a cause of the
            product or of worker.http.exchange.
    """
    with deadline.clock.stopped():
        refused = refusal()
    if refused:
        raise refused
    flow = doubting(flow, doubts, rejections_only=True)
    return exchange.follow(flow, deadline.at_most(FLOW_S))
