"""Measure what jobs cost beside the documented call: events, polls, streams, kills."""

import asyncio
import http.client
import json
import os
import signal
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from bench.process import cpu_s, rss_mb
from bench.service import POLL_S, Service

JOBS = "/api/v1/platforms/test-connection/jobs"
EVENTS, POLLERS, POLLING_S = 100, 4, 3.0
STREAMS, STREAMS_S = 2000, 15.0  # each stream is kept alive once in that time
IN_LINE, WATCHED, WAIT_S = 20, 4, 120


def _connection(service: Service) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)


def _headers(service: Service) -> dict[str, str]:
    return {"Authorization": f"Bearer {service.token}", "Content-Type": "application/json"}


def submit(service: Service, endpoint: str, **options: float) -> str:
    """Return the address of a new job."""
    request = {"productType": "zstack", "accessKey": "AKID", "secretKey": "SECRET"}
    connection = _connection(service)
    body = json.dumps({**request, "endpoint": endpoint, "options": options})
    connection.request("POST", JOBS, body, _headers(service))
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.headers["Location"]


def first_event_ms(service: Service, endpoints: Sequence[str]) -> list[float]:
    """Return how long each of EVENTS jobs takes from its submission to its first event."""
    took = []
    for number in range(EVENTS):
        began_s = time.perf_counter()
        job = submit(service, endpoints[number % len(endpoints)])
        connection = _connection(service)
        connection.request("GET", f"{job}/events", headers=_headers(service))
        connection.getresponse().readline()
        took.append((time.perf_counter() - began_s) * 1000)
        connection.close()
    return took


def polls_a_second(service: Service, endpoint: str) -> float:
    """Return how often POLLERS connections can look at a job within a second."""
    job = submit(service, endpoint)
    until_s = time.monotonic() + POLLING_S

    def poll() -> int:
        connection, count = _connection(service), 0
        while time.monotonic() < until_s:
            connection.request("GET", job, headers=_headers(service))
            connection.getresponse().read()
            count += 1
        connection.close()
        return count

    with ThreadPoolExecutor(POLLERS) as pollers:
        return sum(pollers.map(lambda _: poll(), range(POLLERS))) / POLLING_S


def idle_streams(service: Service, silent: Sequence[str]) -> tuple[float, float]:
    """Return what STREAMS open streams cost the API: KB of memory each, and CPU in percent.

    A platform that is silent holds a test for 10 s only, and four tests at a time. So what is
    watched is the end of a line for one of them, where nothing happens for a good while longer.
    """
    line = [submit(service, silent[0], timeoutSeconds=WAIT_S) for _ in range(IN_LINE)]
    jobs = line[-WATCHED:]
    api = service.pids["api"]
    before_mb = rss_mb(api)

    async def hold() -> tuple[float, float]:
        writers = []
        for number in range(STREAMS):
            reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
            path, token = f"{jobs[number % len(jobs)]}/events", service.token
            head = f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n"
            writer.write(head.encode())
            await reader.readuntil(b"event: ")
            writers.append(writer)
        began_s = cpu_s(api)
        await asyncio.sleep(STREAMS_S)
        used_percent = (cpu_s(api) - began_s) / STREAMS_S * 100
        each_kb = (rss_mb(api) - before_mb) * 1024 / STREAMS
        for writer in writers:
            writer.close()
        return each_kb, used_percent

    return asyncio.run(hold())


def recovery_s(service: Service, part: str, endpoint: str) -> float:
    """Return how long after a kill of the part the service tests a platform again."""
    victim = service.part(part)
    os.kill(victim, signal.SIGKILL)
    began_s = time.monotonic()
    while service.part(part) == victim or not _passes(service, endpoint):
        time.sleep(POLL_S)
    return time.monotonic() - began_s


def _passes(service: Service, endpoint: str) -> bool:
    request = {"productType": "zstack", "accessKey": "AKID", "secretKey": "SECRET"}
    body = json.dumps({**request, "endpoint": endpoint})
    connection = _connection(service)
    try:
        connection.request("POST", JOBS.removesuffix("/jobs"), body, _headers(service))
        answer = connection.getresponse()
        return answer.status == 200 and json.loads(answer.read())["success"] is True
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
