"""Call the facade from many callers at once: `python -m bench.load`, a process of its own.

Each caller has one kept-alive connection and makes its next call when the last is answered,
with --pause-s after a pause of random length, that long on average.
Requests are bytes made once, and of an answer only status and verdict are looked at, so that
the caller's own CPU (about 0.2 ms a call) does not blur the service's.
"""

import argparse
import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from time import perf_counter

from bench.sample import TEST

PATH = "/api/v1/platforms/test-connection"


@dataclass(frozen=True, slots=True)
class Calls:
    """What came of all the calls: a time for each, and how many had which answer."""

    took_ms: list[float] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    wall_s: float = 0.0

    def to_json(self) -> str:
        """Return all of it as one line."""
        return json.dumps([self.took_ms, self.answers, self.wall_s])

    @classmethod
    def from_json(cls, line: str) -> "Calls":
        """Return what `to_json` wrote."""
        took_ms, answers, wall_s = json.loads(line)
        return cls(took_ms, Counter(answers), wall_s)


def wire(port: int, token: str, endpoint: str) -> bytes:
    """Return the documented call as it goes over the wire."""
    body = json.dumps({**TEST, "endpoint": endpoint})
    lines = (
        f"POST {PATH} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join([*lines, "", body]).encode()


async def _read_answer(reader: asyncio.StreamReader) -> str:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    status = head.split(b" ", 2)[1].decode()
    return f"{status} success" if b'"success":true' in body else status


async def _caller(port: int, request: bytes, count: int, pause_s: float, calls: Calls) -> None:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(count):
            await asyncio.sleep(random.uniform(0, 2 * pause_s))
            began_s = perf_counter()
            writer.write(request)
            answer = await _read_answer(reader)
            calls.took_ms.append((perf_counter() - began_s) * 1000)
            calls.answers[answer] += 1
        writer.close()
    except (OSError, EOFError) as error:
        calls.answers[type(error).__name__] += 1


async def call(
    port: int, requests: Sequence[bytes], callers: int, count: int, pause_s: float
) -> Calls:
    """Return what came of `count` calls, shared out evenly among `callers`.

    Each caller repeats one of the `requests`.
    """
    calls, began_s = Calls(), perf_counter()
    each = count // callers
    mine = islice(cycle(requests), callers)
    await asyncio.gather(*(_caller(port, request, each, pause_s, calls) for request in mine))
    return Calls(calls.took_ms, calls.answers, perf_counter() - began_s)


def main() -> None:
    """Call as the command line says and print JSON.

    The first line of standard input has the token and then the endpoints, with blanks between.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--callers", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--pause-s", type=float, default=0)
    arguments = parser.parse_args()
    token, *endpoints = sys.stdin.readline().split()
    requests = [wire(arguments.port, token, endpoint) for endpoint in endpoints]
    calling = call(arguments.port, requests, arguments.callers, arguments.count, arguments.pause_s)
    calls = asyncio.run(calling)
    print(calls.to_json())


if __name__ == "__main__":
    main()
