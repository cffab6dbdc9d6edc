"""Many event streams at once, and readers that stop reading, break off and come back."""

import re
import resource
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Self

import pytest
from redis import Redis

from shared.store.site_keys import DEFAULT_KEYS
from tests.running.service import Service, poll, running_service, standing_still
from tests.stand_ins.zstack import ZstackNode, zstack_node

pytestmark = pytest.mark.faults

STREAMS = 2000
MOST_KB_A_STREAM = 200  # it is about 70
MOST_REDIS_CONNECTIONS = 100
DROPPED_AFTER_S = 30
SMALL = 1024  # bytes; a stalled reader's window and segments, so that little fills the path
STALLED = 20
_EVENT = re.compile(rb"id: (\S+)\r\nevent: (\w+)\r\ndata: (.*)\r\n")
_LISTENS = "0A"  # a state in /proc/net/tcp

Events = list[tuple[bytes, bytes, bytes]]
"""Id, kind and data of each."""


class Stream:
    """A request for a job's events on a socket of its own, and what came back so far."""

    def __init__(self, service: Service, job: str, *headers: str) -> None:
        self.socket = socket.create_connection(address_of(service), timeout=30)
        self.socket.sendall(a_watch(service, job, "Connection: close", *headers))
        self.received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    @property
    def events(self) -> Events:
        """Id, kind and data of each event."""
        return _EVENT.findall(self.received)

    def read_events(self, count: int) -> Events:
        """Return the first `count` events when they have come."""
        while len(self.events) < count:
            self._read_more()
        return self.events[:count]

    def read_head(self) -> None:
        """Read until the service has taken the request."""
        while b"\r\n\r\n" not in self.received:
            self._read_more()

    def read_to_end(self) -> Events:
        """Return all events when the service has closed the connection."""
        while piece := self.socket.recv(65536):
            self.received += piece
        assert self.received.endswith(b"\r\n0\r\n\r\n")  # HTTP's last chunk: nothing was cut off
        return self.events

    def reset(self) -> None:
        """Break off as one who has died does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _read_more(self) -> None:
        piece = self.socket.recv(65536)
        assert piece, "the stream ended too early"
        self.received += piece


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Give a service whose memory and connections are this test's alone."""
    with running_service(tmp_path) as running:
        yield running


@pytest.fixture
def many_sockets() -> Iterator[None]:
    """Let this process open a socket for each stream; the API takes what the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = STREAMS + 500
    if hard < needed:
        pytest.skip(f"no more than {hard} files may be open, and {needed} would be")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def address_of(service: Service) -> tuple[str, int]:
    """Return the API's host and port."""
    host, _, port = service.url.removeprefix("http://").partition(":")
    return host, int(port)


def a_watch(service: Service, job: str, *headers: str) -> bytes:
    """Return a request for the events of a job."""
    request, token = f"GET {job}/events HTTP/1.1", f"Authorization: Bearer {service.token}"
    lines = [request, "Host: conncheck", token, *headers, ""]
    return "".join(f"{line}\r\n" for line in lines).encode()


def events_of(service: Service, job: str) -> Events:
    """Return all events of a job when it is closed."""
    with Stream(service, job) as stream:
        return stream.read_to_end()


@contextmanager
def waiting_jobs(service: Service, endpoint: str, count: int) -> Iterator[Sequence[str]]:
    """Give jobs that wait while the block runs, for a worker that stands still as long."""
    with standing_still(service):
        yield [service.submit(endpoint, options={"timeoutSeconds": 120}) for _ in range(count)]


@contextmanager
def streams_of(service: Service, jobs: Sequence[str]) -> Iterator[Sequence[Stream]]:
    """Give an open stream for each job, each of which has had an event."""
    with ExitStack() as stack:
        streams = [stack.enter_context(Stream(service, job)) for job in jobs]
        for stream in streams:
            stream.read_events(1)
        yield streams


def subscriptions(redis: Redis, job: str) -> int:
    """Return how many connections are subscribed to what happens to this job alone."""
    [(_, count)] = redis.pubsub_numsub(DEFAULT_KEYS.job(job.rpartition("/")[2]))
    return int(count)


def subscribers(redis: Redis) -> int:
    """Return how many connections are subscribed to anything."""
    clients = redis.client_list()
    return sum(client["sub"] != "0" or client["psub"] != "0" for client in clients)


def memory_kb(service: Service) -> int:
    """Return the resident memory of the API."""
    status = Path(f"/proc/{service.part('cli api')}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def unsent_bytes(service: Service) -> list[int]:
    """Return for each connection that the API has open what its peer has not taken yet."""
    port = f":{address_of(service)[1]:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    held = [row for row in rows if row[1].endswith(port) and row[3] != _LISTENS and row[9] != "0"]
    return [int(row[4].partition(":")[0], 16) for row in held]


def test_i4_2000_streams_cost_one_subscription_and_all_are_told_the_end(
    service: Service, many_sockets: None
) -> None:
    """Every open page is a stream, and an API process must carry thousands."""
    with zstack_node() as (_, port), service.redis() as redis, ExitStack() as stack:
        subscribed, before_kb = subscribers(redis), memory_kb(service)
        with waiting_jobs(service, f"127.0.0.1:{port}", 4) as jobs:
            watched = [jobs[n % len(jobs)] for n in range(STREAMS)]
            streams = stack.enter_context(streams_of(service, watched))
            each_kb = (memory_kb(service) - before_kb) / STREAMS

            assert len(unsent_bytes(service)) >= STREAMS
            assert [subscriptions(redis, job) for job in jobs] == [0] * len(jobs)
            poll(lambda: redis.pubsub_numpat() == 1)  # of the API, for all jobs that it creates
            assert subscribers(redis) == subscribed
            assert len(redis.client_list()) < MOST_REDIS_CONNECTIONS
            with service.client() as client:
                assert client.get("/healthz").status_code == 200
                assert client.get(jobs[0]).json()["status"] == "queued"
        told = [stream.read_to_end() for stream in streams]
        whole = {job: events_of(service, job) for job in jobs}

    print(f"a stream costs the API {each_kb:.0f} KB")  # noqa: T201 -- shown by -s
    assert [kind for _, kind, _ in whole[jobs[0]]].count(b"closed") == 1
    assert all(events == whole[job] for job, events in zip(watched, told, strict=True))
    assert each_kb < MOST_KB_A_STREAM


def test_i4_a_reader_that_stops_reading_is_dropped_and_one_that_waits_is_not(
    service: Service,
) -> None:
    """Half-dead readers must not pile up.

    A job's events are about 3 KB, and keep-alives 50 bytes in 15 s: one stream never fills its
    connection. One that asks for them again and again on it and reads nothing does.
    """
    with zstack_node() as (_, port), ExitStack() as stack:
        endpoint = f"127.0.0.1:{port}"
        over = service.submit(endpoint)
        service.closed(over)
        [waiting] = stack.enter_context(waiting_jobs(service, endpoint, 1))
        [patient] = stack.enter_context(streams_of(service, [waiting]))
        poll(lambda: len(unsent_bytes(service)) == 1)
        before_kb = memory_kb(service)
        began_s = time.monotonic()  # noqa: TID251 -- for a lower bound
        for _ in range(STALLED):
            stalled = stack.enter_context(a_small_socket())
            stalled.connect(address_of(service))
            stalled.sendall(a_watch(service, over) * 200)
        poll(lambda: sum(left > SMALL for left in unsent_bytes(service)) == STALLED)

        poll(lambda: len(unsent_bytes(service)) == 1, within_s=DROPPED_AFTER_S + 60)
        took_s = time.monotonic() - began_s  # noqa: TID251
        each_kb = (memory_kb(service) - before_kb) / STALLED
        with service.client() as client:
            client.delete(waiting)
        kinds = [kind for _, kind, _ in patient.read_to_end()]

    print(f"a stalled reader costs {each_kb:.0f} KB for {took_s:.0f} s")  # noqa: T201 -- see above
    assert took_s > DROPPED_AFTER_S / 2  # it has the time to come back
    assert each_kb < 2000  # it is 900, most of it for the requests that it sent ahead
    assert kinds == [b"queued", b"closed"]
    assert b"\n: ping" in patient.received


def a_small_socket() -> socket.socket:
    """Return a socket over which little can be under way."""
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
    small.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SMALL)
    return small


def test_readers_that_break_off_leave_nothing_behind(service: Service) -> None:
    """Pages are closed at any time, a thousand times a day."""
    afterwards_kb = []
    with (
        zstack_node() as (_, port),
        waiting_jobs(service, f"127.0.0.1:{port}", 1) as [job],
    ):
        for _ in range(4):
            with streams_of(service, [job] * 300) as streams:
                for stream in streams[::2]:
                    stream.reset()
            poll(lambda: not unsent_bytes(service))
            afterwards_kb.append(memory_kb(service))

    grown_kb = afterwards_kb[-1] - afterwards_kb[0]
    print(f"900 more streams that broke off have left {grown_kb} KB")  # noqa: T201 -- see above
    assert grown_kb < 10_000  # the streams themselves would be 50,000


def test_streams_that_break_off_while_the_job_runs_go_on_without_gap_or_repeat(
    service: Service,
) -> None:
    """Here the past is read again while the future is announced; an event may be in both."""
    node = ZstackNode(hold=Event())
    with zstack_node(node) as (_, port), ExitStack() as stack:
        job = service.submit(f"127.0.0.1:{port}")
        assert node.changed.wait(60)
        seen, resumed = [], []
        for n in range(55):
            with Stream(service, job) as first:
                seen.append(first.read_events(n % 11 + 1))  # the last is the sign-in's start
            after = f"Last-Event-ID: {seen[-1][-1][0].decode()}"
            resumed.append(stack.enter_context(Stream(service, job, after)))
        for stream in resumed:
            stream.read_head()
        assert node.hold
        node.hold.set()

        told = [stream.read_to_end() for stream in resumed]
        whole = events_of(service, job)

    assert len(whole) == 15
    assert all(before + after == whole for before, after in zip(seen, told, strict=True))
