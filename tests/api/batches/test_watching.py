import asyncio
from contextlib import AsyncExitStack

import pytest

from api.batches.errors import NoSuchBatchError
from api.batches.watching import Watched
from shared.store.batches.batch import BatchProgress
from shared.store.batches.batch_keys import batch_key, letters_key
from shared.store.batches.item_outcome import ItemOutcome
from tests.api.batches.batching import Api, with_api
from tests.shared.store.batches.batches import BATCH, a_batch, keep

WATCHERS = 50


async def evals(api: Api) -> int:
    """Return how many scripts have been run."""
    counted = (await api.redis.info("commandstats")).get("cmdstat_eval", {"calls": 0})
    return int(counted["calls"])


async def told(watched: list[Watched], known: BatchProgress | None) -> BatchProgress:
    """Return what all watchers are told next."""
    found = await asyncio.gather(*(one.after(known) for one in watched))
    assert len(set(map(id, found))) == 1
    return found[0]


def test_i4_many_watchers_of_a_batch_cost_one_look(served: str) -> None:
    """Fifty open pages must not slow down the tests of everyone."""

    async def watched(api: Api) -> tuple[int, list[dict[str, int]]]:
        await keep(api.store, a_batch(4))
        listening = asyncio.create_task(api.jobs.watch.run())
        async with AsyncExitStack() as stack:
            of = api.batches.watching.of
            watchers = [await stack.enter_async_context(of(BATCH)) for _ in range(WATCHERS)]
            seen = [await told(watchers, None)]
            before = await evals(api)
            await api.store.feed.put_to_work(BATCH, [0, 1])
            await api.store.settler.settle(BATCH, [ItemOutcome([0], "p", "", [])])
            seen.append(await told(watchers, seen[0]))
            looks = await evals(api) - before - 2  # the two changes are scripts as well
        listening.cancel()
        return looks, [{k: n for k, n in one.counts.items() if n} for one in seen]

    looks, seen = with_api(served, watched)

    assert seen == [{"q": 4}, {"q": 2, "w": 1, "p": 1}]
    assert looks <= 4  # a look is two; WATCHERS times as many without sharing


def test_a_batch_that_expires_ends_for_all_its_watchers(served: str) -> None:
    """A stream that waits for ever would keep its connection for nothing."""

    async def watched(api: Api) -> None:
        await keep(api.store, a_batch(1))
        listening = asyncio.create_task(api.jobs.watch.run())
        async with api.batches.watching.of(BATCH) as one, api.batches.watching.of(BATCH) as other:
            seen = await told([one, other], None)
            await api.redis.delete(batch_key(BATCH), letters_key(BATCH))
            await api.redis.publish(batch_key(BATCH), "settled")
            for each in (one, other):
                with pytest.raises(NoSuchBatchError):
                    await each.after(seen)
        listening.cancel()

    with_api(served, watched)


def test_nobody_looks_when_the_last_watcher_has_gone(served: str) -> None:
    """A thousand closed pages must leave nothing behind."""

    async def watched(api: Api) -> set[str]:
        await keep(api.store, a_batch(1))
        listening = asyncio.create_task(api.jobs.watch.run())
        async with api.batches.watching.of(BATCH) as one:
            await one.after(None)
            watching = asyncio.all_tasks()
        async with api.batches.watching.of(BATCH) as one:
            await one.after(None)
        left = asyncio.all_tasks() - watching
        listening.cancel()
        return {task.get_name() for task in left}

    assert with_api(served, watched) == set()
