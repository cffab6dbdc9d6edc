"""Measure what it costs to look at a large batch: its view, its filters, its orders, its sheet."""

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from api.batches.finding.choice import EVERYTHING, Choice
from api.batches.finding.grouping import Grouping
from api.batches.finding.ordering import Ordering
from api.batches.reader import BatchReader
from api.batches.results import Results
from bench.bulk.process import program_running
from bench.service import POLL_S
from cli.service.embedded_redis import redis_command, redis_server
from shared.store.batches.batch import Batch, BatchItem, NewItem
from shared.store.batches.batch_keys import index_key, items_key, job_id_of, took_key
from shared.store.batches.batch_store import BatchStore
from shared.store.batches.item_index import ItemIndex
from shared.store.batches.item_outcome import ItemOutcome
from shared.store.connection import connect_async
from shared.store.gate import RedisGate
from shared.store.jobs.job_reader import JobReader

BATCH = "b" * 24
TOGETHER = 1000
OWNERS, SITES, ROOMS = 40, 12, 900
TTL_S = 3600
TRACED = 5_000
"""Rows of a sheet whose memory is traced, which is slow; it is sent as it is written."""


@dataclass(frozen=True, slots=True)
class Looks:
    """Of one batch: milliseconds by what was asked for, and bytes that Redis holds by key."""

    ms: Mapping[str, float]
    bytes_held: Mapping[str, int]
    sheet_mb: Mapping[str, float]
    """The most that Python held at once while a sheet was written."""


def looks(items: int, *, are_labelled: bool) -> Looks:
    """Look at a batch of `items`, of which a tenth has failed, in a Redis of its own."""
    with TemporaryDirectory(prefix="conncheck-looks-") as name:
        directory = Path(name)
        socket = directory / "redis.sock"
        command = redis_command(redis_server(), socket, directory)
        with program_running(command, directory / "log"):
            while not socket.exists():
                time.sleep(POLL_S)
            return asyncio.run(_looks(f"unix://{socket}", items, are_labelled=are_labelled))


async def _looks(url: str, items: int, *, are_labelled: bool) -> Looks:
    async with connect_async(url) as redis:
        store = BatchStore.of(RedisGate(redis), TTL_S, 3)
        jobs = JobReader(RedisGate(redis))
        await _fill(store, items, are_labelled=are_labelled)
        keys = {"items": items_key(BATCH), "index": index_key(BATCH), "times": took_key(BATCH)}
        held = {what: int(await redis.memory_usage(key) or 0) for what, key in keys.items()}

        def reader() -> BatchReader:
            return BatchReader(store, jobs, Grouping(store), Ordering(store))

        return Looks(await _times(reader), held, await _sheets(reader()))


async def _times(new_reader: Callable[[], BatchReader]) -> Mapping[str, float]:
    """Return the milliseconds of each look; the first one keeps what never changes."""
    reader = new_reader()
    found: dict[str, float] = {}

    async def view() -> None:
        progress = await reader.own_progress(BATCH, "alice")
        await reader.view(BATCH, progress)

    found["view, first"] = await _ms(view)
    found["view, unchanged"] = await _ms(view)
    reader.grouping._counted_of.clear()  # noqa: SLF001 -- as after an item has ended
    found["view, changed"] = await _ms(view)
    state = await reader.own(BATCH, "alice")
    wanted: Mapping[str, Any] = {
        "page": {},
        "page by owner": {"_choice": Choice(labels=[("owner", "owner-7")])},
        "page by 2 references": {"_choice": Choice(refs=frozenset({"ref-7", "ref-40000"}))},
        "page by serial": {"_choice": Choice(labels=[("serial", "serial-40000")])},
        "page by name, first": {"_sort": "name"},
        "page by name": {"_sort": "name"},
        "page by time": {"_sort": "-tookMs"},
        "page by cause": {"_sort": "cause"},
    }
    for what, how in wanted.items():

        async def page(how: Mapping[str, Any] = how) -> None:
            await Results(reader, BATCH, state, **how).page(0, 100)

        found[what] = await _ms(page)
    return found


async def _sheets(reader: BatchReader) -> Mapping[str, float]:
    state = await reader.own(BATCH, "alice")
    results = Results(reader, BATCH, state, EVERYTHING)
    parts: Mapping[str, AsyncIterator[str] | AsyncIterator[bytes]] = {
        "CSV": results.as_csv(0, TRACED),
        "xlsx": results.as_xlsx(0, TRACED),
    }
    return {form: await _most_mb(lines) for form, lines in parts.items()}


async def _most_mb(parts: AsyncIterator[str] | AsyncIterator[bytes]) -> float:
    tracemalloc.start()
    async for _ in parts:
        pass
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / 1e6


async def _ms(call: Callable[[], Awaitable[None]]) -> float:
    began_s = time.perf_counter()
    await call()
    return (time.perf_counter() - began_s) * 1000


async def _fill(store: BatchStore, total: int, *, are_labelled: bool) -> None:
    index = ItemIndex()
    for first in range(0, total, TOGETHER):
        new = [_item(n, are_labelled=are_labelled) for n in range(first, first + TOGETHER)]
        for one in new:
            index.add(one.item)
        await store.creation.add(BATCH, new)
    now = datetime.now(UTC)
    batch = Batch(
        tenant="alice",
        created_at=now,
        start_by=now + timedelta(seconds=TTL_S),
        total=total,
        rejected=0,
        labels=tuple(index.labels),
    )
    targets = [f"host-{n}:443" for n in range(total)]
    await store.creation.create(BATCH, batch, [], targets, {}, index=index.contents())
    for first in range(0, total, TOGETHER):
        some = range(first, first + TOGETHER)
        await store.feed.put_to_work(BATCH, some)
        await store.settler.settle(BATCH, [_outcome(n) for n in some])
    await store.feed.finish(BATCH)


def _item(n: int, *, are_labelled: bool) -> NewItem:
    labels = {
        "owner": f"owner-{n % OWNERS}",
        "site": f"site-{n * 7 % SITES}",
        "room": f"room-{n * 13 % ROOMS}",
        "serial": f"serial-{n}",
    }
    item = BatchItem(
        place=f"line {n + 2}",
        name=f"platform {n * 7919 % 1_000_003}",
        ref=f"ref-{n}",
        product_type="zstack" if n % 3 else "vsphere",
        endpoint=f"https://host-{n}.example.com:443",
        sealed_as=job_id_of(BATCH, n),
        labels=labels if are_labelled else {},
    )
    return NewItem(n, item, "sealed")


def _outcome(n: int) -> ItemOutcome:
    took_ms = 5 + n * 31 % 4000 / 10
    if n % 10:
        return ItemOutcome.passed([n], took_ms)
    return ItemOutcome([n], "f", ("tcp.refused", "tls.expired")[n // 10 % 2], [], took_ms)
