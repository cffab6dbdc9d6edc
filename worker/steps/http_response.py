"""See whether anything answers HTTP at all, before a product is looked for."""

from functools import partial

from shared.http import HttpRequest, HttpResponse
from shared.outcomes import Failed, Passed
from worker.deadline import Deadline
from worker.exchange import EMPTY_REPLY, RESET, Exchange
from worker.investigation import Unexplained
from worker.listening import why_it_hangs_up


def http_response(
    exchange: Exchange, hello: HttpRequest, deadline: Deadline
) -> Passed[HttpResponse]:
    """Return the response to the product's first request, whatever its status.

    Raises:
        Failed: with one of the causes of worker.exchange; where the connection was ended, a later
            look can tell whether that is because of the request.
    """
    try:
        response = exchange.ask(hello, deadline)
    except Failed as failed:
        if failed.cause not in (EMPTY_REPLY, RESET):
            raise
        raise Unexplained(failed, partial(why_it_hangs_up, exchange.connection)) from None
    return Passed(response, status=response.status, server=response.headers.get("server", ""))
