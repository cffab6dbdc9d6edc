import socket
from pathlib import Path

import pytest

from cli.service_access import ServerChoice
from cli.single.service_errors import why_refused
from conncheck_client import NoSuchError, Problem, UnexpectedAnswerError, UnreachableError

TOKEN = "token-token-token"
NOT_FOUND = Problem(type="about:blank", title="Not Found", status=404, detail="Not Found")


def test_why_a_service_is_not_reached_is_found_out() -> None:
    """Telling it is what this program is for."""
    with socket.socket() as bound:  # and does not listen
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        server = ServerChoice(f"http://127.0.0.1:{port}", TOKEN, None)

        said = why_refused(server, UnreachableError("[Errno 111] Connection refused"))

    assert said.startswith(f"{server.url} can't be used: ")
    assert f"127.0.0.1 refused the connection on port {port}" in said
    assert "Errno" not in said


def test_what_answers_as_something_else_is_named_by_its_url() -> None:
    """The port of another service is one digit away."""
    server = ServerChoice("http://127.0.0.1:8080", TOKEN, None)

    said = why_refused(server, UnexpectedAnswerError("127.0.0.1 answered 404 Not Found"))

    assert said == "http://127.0.0.1:8080: 127.0.0.1 answered 404 Not Found"


def test_a_path_that_has_no_such_call_is_named_by_its_url() -> None:
    """Not Found alone would be about the platform."""
    server = ServerChoice("http://127.0.0.1:8080/prefix", TOKEN, None)

    said = why_refused(server, NoSuchError(NOT_FOUND, None))

    assert said == "http://127.0.0.1:8080/prefix: Not Found"


@pytest.mark.parametrize("url", ["http://h.invalid/?q=1", "http://a_b c:80", "http://[::1%lo]:1"])
def test_a_url_that_no_test_takes_is_no_crash(url: str) -> None:
    """It is typed by hand, and has passed as a URL before."""
    said = why_refused(ServerChoice(url, TOKEN, None), UnreachableError("no route"))

    assert said.startswith(f"{url} can't be used: The endpoint")


def test_more_authorities_than_a_test_takes_are_no_crash(tmp_path: Path) -> None:
    """The bundle of a whole system has 140 of them."""
    bundle = tmp_path / "ca.pem"
    bundle.write_text("#\n" * 1_000_000)
    server = ServerChoice("https://127.0.0.1:1", TOKEN, bundle)

    assert why_refused(server, UnreachableError("no route")) == "no route"
