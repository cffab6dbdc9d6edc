import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from pydantic import ValidationError
from redis import Redis

from api.batches.listing import MOST_READ, BatchListing, WantedBatches
from shared.store.batches.batch_keys import batch_key
from shared.store.batches.batch_store import BatchStore
from shared.store.batches.item_outcome import ItemOutcome
from shared.store.connection import connect_async
from shared.store.gate import RedisGate
from shared.wire.batches import BatchPage
from tests.shared.conftest import TTL_S
from tests.shared.store.batches.batches import MOST_OPEN, a_batch, keep

T = TypeVar("T")
NOON = datetime.now(UTC).replace(microsecond=0)
ENDED = (
    ItemOutcome([0], "p", "", []),
    ItemOutcome([1], "f", "tcp.refused", []),
    ItemOutcome([2], "c", "", []),
)


def batch_id(number: int) -> str:
    return f"{number:024x}"


def ask(url: str, call: Callable[[BatchStore], Awaitable[T]]) -> T:
    async def asked() -> T:
        async with connect_async(url) as redis:
            return await call(BatchStore.of(RedisGate(redis), TTL_S, MOST_OPEN))

    return asyncio.run(asked())


async def kept(store: BatchStore, number: int, tenant: str = "alice", total: int = 1) -> None:
    """Keep the batch that is created `number` seconds after noon."""
    batch = a_batch(total, tenant=tenant)
    later = {"created_at": NOON + timedelta(seconds=number)}
    await keep(store, batch.model_copy(update=later), batch_id(number))


def page(url: str, tenant: str = "alice", **wanted: Any) -> BatchPage:
    """Return a page of a tenant's list."""
    filters = WantedBatches.model_validate(wanted)
    return ask(url, lambda store: BatchListing(store, tenant).page(filters))


def numbers(shown: BatchPage) -> Sequence[int]:
    return [int(one.batch_id, 16) for one in shown.items]


@pytest.fixture
def several(real_redis: Redis, redis_url: str) -> str:
    """Give the URL of a store with three batches of alice, the second finished, and one of bob."""

    async def prepare(store: BatchStore) -> None:
        for number in (1, 2, 3):
            await kept(store, number, total=4)
        await kept(store, 4, "bob")
        await store.feed.put_to_work(batch_id(2), [0, 1, 2])
        await store.settler.settle(batch_id(2), ENDED)
        await store.settler.end_waiting(batch_id(2), "c")
        await store.feed.finish(batch_id(2))

    ask(redis_url, prepare)
    return redis_url


def test_a_tenant_sees_its_own_batches_the_newest_first(several: str) -> None:
    """To all others they do not exist."""
    assert numbers(page(several)) == [3, 2, 1]
    assert numbers(page(several, "bob")) == [4]
    assert page(several, "carol") == BatchPage(items=(), next_cursor=None)


def test_a_batch_is_told_with_its_counts(several: str) -> None:
    """They add up, as those of the batch itself."""
    waiting, over, _ = page(several).items

    assert (waiting.status, waiting.total, waiting.unfinished) == ("running", 4, 4)
    assert over.status == "finished"
    assert over.finished_at
    counts = over.unfinished + over.passed + over.failed + over.cancelled + over.expired + over.lost
    assert counts == over.total
    assert (over.passed, over.failed, over.cancelled) == (1, 1, 2)
    assert over.status_url.endswith(f"/batches/{batch_id(2)}")


@pytest.mark.parametrize(("status", "expected"), [("running", [3, 1]), ("finished", [2])])
def test_only_those_in_the_state_are_listed(
    several: str, status: str, expected: Sequence[int]
) -> None:
    """Whoever wants to cancel looks for those that run."""
    assert numbers(page(several, status=status)) == expected


def test_pages_miss_no_batch_and_repeat_none(several: str) -> None:
    """Whoever pages through must come to the same list; the last page says that it is the last."""
    first = page(several, limit=2)
    last = page(several, limit=2, cursor=first.next_cursor)

    assert [*numbers(first), *numbers(last)] == [3, 2, 1]
    assert last.next_cursor is None


def test_a_batch_that_has_expired_is_left_out(several: str, real_redis: Redis) -> None:
    """One that retries another may go earlier than its place in the list."""
    real_redis.delete(batch_key(batch_id(2)))

    assert numbers(page(several)) == [3, 1]


def test_a_page_of_what_is_rare_reads_a_bounded_number_of_batches(
    real_redis: Redis, redis_url: str
) -> None:
    """Each may have a million items, and one call could else read all of them."""

    async def many(store: BatchStore) -> None:
        for number in range(MOST_READ + 5):
            await kept(store, number)

    ask(redis_url, many)
    real_redis.config_resetstat()

    shown = page(redis_url, status="finished")

    assert numbers(shown) == []
    assert shown.next_cursor
    looks = real_redis.info("commandstats")["cmdstat_zrangebyscore"]["calls"]  # one in each
    assert looks == MOST_READ


def test_an_invalid_filter_is_refused_with_the_valid_values() -> None:
    """A mistyped filter that matches everything, or nothing, is a wrong answer."""
    with pytest.raises(ValidationError, match="'running' or 'finished'"):
        WantedBatches.model_validate({"status": "done"})
    with pytest.raises(ValidationError, match="the parameters are since, cursor, limit, status"):
        WantedBatches.model_validate({"outcome": "failed"})
