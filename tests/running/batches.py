"""Submit batches and look at them from outside, as their callers do."""

import json
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

import httpx
from redis import Redis

from tests.running.service import CALL, a_request, poll

BATCHES = f"{CALL}/batches"
NDJSON = "application/x-ndjson"
STANDINGS = ("queued", "running", "passed", "failed", "cancelled", "expired", "lost")
FORCED = {"force": True}
"""Options of an item that takes no turns at its target."""

Rows = Sequence[dict[str, Any] | str]


def items(endpoint: str, count: int, **changes: Any) -> list[dict[str, Any]]:
    """Return items that differ in their access keys: AK0, AK1 and so on."""
    return [a_request(endpoint, accessKey=f"AK{n}", **changes) for n in range(count)]


def keys(count: int) -> dict[str, str]:
    """Return the keys of a node that takes `count` items."""
    return {f"AK{n}": "SECRET" for n in range(count)}


def ndjson(rows: Rows) -> bytes:
    """Return an upload with a row a line; a row that is text stands there as it is."""
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()


def send(client: httpx.Client, rows: Rows, query: str = "", **headers: str) -> httpx.Response:
    """Send a batch as NDJSON."""
    headers = {"Content-Type": NDJSON, **headers}
    return client.post(f"{BATCHES}{query}", content=ndjson(rows), headers=headers)


def submitted(client: httpx.Client, rows: Rows) -> str:
    """Return the address of a new batch."""
    answer = send(client, rows)
    assert answer.status_code == 202, answer.text
    return str(answer.headers["location"])


def finished(client: httpx.Client, url: str, within_s: float = 60) -> dict[str, Any]:
    """Return the batch when it is finished, whatever is down in between.

    Each look on the way there must add up.
    """
    seen: list[dict[str, Any]] = []

    def is_finished() -> bool:
        try:
            seen.append(look(client, url))
        except (httpx.TransportError, AwayError):
            return False
        return bool(seen[-1]["status"] == "finished")

    poll(is_finished, within_s)
    return seen[-1]


class AwayError(Exception):
    """Raised where the service can't be asked at the moment."""


def look(client: httpx.Client, url: str) -> dict[str, Any]:
    """Return what is known of a batch; its counts must add up."""
    answer = client.get(url)
    if answer.status_code == 503:
        raise AwayError
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    assert sum(shown[name] for name in STANDINGS) == shown["total"], shown
    return shown


def until(client: httpx.Client, url: str, holds: Callable[[dict[str, Any]], bool]) -> None:
    """Return when a batch stands as wanted."""
    poll(lambda: holds(look(client, url)))


def results(client: httpx.Client, url: str, **query: Any) -> list[dict[str, Any]]:
    """Return all results of a batch, page by page."""
    found: list[dict[str, Any]] = []
    cursor: str | None = "0"
    while cursor is not None:
        page = client.get(f"{url}/results", params={**query, "cursor": cursor})
        assert page.status_code == 200, page.text
        found += page.json()["items"]
        cursor = page.json()["nextCursor"]
    return found


def events(client: httpx.Client, url: str, **headers: str) -> Generator[dict[str, str], None, None]:
    """Yield the events of a batch, or of a job, until its stream ends."""
    block: dict[str, str] = {}
    with client.stream("GET", f"{url}/events", headers=headers) as stream:
        assert stream.status_code == 200
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name:
                block[name] = value
            elif block:
                yield block
                block = {}


def batch_ids(redis: Redis) -> set[bytes]:
    """Return the ids of all batches of which a Redis holds anything.

    Their keys come and go for as long as they run; a batch that left nothing has no id here.
    """
    return {key.split(b":")[2] for key in redis.scan_iter("conncheck:batch:*")}


def content_of(redis: Redis) -> bytes:
    """Return everything that a Redis holds, in clear."""
    # DUMP would not do: it compresses.
    read: dict[bytes, Callable[[bytes], Any]] = {
        b"string": redis.get,
        b"hash": redis.hgetall,
        b"set": redis.smembers,
        b"list": lambda key: redis.lrange(key.decode(), 0, -1),
        b"zset": lambda key: redis.zrange(key, 0, -1),
        b"stream": redis.xrange,
    }
    kinds = {key: redis.type(key) for key in redis.scan_iter(count=1000)}
    held = {key: read[kind](key) for key, kind in kinds.items() if kind in read}
    return b"\n".join(_flat(held))


def _flat(value: Any) -> Iterator[bytes]:
    if isinstance(value, dict):
        value = [part for pair in value.items() for part in pair]
    if isinstance(value, list | tuple | set):
        for part in value:
            yield from _flat(part)
    elif isinstance(value, bytes):
        yield value
