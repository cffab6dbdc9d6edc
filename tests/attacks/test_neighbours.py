"""All hostile servers at once, against a worker that others use meanwhile (F1-F18, G1-G10)."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from statistics import median, quantiles
from threading import Event
from time import monotonic  # noqa: TID251 -- to end what goes on

import httpx
import pytest

from tests.running.service import Service, running_service
from tests.stand_ins.zstack import ZstackNode, zstack_node

IN_FLIGHT = 50
BUDGET_S = 5
HANG_S = 60
SECONDS = 20
MOST_MB = 50
OPTIONS = {"tls": {"verify": False}, "force": True, "timeoutSeconds": BUDGET_S}


@pytest.mark.faults
@pytest.mark.timeout(300)
def test_hostile_servers_harm_no_neighbour(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One tenant's hostile platform shares a worker with everybody else's healthy ones."""
    with (
        running_service(tmp_path) as service,
        zstack_node() as (_, healthy),
        zstack_node(ZstackNode(delay_s=0.2)) as (_, slow),
        hostile_servers() as hostile,
    ):
        worker = service.part("cli worker --queue interactive")
        neighbour = f"127.0.0.1:{healthy}"
        warm_up(service, neighbour)
        with keeping_busy(service, [f"http://127.0.0.1:{slow}"]):
            alone = latencies_ms(service, neighbour)
        idle_mb = memory_mb(worker)
        with keeping_busy(service, hostile) as took_s:
            beside = latencies_ms(service, neighbour)
            most_mb = memory_mb(worker, "VmHWM")
        with keeping_busy(service, [f"http://127.0.0.1:{slow}"]):
            after = latencies_ms(service, neighbour)  # the machine may have become a busy one

    noise = max(quantiles(each, n=20)[-1] for each in (alone, after))
    with capsys.disabled():
        sys.stdout.write(
            f"\nneighbours: median {median(alone):.1f} ms, 95% below {noise:.1f} ms beside "
            f"{IN_FLIGHT} healthy tests; median {median(beside):.1f} ms beside {IN_FLIGHT} hostile "
            f"ones ({len(took_s)} of them ended, the longest took {max(took_s):.1f} s); "
            f"memory {idle_mb:.0f} MB idle, {most_mb:.0f} MB at most\n"
        )
    assert most_mb - idle_mb < MOST_MB
    assert max(took_s) < HANG_S
    assert median(beside) <= noise
    assert len(took_s) > IN_FLIGHT


@contextmanager
def hostile_servers() -> Iterator[Sequence[str]]:
    """Give the endpoints of all of them, in a process of their own."""
    command = [sys.executable, "-m", "tests.attacks"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    assert process.stdout
    try:
        yield [endpoint for _, endpoint in json.loads(process.stdout.readline())]
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


@contextmanager
def keeping_busy(service: Service, endpoints: Sequence[str]) -> Iterator[list[float]]:
    """Keep IN_FLIGHT tests going while the block runs; give the seconds that each took.

    They are the worker's own: a caller's wait depends on what else this machine does.
    """
    done, took_s, following = Event(), list[float](), cycle(endpoints)

    def go_on() -> None:
        while not done.is_set():
            answer = service.test(next(following), options=OPTIONS)
            assert answer.status_code == 200, answer.text
            took_s.append(_took_ms(answer) / 1000)

    with ThreadPoolExecutor(IN_FLIGHT) as threads:
        going = [threads.submit(go_on) for _ in range(IN_FLIGHT)]
        try:
            yield took_s
        finally:
            done.set()
    for one in going:
        one.result()


def latencies_ms(service: Service, endpoint: str) -> list[float]:
    """Return the milliseconds that the steps of a healthy test take, again and again."""
    found: list[float] = []
    ends_at_s = monotonic() + SECONDS
    while monotonic() < ends_at_s:
        answer = service.test(endpoint)
        assert answer.json()["success"] is True, answer.text
        found.append(_took_ms(answer))
    return found


def _took_ms(answer: httpx.Response) -> float:
    return sum(float(item["latencyMs"]) for item in answer.json()["items"])


def warm_up(service: Service, endpoint: str) -> None:
    """Have everything loaded and built that the first tests of a worker need."""
    with ThreadPoolExecutor(IN_FLIGHT) as threads:
        list(threads.map(lambda _: service.test(endpoint, options={"force": True}), range(300)))


def memory_mb(pid: int, what: str = "VmRSS") -> float:
    """Return what a process takes, or took at most (VmHWM), in megabytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{what}:"))
