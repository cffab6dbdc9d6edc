"""Batches in a store, at the points of their lives at which tests begin."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast

from shared.store.batches.batch import Batch, BatchItem, BatchState, CauseCount, NewItem
from shared.store.batches.batch_keys import job_id_of
from shared.store.batches.batch_store import BatchStore
from shared.store.batches.item_index import ItemIndex
from shared.store.batches.item_outcome import ItemOutcome
from shared.store.batches.letters import Letter
from shared.store.gate import RedisGate
from tests.shared.conftest import TTL_S, Backend

T = TypeVar("T")

BATCH = "b" * 24
DEADLINE_S = 120
MOST_OPEN = 3
SEALED = "c2VhbGVkIHRleHQ="


def ask(backend: Backend, call: Callable[[BatchStore], Awaitable[T]]) -> T:
    """Return what `call` makes of the store."""
    return backend.run(lambda redis: call(BatchStore.of(RedisGate(redis), TTL_S, MOST_OPEN)))


def a_batch(
    total: int,
    *,
    tenant: str = "alice",
    share_of: str = "",
    start_within_s: float = DEADLINE_S,
    rejected: int = 0,
) -> Batch:
    """Return what is known of a batch at its beginning."""
    now = datetime.now(UTC)
    start_by = now + timedelta(seconds=start_within_s)
    return Batch(
        tenant=tenant,
        share_of=share_of,
        created_at=now,
        start_by=start_by,
        total=total,
        rejected=rejected,
    )


def new_item(index: int, batch_id: str = BATCH, sealed: str = SEALED) -> NewItem:
    """Return an item of a batch, sealed for its own job."""
    item = BatchItem(
        place=f"line {index + 1}",
        name=f"name-{index}",
        ref=f"ref-{index}",
        product_type="zstack",
        endpoint=f"http://host-{index}.example.com:8080",
        sealed_as=job_id_of(batch_id, index),
    )
    return NewItem(index, item, sealed)


async def keep(
    store: BatchStore,
    batch: Batch,
    batch_id: str = BATCH,
    *,
    targets: Sequence[str] = (),
    twins: Mapping[int, Sequence[int]] | None = None,
    items: Sequence[NewItem] = (),
) -> None:
    """Keep a batch and have it begin; each item has a target of its own unless told otherwise."""
    new = items or [new_item(index, batch_id) for index in range(batch.total)]
    index = ItemIndex()
    for one in new:
        index.add(one.item)
    await store.creation.add(batch_id, new)
    each = targets or [f"host-{index}.example.com:8080" for index in range(batch.total)]
    named = batch.model_copy(update={"labels": tuple(index.labels)})
    await store.creation.create(batch_id, named, [], each, twins or {}, index=index.contents())


def created(
    backend: Backend,
    total: int,
    *,
    twins: Mapping[int, Sequence[int]] | None = None,
    start_within_s: float = DEADLINE_S,
) -> None:
    """Have a batch whose items wait."""
    batch = a_batch(total, start_within_s=start_within_s)
    ask(backend, lambda store: keep(store, batch, twins=twins))


def put_to_work(backend: Backend, *indexes: int) -> Sequence[int]:
    """Put items to work; return those that did wait."""
    return ask(backend, lambda store: store.feed.put_to_work(BATCH, indexes))


def settle(
    backend: Backend,
    indexes: Sequence[int],
    letter: Letter,
    cause: str = "",
    facts: Sequence[str] = (),
    took_ms: float | None = None,
) -> None:
    """Settle an item at work, and those that are equal to it."""
    outcome = ItemOutcome(indexes, letter, cause, facts, took_ms)
    ask(backend, lambda store: store.settler.settle(BATCH, [outcome]))


def state(backend: Backend, batch_id: str = BATCH) -> BatchState:
    """Return the batch and where it stands."""
    found = ask(backend, lambda store: store.records.state(batch_id))
    assert found is not None
    return found


def letters(backend: Backend, batch_id: str = BATCH) -> str:
    """Return where each item stands."""
    return state(backend, batch_id).letters


def sealed(backend: Backend, *indexes: int) -> list[str | None]:
    """Return the sealed requests of items."""
    return [*ask(backend, lambda store: store.records.sealed(BATCH, indexes))]


def causes(backend: Backend, examples: int = 3) -> list[CauseCount]:
    """Return the causes that were found."""
    return [*ask(backend, lambda store: store.findings.causes(BATCH, examples))]


def shared_facts(backend: Backend) -> list[tuple[str, int]]:
    """Return what failed items have in common."""
    return [*ask(backend, lambda store: store.findings.shared_facts(BATCH))]


def finish(backend: Backend) -> None:
    """Finish the batch, if its items have ended."""
    ask(backend, lambda store: store.feed.finish(BATCH))


def lives_s(backend: Backend) -> dict[str, int]:
    """Return how long each key has to live, -1 for one that stays for ever."""
    keys = cast("list[bytes]", backend.sync.keys("*"))
    return {key.decode(): backend.sync.ttl(key) for key in keys}
