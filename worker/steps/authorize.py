"""Tell what the key pair may do, and sign out."""

from contextlib import suppress
from typing import TypeVar

from shared.http import Flow, HttpRequest
from shared.outcomes import Failed, Passed
from worker.deadline import Deadline
from worker.exchange import Exchange

T = TypeVar("T")

FLOW_S = 15.0
SIGN_OUT_S = 2.0


def authorize(
    exchange: Exchange, flow: Flow[Passed[T]], goodbye: HttpRequest | None, deadline: Deadline
) -> Passed[T]:
    """Return what the product's own `flow` finds out, within FLOW_S.

    However it ends, `goodbye` ends the session, if there is one: platforms have few of them. It
    has SIGN_OUT_S even where the test's time is up, and changes no verdict.

    Raises:
        Failed: with a cause of the product or of worker.exchange.
    """
    try:
        return exchange.follow(flow, deadline.at_most(FLOW_S))
    finally:
        if goodbye:
            with suppress(Failed, TimeoutError):
                exchange.ask(goodbye, Deadline.after(SIGN_OUT_S, deadline.cancellation))
