"""End the sessions that a test opened, however the test ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from shared.diagnosis.outcomes import Failed
from shared.platform.http import HttpRequest
from worker.deadline import Deadline
from worker.http.exchange import Exchange

SIGN_OUT_S = 2.0
_IS_ENDED = (401, 404)  # the platform no longer knows the session


@contextmanager
def signing_out(exchange: Exchange, tell: Callable[[str], None]) -> Iterator[None]:
    """End the sessions that were opened by the end of the block: platforms allow few.

    It may take SIGN_OUT_S, even if the test's time is up or the job was cancelled, and changes no
    verdict. `tell` is called with the reason if a session could not be ended.
    """
    try:
        yield
    finally:
        limit = Deadline.after(SIGN_OUT_S)
        while exchange.sign_outs:
            if why := _why_not_ended(exchange, exchange.sign_outs.pop(), limit):
                tell(why)


def _why_not_ended(exchange: Exchange, sign_out: HttpRequest, limit: Deadline) -> str:
    """Send `sign_out`; return why the session may be still open, in a word, else nothing."""
    try:
        status = exchange.ask(sign_out, limit).status
    except Failed as failed:
        return failed.cause.code
    return f"http {status}" if status >= 400 and status not in _IS_ENDED else ""
