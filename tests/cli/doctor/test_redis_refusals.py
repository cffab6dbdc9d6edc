"""Tests of what is said of a Redis that a site's machine cannot use."""

import ssl
from socket import gaierror

import pytest

from cli.doctor.redis_refusals import why_unusable
from shared.store.errors import StoreUnreachableError

URL = "rediss://conncheck-fra1:secret@redis.example.com:6380/0"
EXPIRED = ssl.SSLCertVerificationError()
EXPIRED.verify_code = 10


@pytest.mark.parametrize(
    ("error", "says", "advice"),
    [
        (gaierror(-2, "Name or service not known"), "cannot be looked up", "name servers"),
        (ConnectionRefusedError(), "refuses the connection", "Start Redis"),
        (TimeoutError(), "does not answer in time", "Open the way"),
        (ConnectionResetError(), "can't be reached (ConnectionResetError)", "Open the way"),
        (ssl.SSLError(), "does not speak TLS", "port"),
        (EXPIRED, "has expired", "Replace it at Redis"),
    ],
)
def test_each_reason_has_its_own_remedy(error: OSError, says: str, advice: str) -> None:
    """A firewall is no remedy for a name, and a host name none for a firewall."""
    unreachable, wrapped = StoreUnreachableError(), ConnectionError()
    unreachable.__cause__, wrapped.__cause__ = wrapped, error

    found = why_unusable(URL, unreachable)

    assert (found.name, found.state) == ("redis", "failed")
    assert says in found.found
    assert advice in found.advice
    assert "secret" not in found.found
