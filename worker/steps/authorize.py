"""Tell what the key pair may do."""

from typing import TypeVar

from shared.platform.http import Flow
from shared.diagnosis.outcomes import Passed
from worker.deadline import Deadline
from worker.http.exchange import Exchange

T = TypeVar("T")

FLOW_S = 15.0


def authorize(exchange: Exchange, flow: Flow[Passed[T]], deadline: Deadline) -> Passed[T]:
    """Return what the product's own `flow` finds out, within FLOW_S.

    Raises:
        Failed: with a cause of the product or of worker.http.exchange.
    """
    return exchange.follow(flow, deadline.at_most(FLOW_S))
