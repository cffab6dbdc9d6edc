import socket

from cli.service_access import ServerChoice
from cli.single.service_errors import why_refused
from conncheck_client import UnexpectedAnswerError, UnreachableError

TOKEN = "token-token-token"


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
