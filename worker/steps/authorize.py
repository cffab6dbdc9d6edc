"""Find out what the key pair is allowed to do."""

from typing import TypeVar

from shared.diagnosis.outcomes import Passed
from shared.platform.http import Flow
from worker.deadline import Deadline
from worker.http.exchange import Exchange

T = TypeVar("T")

FLOW_S = 15.0


def authorize(exchange: Exchange, flow: Flow[Passed[T]], deadline: Deadline) -> Passed[T]:
    """Return the result of the product's own `flow`, which may take FLOW_S.

    Raises:
        Failed: with a cause of the product or of worker.http.exchange.
    """
    return exchange.follow(flow, deadline.at_most(FLOW_S))
