import os
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from ipaddress import ip_network

import pytest
from fakeredis import FakeRedis

from shared.request.options import TlsOptions
from shared.store.limits.address_rate import AddressRate
from shared.store.round_trips import RoundTrips
from shared.store.site_keys import DEFAULT_KEYS
from tests.certificates.crafted import Authority, Issued
from tests.network.loopback import LOOPBACK_ALLOWED, NAME, connected, loopback, soon
from tests.network.lossy import lose_all_data
from tests.network.namespaces import in_own_network
from tests.network.servers import Peer, answering, answering_and_holding, hold, serving
from tests.network.slow_store import round_trip, uncounted_round_trips
from worker.deadline import Deadline
from worker.tcp.address_guard import Address, AddressGuard, Network
from worker.tcp.connection import AddressRefusedError, Connection, Path, TargetAddress, TlsClient
from worker.tls.trust import Trust

SELECT_LIMIT = 1024  # FD_SETSIZE


class CountingGuard(AddressGuard):
    """A guard that keeps what it was asked."""

    def __init__(self, *allowed: Network) -> None:
        super().__init__(allowed)
        self.asked: list[Address] = []

    def refusal(self, address: Address) -> str | None:
        """Return what the guard says."""
        self.asked.append(address)
        return super().refusal(address)


@contextmanager
def descriptors_taken(up_to: int) -> Iterator[None]:
    """Take file descriptors until the next one would be at least `up_to`."""
    with open(os.devnull) as null:  # noqa: PTH123 -- a descriptor is what is wanted
        taken = [null.fileno()]
        try:
            while taken[-1] < up_to:
                taken.append(os.dup(null.fileno()))
            yield
        finally:
            for descriptor in taken[1:]:
                os.close(descriptor)


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 -- no paths are wanted


def test_a_refused_address_is_never_connected_to() -> None:
    """The guard is worth something only if it stands before the SYN."""
    with serving(hold) as server:
        connection = Connection(loopback(server.port), AddressGuard())
        before = open_descriptors()

        with pytest.raises(AddressRefusedError) as raised:
            connection.open(soon())

        assert raised.value.failed.finding.facts["kind"] == "loopback"
        assert open_descriptors() == before
        assert server.count_connections() == 0


def test_an_ipv4_mapped_target_is_judged_and_connected_as_ipv4() -> None:
    """::ffff:127.0.0.1 must not be a second spelling that slips past the rule."""
    target = TargetAddress.parse("::ffff:127.0.0.1", 80)

    assert str(target) == "127.0.0.1:80"
    with pytest.raises(AddressRefusedError):
        Connection(target, AddressGuard()).open(soon())


def test_an_ipv6_target_is_shown_in_brackets() -> None:
    """fd00::1:80 would be another address."""
    assert str(TargetAddress.parse("fd00::1", 80)) == "[fd00::1]:80"


def test_ipv6_is_connected_to() -> None:
    """Half of the newer platforms have an IPv6 address."""
    with (
        serving(answering(b"hello"), host="::1") as server,
        connected(server.port, ip="::1") as connection,
    ):
        connection.send(b"x\r\n\r\n", soon())

        assert connection.receive(soon()) == b"hello"


def test_what_is_sent_arrives_whole() -> None:
    """send(2) may take a part only."""
    content = bytes(3_000_000)

    def read_all(peer: Peer) -> None:
        while len(peer.received) < len(content):
            peer.read_some()
        peer.send(b"thanks")

    with serving(read_all) as server, connected(server.port) as connection:
        connection.send(content, soon())

        assert connection.receive(soon()) == b"thanks"
        assert server.peer(0).received == content


def test_sending_to_somebody_who_does_not_read_ends_at_the_deadline() -> None:
    """A platform that takes no bytes must not hold a worker's slot."""

    def never_read(peer: Peer) -> None:
        peer.server.stopping.wait()

    with (
        serving(never_read) as server,
        connected(server.port) as connection,
        pytest.raises(TimeoutError),
    ):
        connection.send(bytes(50_000_000), Deadline.after(0.3))


def test_receiving_ends_at_the_deadline() -> None:
    """A silent platform must not hold a worker's slot."""
    with (
        serving(hold) as server,
        connected(server.port) as connection,
        pytest.raises(TimeoutError),
    ):
        connection.receive(Deadline.after(0.1))


def test_the_end_of_the_stream_is_received_as_nothing() -> None:
    """The reader must be able to tell an end from a silence."""
    with serving(lambda _: None) as server, connected(server.port) as connection:
        assert connection.receive(soon()) == b""


def test_reopening_goes_to_the_same_address_and_asks_the_guard() -> None:
    """A name that resolves elsewhere now (rebinding) must not move a test that is under way."""
    guard = CountingGuard(ip_network("127.0.0.0/8"))
    with serving(hold, answering(b"again")) as server:
        with Connection(loopback(server.port), guard) as connection:
            connection.open(soon())
            connection.reopen(soon())
            connection.send(b"x\r\n\r\n", soon())

            assert connection.receive(soon()) == b"again"
            assert guard.asked == [connection.target.ip] * 2
        assert server.count_connections() == 2


def test_reopening_secures_the_connection_again() -> None:
    """Credentials that were promised TLS must not go out in clear after a reconnect."""
    authority = Authority()
    client = TlsClient(Trust().context_for(TlsOptions(ca_certificate=authority.pem)), NAME)
    tls = authority.issue(NAME).server_context()
    with (
        serving(hold, answering(b"again"), tls=tls) as server,
        connected(server.port) as connection,
    ):
        connection.secure(client, soon())
        connection.reopen(soon())
        connection.send(b"x\r\n\r\n", soon())

        assert connection.receive(soon()) == b"again"


def test_reopening_to_an_impostor_fails() -> None:
    """The second connection's certificate is judged as the first one's was."""
    authority = Authority()
    client = TlsClient(Trust().context_for(TlsOptions(ca_certificate=authority.pem)), NAME)
    genuine = authority.issue(NAME).server_context()
    contexts = iter([genuine, Authority().issue(NAME).server_context()])
    genuine.sni_callback = lambda tls, _, __: setattr(tls, "context", next(contexts))
    with serving(hold, tls=genuine) as server, connected(server.port) as connection:
        connection.secure(client, soon())

        with pytest.raises(ssl.SSLCertVerificationError):
            connection.reopen(soon())


def test_a_twin_goes_to_the_same_address_under_the_same_guard() -> None:
    """A second look must not be a way around the policy."""
    guard = CountingGuard(ip_network("127.0.0.0/8"))
    with serving(hold) as server, Connection(loopback(server.port), guard) as connection:
        connection.open(soon())
        with connection.twin() as twin:
            twin.open(soon())

            assert twin.target == connection.target
            assert len(guard.asked) == 2


def test_a_twin_leaves_the_first_connection_alone() -> None:
    """The first connection may still be wanted."""
    with serving(answering(b"first"), hold) as server, connected(server.port) as connection:
        with connection.twin() as twin:
            twin.open(soon())
        connection.send(b"x\r\n\r\n", soon())

        assert connection.receive(soon()) == b"first"


def test_an_open_and_silent_connection_is_idle() -> None:
    """Only such a connection can take the next request."""
    with serving(hold) as server, connected(server.port) as connection:
        assert connection.is_idle


def test_a_connection_that_was_closed_by_the_other_side_is_not_idle() -> None:
    """A request written into a closed connection is lost, and may not be sent twice."""
    with serving(lambda _: None) as server, connected(server.port) as connection:
        assert server.peer(0).left.wait(5)

        assert not connection.is_idle


def test_a_connection_with_unread_bytes_is_not_idle() -> None:
    """Bytes that nobody asked for would be taken for the next answer."""
    with serving(lambda peer: peer.send(b"!")) as server, connected(server.port) as connection:
        assert server.peer(0).left.wait(5)

        assert not connection.is_idle


def test_a_connection_that_is_not_open_is_not_idle() -> None:
    """There is nothing to write to."""
    connection = Connection(loopback(1), LOOPBACK_ALLOWED)

    assert not connection.is_idle


def test_nothing_can_be_sent_or_received_after_the_end() -> None:
    """A closed connection behaves as one that the other side has reset."""
    with serving(hold) as server:
        with connected(server.port) as connection:
            pass

        with pytest.raises(ConnectionResetError):
            connection.send(b"x", soon())
        with pytest.raises(ConnectionResetError):
            connection.receive(soon())


def test_leaving_the_block_closes_the_socket() -> None:
    """A worker runs for weeks; a leak of one descriptor a test ends that."""
    with serving(hold) as server:
        before = open_descriptors()
        with connected(server.port):
            pass
        assert server.peer(0).left.wait(5)

        assert open_descriptors() <= before


def test_a_failed_open_leaves_no_descriptor() -> None:
    """Most tests that fail, fail here."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    before = open_descriptors()

    with pytest.raises(ConnectionRefusedError):
        Connection(loopback(port), LOOPBACK_ALLOWED).open(soon())

    assert open_descriptors() == before


def test_a_failed_handshake_closes_the_connection() -> None:
    """Nothing may be written in clear to where TLS was wanted."""
    client = TlsClient(Trust().context_for(TlsOptions()), NAME)
    with (
        serving(lambda peer: peer.send(b"no TLS here"), hold) as server,
        connected(server.port) as connection,
    ):
        with pytest.raises(ssl.SSLError):
            connection.secure(client, soon())
        with pytest.raises(ConnectionResetError):
            connection.send(b"secret", soon())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_chain_that_was_refused_is_kept(version: ssl.TLSVersion) -> None:
    """What another connection shows may be the certificate of another server."""
    middle = Authority("Middle", above=Authority("Root"))
    leaf = middle.issue(NAME)
    issued = Issued(leaf.certificate, leaf.key, [middle.certificate])
    tls = issued.server_context()
    tls.maximum_version = version
    with serving(hold, tls=tls) as server, connected(server.port) as connection:
        with pytest.raises(ssl.SSLCertVerificationError):
            connection.secure(TlsClient(Trust().context_for(TlsOptions()), NAME), soon())

        assert connection.refused == (leaf.der, ssl.PEM_cert_to_DER_cert(middle.pem))
        assert connection.certificates() == ()


def test_the_chain_of_an_open_connection_is_known() -> None:
    """An inspection shows what was judged."""
    ours = Authority()
    issued = ours.issue(NAME)
    trusting = TlsOptions(ca_certificate=ours.pem)
    with (
        serving(hold, tls=issued.server_context()) as server,
        connected(server.port) as connection,
    ):
        assert connection.certificates() == ()
        connection.secure(TlsClient(Trust().context_for(trusting), NAME), soon())

        assert connection.certificates() == (issued.der,)
        assert connection.refused == ()


def test_descriptors_above_the_limit_of_select_work() -> None:
    """A worker with 2000 slots has descriptors that select(2) can't take."""
    with (
        descriptors_taken(up_to=SELECT_LIMIT + 8),
        serving(answering(b"hello")) as server,
        connected(server.port) as connection,
    ):
        assert connection.is_idle
        connection.send(b"x\r\n\r\n", soon())

        assert connection.receive(soon()) == b"hello"
        assert server.peer(0).left.wait(5)
        assert not connection.is_idle


@pytest.mark.parametrize("is_secured", [True, False])
def test_a_cancellation_ends_the_waiting(is_secured: bool) -> None:
    """A cancelled job gives its slot back at once, in clear and over TLS."""
    tls = Authority().issue(NAME).server_context() if is_secured else None
    client = TlsClient(Trust().context_for(TlsOptions(verify=False)), NAME)
    deadline = soon()
    with (
        serving(hold, tls=tls) as server,
        Connection(loopback(server.port), LOOPBACK_ALLOWED) as connection,
    ):
        connection.open(deadline)
        if is_secured:
            connection.secure(client, deadline)
        with ThreadPoolExecutor(1) as another:
            waiting = another.submit(connection.receive, deadline)
            deadline.cancellation.request()

            with suppress(OSError):
                assert waiting.result(timeout=5) == b""
        assert server.peer(0).left.wait(5)


def test_a_cancelled_job_opens_no_connection() -> None:
    """The platform must not see a job that nobody wants."""
    deadline = soon()
    deadline.cancellation.request()
    with serving(hold) as server:
        with pytest.raises(TimeoutError):
            Connection(loopback(server.port), LOOPBACK_ALLOWED).open(deadline)

        assert server.count_connections() == 0


def test_a_closed_connection_is_not_watched_any_more() -> None:
    """Its descriptor may be another job's by now."""
    deadline = soon()
    with serving(answering(b"hello")) as server:
        with Connection(loopback(server.port), LOOPBACK_ALLOWED) as connection:
            connection.open(deadline)
        with connected(server.port) as another:
            deadline.cancellation.request()
            another.send(b"x\r\n\r\n", soon())

            assert another.receive(soon()) == b"hello"


class FarMeter:
    """Counts in a store that is far away."""

    most_per_minute = 1

    def admits(self, *_: object) -> bool:
        """Allow it, a round trip later."""
        round_trip()
        return True


def test_counting_a_connection_takes_nothing_of_the_platforms_time() -> None:
    """An address would look slower from a site than it is."""
    deadline = soon()
    with serving(hold) as server:
        guard = LOOPBACK_ALLOWED.counting(FarMeter())
        with (
            uncounted_round_trips(deadline, 1),
            Connection(loopback(server.port), guard) as connection,
        ):
            connection.open(deadline)


def test_a_test_counts_once_for_its_address() -> None:
    """To be refused in its midst would say of the platform what is only true of us."""
    rate = AddressRate(RoundTrips(FakeRedis()), 1, DEFAULT_KEYS)
    guard = LOOPBACK_ALLOWED.counting(rate)
    with serving(hold) as server, Connection(loopback(server.port), guard) as connection:
        connection.open(soon())
        connection.reopen(soon())
        with connection.twin() as twin:
            twin.open(soon())

        with pytest.raises(AddressRefusedError):
            Connection(loopback(server.port), guard).open(soon())


def test_what_the_kernel_has_seen_tells_who_is_silent() -> None:
    """A request that arrived and one that did not are different people's to mend."""

    def act() -> tuple[Path, Path]:
        script = answering_and_holding(b"thanks")
        with serving(script) as server, connected(server.port) as connection:
            connection.send(b"x" * 96 + b"\r\n\r\n", soon())
            connection.receive(soon())
            arrived = connection.path()
            lose_all_data(server.port)
            connection.send(b"y" * 100, soon())
            with pytest.raises(TimeoutError):
                connection.receive(Deadline.after(0.5))
            return arrived, connection.path()

    arrived, lost = in_own_network(act)

    assert (arrived.loses_ours, arrived.acknowledged_bytes) == (False, 100)
    assert (lost.loses_ours, lost.acknowledged_bytes) == (True, 100)
    assert lost.of_lost_packets == {"acknowledged_bytes": 100, "retransmitted": lost.retransmitted}


def test_small_segments_are_kept_to_by_both_sides() -> None:
    """What gets through then was lost because of its size."""
    with (
        serving(answering(b"x" * 5000)) as server,
        Connection(loopback(server.port), LOOPBACK_ALLOWED).in_small_segments() as connection,
    ):
        connection.open(soon())
        connection.send(b"x\r\n\r\n", soon())
        received = connection.receive(soon())

        assert connection.segment_bytes == 536
        assert received


def test_a_closed_connection_has_seen_nothing() -> None:
    """It is asked before each request, also before the one that opens it again."""
    assert Connection(loopback(1), LOOPBACK_ALLOWED).out_of_order == 0
