"""End the session that a test opened, however the test ends."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from shared.diagnosis.outcomes import Failed
from shared.platform.http import HttpRequest
from worker.deadline import Deadline
from worker.http.exchange import Exchange

SIGN_OUT_S = 2.0


@contextmanager
def signing_out(
    exchange: Exchange, goodbye: HttpRequest | None, deadline: Deadline
) -> Iterator[None]:
    """Send `goodbye`, if there is one, after the block: platforms allow few sessions.

    It may take SIGN_OUT_S even if the test's time is up, and changes no verdict. If the job was
    cancelled, nothing more is sent; the session then expires on the platform.
    """
    try:
        yield
    finally:
        if goodbye:
            with suppress(Failed, TimeoutError):
                exchange.ask(goodbye, Deadline.after(SIGN_OUT_S, deadline.cancellation))
