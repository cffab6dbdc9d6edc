"""See whether anything answers HTTP at all, before a product is looked for."""

from shared.http import HttpRequest, HttpResponse
from shared.outcomes import Passed
from worker.deadline import Deadline
from worker.exchange import Exchange


def http_response(
    exchange: Exchange, hello: HttpRequest, deadline: Deadline
) -> Passed[HttpResponse]:
    """Return the response to the product's first request, whatever its status.

    Raises:
        Failed: with one of the causes of worker.exchange.
    """
    response = exchange.ask(hello, deadline)
    return Passed(response, status=response.status, server=response.headers.get("server", ""))
