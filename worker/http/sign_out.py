"""End the session that a test opened, however the test ends."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from shared.platform.http import HttpRequest
from shared.diagnosis.outcomes import Failed
from worker.deadline import Deadline
from worker.http.exchange import Exchange

SIGN_OUT_S = 2.0


@contextmanager
def signing_out(
    exchange: Exchange, goodbye: HttpRequest | None, deadline: Deadline
) -> Iterator[None]:
    """Send `goodbye`, if there is one, when the block is over: platforms have few sessions.

    It has SIGN_OUT_S even where the test's time is up, and changes no verdict. Where the job was
    cancelled nothing is sent any more; the platform ends the session in its own time.
    """
    try:
        yield
    finally:
        if goodbye:
            with suppress(Failed, TimeoutError):
                exchange.ask(goodbye, Deadline.after(SIGN_OUT_S, deadline.cancellation))
