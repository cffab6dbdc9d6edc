import pytest

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Finding
from shared.platform.http import HttpRequest, HttpResponse
from tests.network.loopback import connected, endpoint, failure_to, soon
from tests.network.servers import answering, hang_up_after_reading, reply, serving
from worker.http.exchange import Exchange
from worker.http.response_reader import EMPTY_REPLY
from worker.steps.http_response import http_response

HELLO = HttpRequest("GET", "/hello")


def no_doubts(_: HttpResponse) -> tuple[Finding, ...]:
    return ()


@pytest.mark.parametrize("status", [200, 302, 401, 404, 503])
def test_whatever_answers_has_answered(status: int) -> None:
    """What an answer means is the product's to say, in the next step."""
    script = answering(reply(b"body", "Server: nginx", status=f"{status} Whatever"))
    with serving(script) as server, connected(server.port) as connection:
        passed = http_response(Exchange(connection, endpoint()), HELLO, no_doubts, soon())

        assert server.requests[0].startswith(b"GET /hello HTTP/1.1\r\n")
    assert passed.value.body == b"body"
    assert passed.facts == {"status": status, "server": "nginx"}


def test_a_server_that_does_not_name_itself_has_no_name() -> None:
    """The fact is there all the same, so that a report has no holes."""
    with serving(answering(reply())) as server, connected(server.port) as connection:
        passed = http_response(Exchange(connection, endpoint()), HELLO, no_doubts, soon())

    assert passed.facts["server"] == ""


def test_what_the_product_doubts_is_a_warning() -> None:
    """A plain web server that answers with an error has answered all the same."""
    doubt = Finding(Cause("test.odd", "caller", "{host} is odd", (), severity="warning"))
    with serving(answering(reply())) as server, connected(server.port) as connection:
        exchange = Exchange(connection, endpoint())
        passed = http_response(exchange, HELLO, lambda _: (doubt,), soon())

    assert passed.warnings == (doubt,)


def test_no_answer_fails_with_the_causes_of_the_exchange() -> None:
    """The exchange knows the ways in which an answer can be missing."""
    with serving(hang_up_after_reading) as server, connected(server.port) as connection:
        exchange = Exchange(connection, endpoint())

        assert (
            failure_to(lambda: http_response(exchange, HELLO, no_doubts, soon())).cause
            is EMPTY_REPLY
        )
