"""HEAD is answered like GET, without the body (RFC 9110 9.3.2)."""

import socket
from typing import Any

import httpx
import pytest

from tests.running.batches import BATCHES, submitted
from tests.running.service import CALL, Service, a_request

VARYING = {"date", "content-length", "transfer-encoding", "etag", "retry-after"}


def shown(answer: httpx.Response) -> dict[str, Any]:
    """Return what GET and HEAD must agree about."""
    fields = {name: value for name, value in answer.headers.items() if name not in VARYING}
    return {"status": answer.status_code, **fields}


def gets(service: Service) -> list[str]:
    """Return the paths of all GET calls that the API describes, and of the page."""
    paths = httpx.get(f"{service.url}/openapi.json", trust_env=False).json()["paths"]
    described = [path for path, operations in paths.items() if "get" in operations]
    return [*described, "/", "/openapi.json", "/page/main.js"]


def test_every_get_has_its_head(service: Service) -> None:
    """Load balancers and link checkers ask so, and took 405 for a service that is down."""
    with service.client() as client:
        mock = client.post(
            f"{CALL}/jobs", json=a_request("127.0.0.1", options={"mock": "tcp.refused"})
        )
        compared = client.post(f"{CALL}/comparisons", json=a_request("127.0.0.1:1", sites=["*"]))
        ids = {
            "{comparison_id}": compared.headers["location"].rpartition("/")[2],
            "{job_id}": mock.json()["jobId"],
            "{batch_id}": submitted(client, [a_request("127.0.0.1:1")]).rpartition("/")[2],
        }
        for path in gets(service):
            for name, value in ids.items():
                path = path.replace(name, value)
            with client.stream("GET", path) as got:
                head = client.head(path)

                assert head.content == b""
                assert shown(head) == shown(got), path
                assert got.status_code == 200, path


def test_a_stream_without_an_end_has_a_head_with_one(service: Service) -> None:
    """Nobody would read it, and it would be written for as long as the job runs."""
    with socket.create_server(("127.0.0.1", 0)) as silent, service.client() as client:
        job = service.submit(f"127.0.0.1:{silent.getsockname()[1]}")

        answers = [client.head(f"{job}/events").status_code for _ in range(3)]

        assert client.delete(job).status_code == 200
    assert answers == [200] * 3


@pytest.mark.parametrize("path", [CALL, f"{BATCHES}/{'0' * 24}/retry"])
def test_what_can_only_be_posted_has_no_head(service: Service, path: str) -> None:
    """A HEAD must never make a test either."""
    with service.client() as client:
        answer = client.head(path)

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


def test_a_stranger_s_head_is_refused(service: Service) -> None:
    """It tells as much as a GET."""
    answer = httpx.head(f"{service.url}{CALL}/jobs/x", trust_env=False)

    assert answer.status_code == 401
