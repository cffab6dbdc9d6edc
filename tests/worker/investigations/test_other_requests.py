import pytest

from shared.diagnosis.outcomes import Failed
from tests.network.loopback import NAME, connected, endpoint, soon
from tests.network.servers import Peer, Script, hang_up_after_reading, hold, reply, serving
from worker.deadline import Deadline
from worker.http.exchange import Exchange
from worker.http.response_reader import EMPTY_REPLY
from worker.investigations.other_requests import (
    CLOSED_ON_PURPOSE,
    PROXY_PROTOCOL,
    expects_proxy_header,
    why_it_closes,
)

HEADER = b"PROXY UNKNOWN\r\n"
BAD = reply(b"", "Server: nginx", status="400 Bad Request")


def look(script: Script) -> Failed | None:
    """Return what a look at a platform that follows `script` tells."""
    with serving(script) as server, connected(server.port) as connection:
        return why_it_closes(
            Failed(EMPTY_REPLY), Exchange(connection, endpoint(scheme="http")), soon()
        )


def behind_a_balancer(peer: Peer) -> None:
    """Answer what begins with a PROXY header, and close on anything else."""
    if peer.read_request().startswith(HEADER):
        peer.send(reply(b"{}"))


def closing_on_valid_requests(peer: Peer) -> None:
    """Reject what no server may accept, and close on the rest, as nginx does with 444."""
    if b"Host:" not in peer.read_request():
        peer.send(BAD)


def answering_anything_but_get(peer: Peer) -> None:
    """Answer every first line that it does not know."""
    if not peer.read_request().startswith(b"GET"):
        peer.send(BAD)


def test_a_listener_for_a_load_balancer_is_proven_by_its_header() -> None:
    """Behind the balancer it works, so nobody finds a fault there."""
    failed = look(behind_a_balancer)

    assert failed
    assert failed.cause is PROXY_PROTOCOL
    assert [finding.cause for finding in failed.contributing] == [EMPTY_REPLY]


def test_a_server_that_closes_on_purpose_is_proven_by_what_it_rejects() -> None:
    """It runs and speaks HTTP, so its log and its port are not where to look."""
    failed = look(closing_on_valid_requests)

    assert failed
    assert failed.cause is CLOSED_ON_PURPOSE
    assert failed.finding.facts == {"server": "nginx"}


@pytest.mark.parametrize("script", [hang_up_after_reading, answering_anything_but_get])
def test_what_treats_all_alike_proves_nothing(script: Script) -> None:
    """A server that answers any garbage expects no header of a balancer."""
    assert look(script) is None


@pytest.mark.parametrize("script", [hang_up_after_reading, hold])
def test_a_handshake_that_fails_with_a_header_too_needs_none(script: Script) -> None:
    """The header alone must not be taken for the reason."""
    with serving(script) as server, connected(server.port) as connection:
        assert not expects_proxy_header(connection, NAME, Deadline.after(0.3))
