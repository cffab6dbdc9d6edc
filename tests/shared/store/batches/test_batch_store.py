from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from shared.store.batches.batch_counts import COUNTED_AGAIN_S
from shared.store.batches.batch_keys import (
    UNFINISHED_BATCHES,
    batch_key,
    ca_certificates_key,
    cause_key,
    causes_key,
    counts_key,
    facts_key,
    index_key,
    items_key,
    letters_key,
    same_as_key,
    sealed_key,
    targets_key,
    took_key,
    twins_key,
)
from shared.store.batches.batch_store import BatchStore
from shared.store.batches.item_outcome import ItemOutcome
from shared.store.errors import StoreUnreachableError
from tests.shared.conftest import TTL_S, Backend, Outages
from tests.shared.store.batches.batches import (
    BATCH,
    DEADLINE_S,
    a_batch,
    ask,
    created,
    finish,
    lives_s,
    new_item,
    put_to_work,
    settle,
)
from tests.shared.store.jobs.jobs import listening_to

FAILED = ItemOutcome([0, 1], "f", "tcp.refused", ["host=db"], 7)

OPERATIONS: dict[str, Callable[[BatchStore], Awaitable[object]]] = {
    "add": lambda store: store.creation.add(BATCH, [new_item(0)]),
    "create": lambda store: store.creation.create(BATCH, a_batch(1), [], ["t"], {}),
    "discard": lambda store: store.creation.discard(BATCH),
    "unfinished": lambda store: store.records.unfinished(),
    "state": lambda store: store.records.state(BATCH),
    "rejected": lambda store: store.records.rejected(BATCH),
    "targets": lambda store: store.records.targets(BATCH),
    "same_as": lambda store: store.records.same_as(BATCH, [0]),
    "progress": lambda store: store.counts.progress(BATCH),
    "twins": lambda store: store.records.twins(BATCH),
    "items": lambda store: store.records.items(BATCH, [0]),
    "sealed": lambda store: store.records.sealed(BATCH, [0]),
    "put_to_work": lambda store: store.feed.put_to_work(BATCH, [0]),
    "settle": lambda store: store.settler.settle(BATCH, [FAILED]),
    "end_waiting": lambda store: store.settler.end_waiting(BATCH, "c"),
    "is_cancelled": lambda store: store.feed.is_cancelled(BATCH),
    "cancelled_or_expired": lambda store: store.feed.cancelled_or_expired([BATCH]),
    "finish": lambda store: store.feed.finish(BATCH),
    "causes": lambda store: store.findings.causes(BATCH, 3),
    "bits": lambda store: store.findings.bits(BATCH, ["tcp.refused"]),
    "shared_facts": lambda store: store.findings.shared_facts(BATCH),
}
OF_THE_TENANT = {"conncheck:batches-of:alice", "conncheck:kept-of:alice"}


@pytest.mark.parametrize(
    ("change", "announced"),
    [
        (lambda store: store.settler.settle(BATCH, [ItemOutcome([0], "p", "", [])]), b"settled"),
        (lambda store: store.settler.end_waiting(BATCH, "c"), b"settled"),
        (lambda store: store.feed.finish(BATCH), b"closed"),
    ],
    ids=["settle", "end_waiting", "finish"],
)
def test_who_watches_is_told(
    backend: Backend, change: Callable[[BatchStore], Awaitable[None]], announced: bytes
) -> None:
    """Otherwise they would have to ask again and again."""
    created(backend, 1)
    put_to_work(backend, 0)
    if announced == b"closed":
        settle(backend, [0], "p")

    with listening_to(backend, batch_key(BATCH)) as listening:
        ask(backend, change)
        message = listening.get_message(timeout=5)

    assert message is not None
    assert message["data"] == announced


def everything(backend: Backend) -> None:
    """Have a batch that went through all that can happen to one."""
    follower = replace(new_item(1), same_as=0)
    ask(
        backend,
        lambda store: store.creation.add(BATCH, [follower], {"default": {"digest": "sealed"}}),
    )
    created(backend, 5, twins={0: [1]})
    ask(backend, lambda store: store.counts.progress(BATCH))
    put_to_work(backend, 0, 1, 2, 3)
    settle(backend, [0, 1], "f", "tcp.refused", ["host=db"])
    settle(backend, [2], "o", "tls.expires_soon")
    settle(backend, [3], "p", took_ms=12)
    ask(backend, lambda store: store.settler.end_waiting(BATCH, "c"))
    finish(backend)
    ask(backend, lambda store: store.counts.progress(BATCH))


def test_nothing_of_a_batch_stays_for_ever(backend: Backend) -> None:
    """Whatever was once tested would fill Redis; the list of unfinished batches alone may stay."""
    created(backend, 1)
    assert {key for key, lives in lives_s(backend).items() if lives == -1} == {UNFINISHED_BATCHES}
    backend.sync.flushall()

    everything(backend)

    kept_s = DEADLINE_S + TTL_S
    of_the_batch = (
        batch_key,
        letters_key,
        items_key,
        targets_key,
        twins_key,
        same_as_key,
        causes_key,
        facts_key,
        index_key,
        took_key,
    )
    sealed_keys = {sealed_key(BATCH), ca_certificates_key(BATCH)}
    of_causes = {cause_key(BATCH, code) for code in ("tcp.refused", "tls.expires_soon")}
    found = lives_s(backend)
    assert all(found.pop(key) > 0 for key in OF_THE_TENANT)
    assert found.pop(counts_key(BATCH)) <= COUNTED_AGAIN_S
    assert set(found) == {*(key(BATCH) for key in of_the_batch), *of_causes, *sealed_keys}
    assert {found.pop(key) // 5 for key in sealed_keys} <= {DEADLINE_S // 5 - 1, DEADLINE_S // 5}
    assert all(lives == pytest.approx(kept_s, abs=5) for lives in found.values())


@pytest.mark.parametrize(
    "write",
    [
        lambda store: store.feed.put_to_work(BATCH, [0]),
        lambda store: store.settler.settle(BATCH, [FAILED]),
        lambda store: store.settler.end_waiting(BATCH, "c"),
        lambda store: store.feed.finish(BATCH),
    ],
    ids=["put_to_work", "settle", "end_waiting", "finish"],
)
def test_a_late_write_does_not_bring_half_of_a_batch_back(
    backend: Backend, write: Callable[[BatchStore], Awaitable[object]]
) -> None:
    """What has expired would come back without a time to live."""
    created(backend, 1)
    for key in (batch_key, letters_key, items_key, targets_key, sealed_key, index_key):
        backend.sync.delete(key(BATCH))

    ask(backend, write)

    assert set(lives_s(backend)) <= {UNFINISHED_BATCHES, *OF_THE_TENANT}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_a_store_that_is_away_is_named_so(
    fallible: tuple[Backend, Outages], operation: Callable[[BatchStore], Awaitable[object]]
) -> None:
    """The API answers 503 to that and to nothing else."""
    backend, outages = fallible
    outages.begin()

    with pytest.raises(StoreUnreachableError):
        ask(backend, operation)
