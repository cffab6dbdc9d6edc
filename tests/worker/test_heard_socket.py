import ssl

import pytest

from tests.worker.certificates import Authority
from tests.worker.loopback import NAME, connected, soon
from tests.worker.servers import hold, serving
from worker.connection import TlsClient, TurnedDownError
from worker.heard_socket import HeardSocket
from worker.trust import unverified


def heard(tls: ssl.SSLContext) -> HeardSocket:
    """Return the socket after a handshake with a server with the context `tls`."""
    with serving(hold, tls=tls) as server, connected(server.port) as connection:
        secured = connection.secure(TlsClient(unverified(), NAME), soon())
        connection.await_verdict(soon())
        assert isinstance(secured, HeardSocket)
        return secured


def test_a_usual_server_asks_for_nothing() -> None:
    """Nothing is waited for then."""
    assert not heard(Authority().issue(NAME).server_context()).asks_client_certificate


@pytest.mark.parametrize("highest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_asks_is_remembered_and_so_is_its_consent(highest: ssl.TLSVersion) -> None:
    """The first ticket of TLS 1.3 says that it is content; TLS 1.2 ends its handshake with that."""
    tls = Authority().issue(NAME).server_context()
    tls.maximum_version = highest
    tls.verify_mode = ssl.CERT_OPTIONAL

    secured = heard(tls)

    assert secured.asks_client_certificate
    assert secured.is_accepted


def test_a_server_that_demands_turns_us_down() -> None:
    """The handshake of TLS 1.3 has succeeded by then, as far as OpenSSL can tell."""
    tls = Authority().issue(NAME).server_context()
    tls.verify_mode = ssl.CERT_REQUIRED

    with pytest.raises(TurnedDownError, match="CERTIFICATE_REQUIRED"):
        heard(tls)


def test_sockets_of_one_context_do_not_share_what_they_heard() -> None:
    """All tests of a worker share the context."""
    asking = Authority().issue(NAME).server_context()
    asking.verify_mode = ssl.CERT_OPTIONAL

    assert heard(asking).asks_client_certificate
    assert not heard(Authority().issue(NAME).server_context()).asks_client_certificate
