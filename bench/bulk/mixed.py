"""Measure a batch in which many platforms fail, and what somebody who waits feels of it."""

import http.client
import json
import random
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from threading import Event, Thread

from bench.bulk.batch import BatchError, ndjson, run_batch, verdicts
from bench.bulk.black_hole import NETWORK
from bench.bulk.rate import slots
from bench.load import PATH
from bench.sample import TEST
from bench.service import Certificates, Service, service

COUNT, LOST_COUNT, REFUSING_COUNT = 5_000, 500, 250
TIMEOUT_S, SLOTS = 3, 200
PAUSE_S, IDLE_S = 0.1, 10.0
WARM_UP = 20
LOST_CAUSE, REFUSED_CAUSE = "tcp.timeout_filtered", "tcp.refused"


@dataclass(frozen=True, slots=True)
class Places:
    """Where the platforms of a mixed batch are; `apart` is a healthy one that is in no batch."""

    healthy: Sequence[str]
    lost: Sequence[str]
    refusing: Sequence[str]
    apart: str


@dataclass(frozen=True, slots=True)
class Mixed:
    """What a mixed batch took, and the times in ms of single tests before and meanwhile."""

    wall_s: float
    false_verdicts: int
    idle_ms: Sequence[float]
    meanwhile_ms: Sequence[float]


def p95(times_ms: Sequence[float]) -> float:
    """Return the time that 95 % kept to."""
    return quantiles(times_ms, n=20)[-1]


def mixed(places: Places, certificates: Certificates) -> Mixed:
    """Run a mixed batch on a service of its own, with somebody who tests one platform at a time."""
    expected = [
        *((one, "") for one in islice(cycle(places.healthy), COUNT - LOST_COUNT - REFUSING_COUNT)),
        *((one, LOST_CAUSE) for one in islice(cycle(places.lost), LOST_COUNT)),
        *((one, REFUSED_CAUSE) for one in islice(cycle(places.refusing), REFUSING_COUNT)),
    ]
    random.Random(1).shuffle(expected)
    upload = ndjson((one for one, _ in expected), timeoutSeconds=TIMEOUT_S)
    settings = {"CONNCHECK_ALLOWED_NETWORKS": f"127.0.0.0/8,{NETWORK}", **slots(SLOTS)}
    with (
        TemporaryDirectory(prefix="conncheck-bulk-") as directory,
        service(certificates, Path(directory), settings) as up,
    ):
        idle = _Caller(up, places.apart)
        with idle:
            time.sleep(IDLE_S)
        with _Caller(up, places.apart) as caller:
            batch = run_batch(up, upload)
        rows = verdicts(up, batch)
    wrong = [
        f"{one[0]} is {one[1] or 'healthy'}, but was told: {row['cause']} {row['errorMsg']}"
        for row, one in zip(rows, expected, strict=True)
        if not _is_right(row, *one)
    ]
    print(*wrong, sep="\n", end="", file=sys.stderr)
    return Mixed(batch.wall_s, len(wrong), idle.took_ms[WARM_UP:], caller.took_ms)


def _is_right(row: Mapping[str, str], endpoint: str, cause: str) -> bool:
    outcome = "failed" if cause else "passed"
    return row["endpoint"].startswith(endpoint) and (row["outcome"], row["cause"]) == (
        outcome,
        cause,
    )


class _Caller:
    """Tests one platform again and again in a thread, with pauses of PAUSE_S."""

    def __init__(self, up: Service, endpoint: str) -> None:
        self._up = up
        self._body = json.dumps({**TEST, "endpoint": endpoint})
        self._over = Event()
        self._thread = Thread(target=self._call)
        self._failure: Exception | None = None
        self.took_ms: list[float] = []

    def __enter__(self) -> "_Caller":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._failure:
            raise self._failure

    def _call(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._up.port, timeout=30)
        headers = {"Authorization": f"Bearer {self._up.token}", "Content-Type": "application/json"}
        try:
            while not self._over.wait(PAUSE_S):
                began_s = time.perf_counter()
                connection.request("POST", PATH, self._body, headers)
                answer = connection.getresponse().read()
                self.took_ms.append((time.perf_counter() - began_s) * 1000)
                if b'"success":true' not in answer:
                    self._failure = BatchError(f"a single test failed: {answer[:500]!r}")
                    return
        except Exception as error:  # noqa: BLE001 -- raised again where it is waited for
            self._failure = error
        finally:
            connection.close()
