"""Measure how long each stage of a single test takes, from its job's stream and its caller's clock.

The caller, the API, the worker and Redis must share one clock, so they run on one machine.
"""

import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

from redis import Redis

from bench.load import wire
from bench.service import Service, redis_of
from shared.diagnosis.entries import Entry, entry_from_json
from shared.store.site_keys import DEFAULT_KEYS

CALLS, WARM_UP = 200, 20
STAGES = (
    "request to `queued`: received, validated, allowed",
    "`queued` to `started`: sealed, stored, sent, taken, its turn",
    "`started` to the first step: begun, opened, read",
    "the steps",
    "the last step to `closed`",
    "`closed` to the answer: written, announced, read, answered",
)
_RECEIVED_B = 65_536


@dataclass(frozen=True, slots=True)
class Call:
    """A documented call that was answered, with when it began and ended in s since 1970."""

    job_id: str
    began_s: float
    ended_s: float

    @property
    def took_ms(self) -> float:
        """Return how long the caller waited."""
        return (self.ended_s - self.began_s) * 1000


class Caller:
    """A caller with one kept-alive connection, who costs as little CPU as possible."""

    def __init__(self, up: Service, endpoint: str) -> None:
        self._request = wire(up.port, up.token, endpoint)
        self._socket = socket.create_connection(("127.0.0.1", up.port), timeout=30)

    def call(self) -> Call:
        """Test the platform.

        Raises:
            ValueError: it was not said to be healthy.
        """
        began_s = time.time()
        self._socket.sendall(self._request)
        head, _, body = self._received(b"").partition(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])
        while len(body) < int(fields[b"content-length"]):
            body = self._received(body)
        ended_s = time.time()
        if b'"success":true' not in body:
            raise ValueError(f"a single test failed: {body[:500]!r}")
        return Call(fields[b"conncheck-job-id"].decode(), began_s, ended_s)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _received(self, so_far: bytes) -> bytes:
        """Return `so_far` and what comes next, at least a whole head."""
        while more := self._socket.recv(_RECEIVED_B):
            so_far += more
            if b"\r\n\r\n" in so_far or so_far[:4] != b"HTTP":
                return so_far
        raise EOFError("the API closed the connection")


def calls_of_one(up: Service, endpoint: str) -> Sequence[Call]:
    """Return CALLS documented calls, one after the other."""
    caller = Caller(up, endpoint)
    try:
        return [caller.call() for _ in range(WARM_UP + CALLS)][WARM_UP:]
    finally:
        caller.close()


def stages_ms(up: Service, calls: Sequence[Call]) -> Sequence[Mapping[str, float]]:
    """Return how long each stage of each call took."""
    with redis_of(up) as redis:
        return [_stages_of(call, _entries(redis, call.job_id)) for call in calls]


def _stages_of(call: Call, entries: Sequence[Entry]) -> Mapping[str, float]:
    first = {entry.kind: entry.at.timestamp() for entry in reversed(entries)}
    last = {entry.kind: entry.at.timestamp() for entry in entries}
    moments = (
        call.began_s,
        first["queued"],
        first["started"],
        first["step_started"],
        last["step_ended"],
        first["closed"],
        call.ended_s,
    )
    return {
        name: (end - begin) * 1000
        for name, (begin, end) in zip(STAGES, pairwise(moments), strict=True)
    }


def _entries(redis: Redis, job_id: str) -> Sequence[Entry]:
    rows = cast("list[tuple[bytes, dict[bytes, bytes]]]", redis.xrange(DEFAULT_KEYS.job(job_id)))
    return [entry_from_json(fields[b"entry"]) for _, fields in rows]
