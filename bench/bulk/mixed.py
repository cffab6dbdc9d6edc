"""Measure a batch in which many platforms fail, and what somebody who waits feels of it."""

import random
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import fmean, median, quantiles
from tempfile import TemporaryDirectory
from threading import Event, Thread

from bench.bulk.batch import ndjson, run_batch, verdicts
from bench.bulk.black_hole import NETWORK
from bench.bulk.rate import slots
from bench.service import Certificates, Service, service
from bench.stages import Call, Caller, stages_ms

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
class Singles:
    """Single tests, one after the other: how long each took, and its stages, in ms."""

    took_ms: Sequence[float]
    stages_ms: Sequence[Mapping[str, float]]

    @classmethod
    def of(cls, up: Service, calls: Sequence[Call]) -> "Singles":
        """Return what `calls` took."""
        return cls([call.took_ms for call in calls], stages_ms(up, calls))

    @property
    def p95_ms(self) -> float:
        """The time that 95 % kept to."""
        return quantiles(self.took_ms, n=20)[-1]

    def median_ms(self, stage: str) -> float:
        """Return the median of a stage."""
        return median(one[stage] for one in self.stages_ms)

    def slowest_ms(self, stage: str) -> float:
        """Return what the stage took on average in the slowest tenth of the tests."""
        ranked = sorted(
            zip(self.took_ms, self.stages_ms, strict=True), key=lambda pair: pair[0], reverse=True
        )
        return fmean(stages[stage] for _, stages in ranked[: -(-len(ranked) // 10)])


@dataclass(frozen=True, slots=True)
class Mixed:
    """What a mixed batch took, and single tests before and meanwhile."""

    wall_s: float
    false_verdicts: int
    idle: Singles
    meanwhile: Singles


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
        with _Calling(up, places.apart) as before:
            time.sleep(IDLE_S)
        with _Calling(up, places.apart) as meanwhile:
            batch = run_batch(up, upload)
        rows = verdicts(up, batch)
        idle, busy = (Singles.of(up, calls) for calls in (before.calls[WARM_UP:], meanwhile.calls))
    wrong = [
        f"{one[0]} is {one[1] or 'healthy'}, but was told: {row['cause']} {row['errorMsg']}"
        for row, one in zip(rows, expected, strict=True)
        if not _is_right(row, *one)
    ]
    print(*wrong, sep="\n", end="", file=sys.stderr)
    return Mixed(batch.wall_s, len(wrong), idle, busy)


def _is_right(row: Mapping[str, str], endpoint: str, cause: str) -> bool:
    outcome = "failed" if cause else "passed"
    return row["endpoint"].startswith(endpoint) and (row["outcome"], row["cause"]) == (
        outcome,
        cause,
    )


class _Calling:
    """Tests one platform again and again in a thread, with pauses of PAUSE_S."""

    def __init__(self, up: Service, endpoint: str) -> None:
        self._caller = Caller(up, endpoint)
        self._over = Event()
        self._thread = Thread(target=self._call)
        self._failure: Exception | None = None
        self.calls: list[Call] = []

    def __enter__(self) -> "_Calling":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._caller.close()
        if self._failure:
            raise self._failure

    def _call(self) -> None:
        try:
            while not self._over.wait(PAUSE_S):
                self.calls.append(self._caller.call())
        except Exception as error:  # noqa: BLE001 -- raised again where it is waited for
            self._failure = error
