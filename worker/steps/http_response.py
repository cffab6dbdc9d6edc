"""Check whether the port answers HTTP at all, before identifying the product."""

from collections.abc import Callable, Sequence

from shared.diagnosis.outcomes import Failed, Finding, Passed
from shared.platform.http import HttpRequest, HttpResponse
from worker.deadline import Deadline
from worker.http.exchange import Exchange
from worker.investigations.http_response import unanswered


def http_response(
    exchange: Exchange,
    hello: HttpRequest,
    doubts: Callable[[HttpResponse], Sequence[Finding]],
    deadline: Deadline,
) -> Passed[HttpResponse]:
    """Return the response to the product's first request, whatever its status, with its `doubts`.

    Raises:
        Failed: with one of the causes of worker.http.exchange; an investigation can find out
            whether a different request gets an answer.
    """
    try:
        response = exchange.ask(hello, deadline)
    except Failed as failed:
        raise unanswered(failed, exchange, hello) from None
    server = response.headers.get("server", "")
    return Passed(response, *doubts(response), status=response.status, server=server)
