"""Sign in with the key pair, once."""

from typing import TypeVar

from shared.http import Flow
from shared.outcomes import Failed, Passed
from worker.deadline import Deadline
from worker.exchange import Exchange

T = TypeVar("T")

FLOW_S = 15.0


def authenticate(
    exchange: Exchange, flow: Flow[Passed[T]], refusal: Failed | None, deadline: Deadline
) -> Passed[T]:
    """Return what the product's own `flow` finds out, within FLOW_S.

    Raises:
        Failed: `refusal` where there is one, before anything is sent; else with a cause of the
            product or of worker.exchange.
    """
    if refusal:
        raise refusal
    return exchange.follow(flow, deadline.at_most(FLOW_S))
