"""Measure prometheus-blackbox-exporter with the same platforms and as many tests in flight.

It does less: a connection, a TLS handshake and one request instead of three, none of them
signed; nothing is queued, and nothing is kept but the answer to who asks.
"""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from urllib.parse import quote

from bench.bulk.batch import BatchError
from bench.bulk.process import program, program_running
from bench.bulk.targets import Platforms, free_ports, until_open
from bench.process import cpu_s
from bench.service import Certificates
from bench.target import BODY_BY_PATH

NAME = "prometheus-blackbox-exporter"
PATH = next(iter(BODY_BY_PATH)).decode()
MODULE = "platform"


@dataclass(frozen=True, slots=True)
class Exporter:
    """A running exporter."""

    port: int
    pid: int


@dataclass(frozen=True, slots=True)
class Probes:
    """Probes a second, and CPU of a probe in ms."""

    a_second: float
    exporter_ms: float
    target_ms: float


@contextmanager
def exporter(certificates: Certificates, directory: Path) -> Iterator[Exporter]:
    """Run the exporter while the block runs.

    Raises:
        MissingError: it is not installed.
    """
    path = program(NAME, NAME)
    config, (port,) = directory / "blackbox.json", free_ports(1)
    tls = {"ca_file": str(certificates.authority)}
    http = {"preferred_ip_protocol": "ip4", "tls_config": tls}
    module = {"prober": "http", "timeout": "10s", "http": http}
    config.write_text(json.dumps({"modules": {MODULE: module}}))  # JSON is YAML
    command = [path, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"]
    with program_running([*command, "--log.level=error"], directory / "blackbox-log") as process:
        until_open(port, process)
        yield Exporter(port, process.pid)


def probes(running: Exporter, platforms: Platforms, in_flight: int, count: int) -> Probes:
    """Probe `count` platforms, `in_flight` at a time."""
    wanted = [*islice(cycle(platforms.endpoints), count)]
    pids = (running.pid, platforms.pid)
    before, began_s = [cpu_s(pid) for pid in pids], time.perf_counter()
    asyncio.run(_probe_all(running.port, wanted, in_flight))
    wall_s, after = time.perf_counter() - began_s, [cpu_s(pid) for pid in pids]
    used = [(late - early) * 1000 / count for late, early in zip(after, before, strict=True)]
    return Probes(count / wall_s, *used)


async def _probe_all(port: int, endpoints: Sequence[str], in_flight: int) -> None:
    left = iter(endpoints)
    await asyncio.gather(*(_prober(port, left) for _ in range(in_flight)))


async def _prober(port: int, left: Iterator[str]) -> None:
    """Probe what nobody has probed yet, one after another on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for endpoint in left:
        path = f"/probe?module={MODULE}&target={quote(endpoint + PATH, safe='')}"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        answer = await _body(reader)
        if b"\nprobe_success 1" not in answer:
            raise BatchError(f"{NAME} failed for {endpoint}: {answer[-300:]!r}")
    writer.close()


async def _body(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"transfer-encoding: chunked" not in head:
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        return await reader.readexactly(length)
    body = b""
    while size := int(await reader.readline(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return body
