"""However many stop signals of whatever kind come, each part ends in time and nothing is lost."""

import os
import secrets
import signal
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest

from shared.stop_signals import MARGIN_S, STOP_SIGNALS
from shared.store.site_keys import DEFAULT_KEYS
from tests.end_to_end.failures.test_nothing_lost import held_before_sign_in, release
from tests.running.service import (
    CALL,
    Service,
    a_request,
    children_of,
    command_of,
    is_running,
    poll,
    running_service,
)
from tests.stand_ins.zstack import zstack_node

WORKER, API = "worker --queue interactive", "cli api"
SENDERS, SENT = 4, 48
DRAIN_S = 2
CLIENTS = 8
PAUSE_S = 0.05  # between two tests of one client
IN_TIME_S = DRAIN_S + 3 * MARGIN_S  # a busy machine may take a while to say that it is over

few_or_many = pytest.mark.parametrize(
    "rounds",
    [2, pytest.param(25, marks=[pytest.mark.faults, pytest.mark.timeout(600)])],
)


def storm(pid: int) -> None:
    """Send stop signals of all kinds to a process, from several threads at once."""
    kinds, process = sorted(STOP_SIGNALS), os.pidfd_open(pid)

    def send(first: int) -> None:
        with suppress(ProcessLookupError):  # it has ended
            for number in range(SENT):
                signal.pidfd_send_signal(process, kinds[(first + number) % len(kinds)])

    with ThreadPoolExecutor(SENDERS) as senders:
        list(senders.map(send, range(SENDERS)))
    os.close(process)


def ends_in_time(pid: int) -> None:
    """Fail if the process still runs when its time is over."""
    poll(lambda: not is_running(pid), IN_TIME_S)


def part(service: Service, name: str) -> int:
    """Return the process id of a part as soon as it runs."""
    found: list[int] = []

    def is_found() -> bool:
        found[:] = [pid for pid in children_of(service.process.pid) if name in command_of(pid)]
        return bool(found)

    poll(is_found)
    return found[0]


@contextmanager
def load(service: Service, endpoint: str) -> Iterator[list[str]]:
    """Let clients test again and again while the block runs; give the jobs that were accepted.

    Each waits for its job before it submits the next: a worker that is ended after its first test
    can't keep up with clients who do not, and on a slow machine their jobs would expire.
    """
    accepted: list[str] = []
    enough = Event()
    request = a_request(endpoint, options={"force": True})

    def test() -> None:
        with service.client() as client:
            while not enough.wait(PAUSE_S):
                # The API is being started again, or no worker is there.
                with suppress(httpx.TransportError):
                    answer = client.post(f"{CALL}/jobs", json=request)
                    if answer.status_code == httpx.codes.ACCEPTED:
                        job = answer.headers["location"]
                        accepted.append(job)
                        while not (is_closed(client, job) or enough.wait(PAUSE_S)):
                            pass

    clients = [Thread(target=test) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield accepted
    finally:
        enough.set()
        for client in clients:
            client.join()


def is_closed(client: httpx.Client, job: str) -> bool:
    """Return whether a job is closed, after a while if it is not."""
    answer = client.get(f"{job}?wait=2")
    return answer.status_code == httpx.codes.OK and bool(answer.json()["finishedAt"])


def unsuccessful(service: Service, jobs: Sequence[str]) -> list[str]:
    """Return how and when each job ended that did not find the platform well."""
    closed = [service.closed(job) for job in jobs]
    return [
        f"{job['jobId']} {job['status']} {job['createdAt']} {job['finishedAt']}"
        for job in closed
        if job["success"] is not True
    ]


@few_or_many
def test_a_storm_ends_a_worker_and_each_job_signs_in_once(tmp_path: Path, rounds: int) -> None:
    """A handler that met itself hung for ever, deaf to every signal."""
    with running_service(tmp_path) as service, zstack_node() as (node, port):
        with load(service, f"127.0.0.1:{port}") as jobs:
            for _ in range(rounds):
                worker, before = part(service, WORKER), len(node.judged)
                poll(lambda: len(node.judged) > before)  # noqa: B023 -- called at once
                storm(worker)
                ends_in_time(worker)
        # Within the block, so that a failure is shown with what the service was at.
        assert unsuccessful(service, jobs) == []
        assert len(node.judged) == len(jobs)
        assert service.log_text().count("interactive worker ended (status 0)") == rounds


def test_a_storm_does_not_cut_a_worker_s_time_short_or_long(tmp_path: Path) -> None:
    """What it can't finish another worker does."""
    with (
        running_service(tmp_path, CONNCHECK_DRAIN_S=str(DRAIN_S)) as service,
        held_before_sign_in() as (node, endpoint),
    ):
        worker = part(service, WORKER)
        job = service.submit(endpoint)
        assert node.changed.wait(60)
        storm(worker)
        ends_in_time(worker)
        release(node.hold_hello)

        shown = service.closed(job)

    assert shown["success"] is True
    assert len(node.judged) == 1
    assert "interactive worker ended (status 0)" in service.log_text()


@few_or_many
def test_a_storm_ends_an_api(tmp_path: Path, rounds: int) -> None:
    """It closes what it has open, and is not killed by SIGQUIT."""
    with running_service(tmp_path) as service, zstack_node() as (_, port):
        with load(service, f"127.0.0.1:{port}") as jobs:
            for _ in range(rounds):
                api, before = part(service, API), len(jobs)
                poll(lambda: len(jobs) > before)  # noqa: B023 -- called at once
                storm(api)
                ends_in_time(api)
        assert unsuccessful(service, jobs) == []

    assert service.log_text().count("api ended (status 0)") == rounds


def test_an_api_ends_whatever_its_callers_do(tmp_path: Path) -> None:
    """A body that never comes would hold up the roll-out for ever; who waits is told."""
    with (
        running_service(tmp_path, CONNCHECK_DRAIN_S=str(DRAIN_S)) as service,
        held_before_sign_in() as (node, endpoint),
        service.client() as client,
        ThreadPoolExecutor(1) as poller,
    ):
        api, job = part(service, API), service.submit(endpoint)
        other = of_another_api(service, job)
        with half_a_body(service), client.stream("GET", f"{job}/events") as stream:
            assert next(stream.iter_lines())
            polled = poller.submit(two_long_polls, service, other)
            poll(lambda: is_watched(service, other))
            storm(api)
            ends_in_time(api)
        cut = polled.result().lower()  # of a second answer nobody could know whether it is whole
        assert cut.startswith("http/1.1 503 ")
        assert cut.count("http/1.1") == 1
        assert '"urn:conncheck:problem:stopping"' in cut
        assert "\r\nretry-after: 1\r\n" in cut
        assert "\r\nconnection: close\r\n" in cut
        release(node.hold_hello)

        assert service.closed(job)["success"] is True
    assert "api ended (status 0)" in service.log_text()


def two_long_polls(service: Service, job: str) -> str:
    """Wait twice for a change of a job, one request sent behind the other; return all answers."""
    with service.client() as client:
        tag = client.get(job).headers["etag"]
    request = (
        f"GET {httpx.URL(job).path}?wait=30 HTTP/1.1\r\nHost: conncheck\r\nIf-None-Match: {tag}\r\n"
        f"Authorization: Bearer {service.token}\r\n\r\n"
    )
    with connected(service) as connection:
        connection.sendall(2 * request.encode())
        return connection.makefile("rb").read().decode()


def of_another_api(service: Service, job: str) -> str:
    """Return a copy of a job under an id of another API process: it has a subscription alone."""
    job_id, other_id = job.rpartition("/")[2], secrets.token_hex(16)
    with service.redis() as redis:
        redis.copy(DEFAULT_KEYS.job(job_id), DEFAULT_KEYS.job(other_id))
    return job.replace(job_id, other_id)


def is_watched(service: Service, job: str) -> bool:
    """Return whether the API waits for changes of a job."""
    channel = DEFAULT_KEYS.job(job.rpartition("/")[2])
    with service.redis() as redis:
        ((_, watchers),) = redis.pubsub_numsub(channel)
    return bool(watchers)


def connected(service: Service) -> socket.socket:
    """Return a connection to the API, for what no HTTP library sends."""
    url = httpx.URL(service.url)
    return socket.create_connection((url.host, url.port or 0))


@contextmanager
def half_a_body(service: Service) -> Iterator[None]:
    """Call the API while the block runs, with a body that never ends."""
    head = (
        f"POST {CALL} HTTP/1.1\r\nHost: conncheck\r\nAuthorization: Bearer {service.token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    with connected(service) as connection:
        connection.sendall(head.encode())
        yield


@pytest.mark.parametrize(
    "rounds", [1, pytest.param(10, marks=[pytest.mark.faults, pytest.mark.timeout(600)])]
)
def test_a_storm_ends_everything(tmp_path: Path, rounds: int) -> None:
    """Whoever holds Ctrl-C down must get the terminal back, and no process in the background."""
    for _ in range(rounds):
        with (
            running_service(tmp_path) as service,
            zstack_node() as (node, port),
            load(service, f"127.0.0.1:{port}"),
        ):
            parts = children_of(service.process.pid)
            poll(lambda: len(node.judged) > 0)
            storm(service.process.pid)
            assert service.process.wait(IN_TIME_S) == 0

            assert [pid for pid in parts if is_running(pid)] == []
