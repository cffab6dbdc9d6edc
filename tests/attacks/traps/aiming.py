"""Aim a running service at itself, in whatever spelling, and see that nothing arrives."""

from typing import Any

from tests.attacks.traps.trap import trap
from tests.running.service import CALL, Service, a_request, last_made


def refused_as(service: Service, host: str, *, port: int | None = None) -> str:
    """Return the code that the service refuses `host` by, the API or its worker.

    A listener on every address of this machine sees that nothing was sent meanwhile.
    """
    with trap() as listening:
        code = _verdict(service, f"http://{host}:{port or listening.port}")
    assert listening.caught == []
    return code


def _verdict(service: Service, endpoint: str) -> str:
    with service.client() as client:
        answer = client.post(f"{CALL}/jobs", json=a_request(endpoint))
    if answer.status_code != 202:
        assert answer.status_code in (403, 422), answer.text
        (error,) = answer.json()["errors"]
        assert error["field"] == "endpoint"
        return str(error["cause"])
    closed: dict[str, Any] = service.closed(answer.headers["location"])
    assert closed["success"] is False
    return str(last_made(closed)["cause"])
