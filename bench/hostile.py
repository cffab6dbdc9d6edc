"""Measure what hostile bytes and crowds cost: `python -m bench.hostile`, in about a minute."""

import http.client
import json
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

import certifi

from bench.jobs import JOBS, submit
from bench.process import rss_mb
from bench.service import Certificates, Service, service, targets
from bench.tables import table

CALL = JOBS.removesuffix("/jobs")
FLOOD_BYTES, PIECE_BYTES = 60_000_000, 60_000
BODY_BYTES = 1_048_000
ITEMS, STREAMS, WATCHED_S = 20_000, 50, 8.0
AUTHORITY_ITEMS = 1_000
PAUSE_S = 0.02


@dataclass(frozen=True, slots=True)
class Row:
    """A figure, and what it must keep to."""

    what: str
    figure: str
    bound: str


def flood(up: Service) -> Iterator[Row]:
    """Send headers without an end and without a token."""
    shapes = {
        "many headers": (b"GET / HTTP/1.1\r\nHost: x\r\n", b"a: b\r\n" * (PIECE_BYTES // 6)),
        "one header": (b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ", b"a" * PIECE_BYTES),
        "a request line": (b"GET /", b"a" * PIECE_BYTES),
    }
    for shape, (head, piece) in shapes.items():
        before_mb, sent = rss_mb(up.pids["api"]), 0
        with suppress(OSError), socket.create_connection(("127.0.0.1", up.port)) as connection:
            connection.sendall(head)
            while sent < FLOOD_BYTES:
                connection.sendall(piece)
                sent += len(piece)
        grown_mb = rss_mb(up.pids["api"]) - before_mb
        taken = f"{grown_mb:+.0f} MB after {sent / 1e6:.1f} MB were taken"
        yield Row(f"60 MB of {shape}: memory of the API", taken, "0")


def unknown_fields(up: Service) -> Row:
    """Send a megabyte of unknown fields."""
    body = json.dumps({f"f{n}": 0 for n in range(BODY_BYTES // 12)}, separators=(",", ":"))
    with watching(up, "/healthz") as took:
        _, answer = ask(up, "POST", CALL, body)
    figure = f"{max(took) * 1000:.0f} ms, {len(answer) / 1024:.0f} KiB"
    return Row("1 MiB of unknown fields: slowest /healthz, answer", figure, "50 ms, 64 KiB")


def metrics(up: Service, endpoints: Sequence[str]) -> Row:
    """Ask for the metrics without a token while jobs are submitted."""

    def submitted() -> float:
        took = []
        for number in range(100):
            began_s = time.perf_counter()
            submit(up, endpoints[number % len(endpoints)])
            took.append(time.perf_counter() - began_s)
        return quantiles(took, n=2)[0] * 1000

    alone_ms = submitted()
    with asking_on(lambda: ask(up, "GET", "/metrics", token=False)):
        beside_ms = submitted()
    figure = f"{alone_ms:.0f} ms, {beside_ms:.0f} ms"
    return Row("a job is submitted, p50: alone, beside GET /metrics", figure, "near each other")


def streams(up: Service, endpoints: Sequence[str]) -> Iterator[Row]:
    """Watch a large batch with many streams while others use the service."""
    rows = [{"productType": "tcp", "endpoint": f"10.{n >> 8}.{n & 255}.1:9"} for n in range(ITEMS)]
    with watching(up, "/healthz") as health, testing(up, endpoints) as tests:
        time.sleep(WATCHED_S)
    idle = p95_ms(health), p95_ms(tests)
    content = "\n".join(map(json.dumps, rows))
    _, answer = ask(up, "POST", f"{CALL}/batches", content, media_type="application/x-ndjson")
    batch = json.loads(answer)["statusUrl"]
    with watching(up, "/healthz") as health, testing(up, endpoints) as tests:
        time.sleep(WATCHED_S)
    unwatched = p95_ms(health), p95_ms(tests)
    held = [opened(up, f"{batch}/events") for _ in range(STREAMS)]
    with watching(up, "/healthz") as health, testing(up, endpoints) as tests:
        time.sleep(WATCHED_S)
    for connection in held:
        connection.close()
    ask(up, "DELETE", batch)
    for name, *figures in zip(
        ("/healthz", "a test"), idle, unwatched, (p95_ms(health), p95_ms(tests)), strict=True
    ):
        shown = ", ".join(f"{one:.0f} ms" for one in figures)
        what = f"{name}, p95: idle, beside {ITEMS:,} items, and {STREAMS} streams of them"
        yield Row(what, shown, "twice as much")


def authorities(up: Service) -> Row:
    """Submit a batch with a bundle of authorities as its default, and one without."""
    bundle = Path(certifi.where()).read_text()[:190_000]
    bundle = bundle[: bundle.rindex("-----BEGIN")]
    told = []
    for options in ({}, {"tls": {"caCertificate": bundle}}):
        items = [
            {"productType": "tcp", "endpoint": f"10.0.{n >> 8}.{n & 255}:9"}
            for n in range(AUTHORITY_ITEMS)
        ]
        began_s = time.perf_counter()
        body = json.dumps({"options": options, "items": items})
        status, answer = ask(up, "POST", f"{CALL}/batches", body)
        told.append(f"{time.perf_counter() - began_s:.2f} s ({status})")
        if status == HTTPStatus.ACCEPTED:
            ask(up, "DELETE", json.loads(answer)["statusUrl"])
    what = f"{AUTHORITY_ITEMS:,} items are taken: plain, with {len(bundle) // 1000} KB authorities"
    return Row(what, ", ".join(told), "near each other")


def ask(
    up: Service,
    method: str,
    path: str,
    body: str | None = None,
    *,
    token: bool = True,
    media_type: str = "application/json",
) -> tuple[int, bytes]:
    """Return the status and the body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", up.port, timeout=120)
    headers = {"Authorization": f"Bearer {up.token}"} if token else {}
    if body is not None:
        headers["Content-Type"] = media_type
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def opened(up: Service, path: str) -> http.client.HTTPConnection:
    """Return a connection on which a stream has begun."""
    connection = http.client.HTTPConnection("127.0.0.1", up.port, timeout=120)
    connection.request("GET", path, headers={"Authorization": f"Bearer {up.token}"})
    connection.getresponse().readline()
    return connection


@contextmanager
def asking_on(call: Callable[[], object], pause_s: float = 0) -> Iterator[list[float]]:
    """Call on and on while the block runs; gives the seconds that each call took."""
    ended, took = threading.Event(), list[float]()

    def keep_calling() -> None:
        while not ended.is_set():
            began_s = time.perf_counter()
            with suppress(OSError, http.client.HTTPException):
                call()
                took.append(time.perf_counter() - began_s)
            time.sleep(pause_s)

    (caller := threading.Thread(target=keep_calling)).start()
    try:
        yield took
    finally:
        ended.set()
        caller.join()


def watching(up: Service, path: str) -> AbstractContextManager[list[float]]:
    """Ask for `path` on and on while the block runs."""
    return asking_on(lambda: ask(up, "GET", path), PAUSE_S)


def testing(up: Service, endpoints: Sequence[str]) -> AbstractContextManager[list[float]]:
    """Test one platform after another while the block runs."""
    keys = {"productType": "zstack", "accessKey": "AKID", "secretKey": "SECRET"}
    body = json.dumps({**keys, "endpoint": endpoints[0]})
    return asking_on(lambda: ask(up, "POST", CALL, body), PAUSE_S)


def p95_ms(took_s: Sequence[float]) -> float:
    """Return the 95th percentile in milliseconds."""
    return quantiles(took_s, n=20)[-1] * 1000


def main() -> None:
    """Measure, and print the table."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with TemporaryDirectory(prefix="conncheck-bench-") as name:
        certificates = Certificates.made_in(directory := Path(name))
        with targets(certificates, 20) as endpoints, service(certificates, directory) as up:
            rows = [
                unknown_fields(up),
                metrics(up, endpoints),
                *streams(up, endpoints),
                authorities(up),
                *flood(up),
            ]
    table(
        "What hostile bytes and crowds cost (measured once)",
        ["what", "figure", "must keep to"],
        [(row.what, row.figure, row.bound) for row in rows],
    )


if __name__ == "__main__":
    main()
