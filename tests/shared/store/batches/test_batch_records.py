import json
from datetime import UTC, datetime, timedelta

import pytest

from shared.diagnosis.sentences import Sentence
from shared.store.batches.batch import BatchGoneError, RejectedRow
from shared.store.batches.batch_keys import batch_key
from shared.store.batches.batch_store import BatchStore
from tests.shared.conftest import Backend
from tests.shared.store.batches.batches import (
    BATCH,
    SEALED,
    a_batch,
    ask,
    causes,
    keep,
    new_item,
    sealed,
    shared_facts,
    state,
)


def test_the_rows_of_an_older_version_are_read(backend: Backend) -> None:
    """Both versions serve while a service is upgraded; an older one keeps English reasons alone."""
    row = RejectedRow("line 2", "endpoint", "is required")
    ask(backend, lambda store: store.creation.create(BATCH, a_batch(1), [row], [""], {}))
    key = batch_key(BATCH)

    backend.sync.hset(key, "rejected", json.dumps([row[:3]]))
    backend.sync.hdel(key, "reasons")
    assert ask(backend, lambda store: store.records.rejected(BATCH)) == [row]


def test_a_batch_reads_as_it_was_created(backend: Backend) -> None:
    """Another process looks after it than the one that received it."""
    said = Sentence("must be at least {ge}", {"ge": 1, "choices": ("a", "b")})
    batch, rejected = (
        a_batch(3, rejected=1),
        [
            RejectedRow("line 2", "endpoint", "is required"),
            RejectedRow("line 3", "options.timeoutSeconds", str(said), said, 3, 7, "30"),
        ],
    )

    async def keep(store: BatchStore) -> None:
        await store.creation.add(BATCH, [new_item(0), new_item(2)])
        await store.creation.add(BATCH, [new_item(1)])
        await store.creation.create(BATCH, batch, rejected, ["t0", "", "t2"], {0: [1, 2]})

    ask(backend, keep)

    assert state(backend) == (batch, "qqq", None, None)
    assert ask(backend, lambda store: store.records.unfinished()) == [BATCH]
    assert ask(backend, lambda store: store.records.rejected(BATCH)) == rejected
    assert ask(backend, lambda store: store.records.targets(BATCH)) == ["t0", "", "t2"]
    assert ask(backend, lambda store: store.records.twins(BATCH)) == {0: [1, 2]}
    assert ask(backend, lambda store: store.records.items(BATCH, [2, 0])) == [
        new_item(2).item,
        new_item(0).item,
    ]
    assert sealed(backend, 1, 7) == [SEALED, None]


def test_the_oldest_batch_is_listed_first(backend: Backend) -> None:
    """Who came first is looked after first."""

    async def keep(store: BatchStore) -> None:
        for name, age_s in (("b", 1), ("a", 2), ("c", 0)):
            made_at = datetime.now(UTC) - timedelta(seconds=age_s)
            batch = a_batch(1).model_copy(update={"created_at": made_at})
            await store.creation.create(name * 24, batch, [], ["t"], {})

    ask(backend, keep)

    assert ask(backend, lambda store: store.records.unfinished()) == ["a" * 24, "b" * 24, "c" * 24]


def test_a_batch_that_is_not_there_has_nothing(backend: Backend) -> None:
    """It may expire between two looks at it."""
    assert ask(backend, lambda store: store.records.state(BATCH)) is None
    assert ask(backend, lambda store: store.records.rejected(BATCH)) == []
    assert ask(backend, lambda store: store.records.twins(BATCH)) == {}
    assert ask(backend, lambda store: store.records.items(BATCH, [])) == []
    with pytest.raises(BatchGoneError):
        ask(backend, lambda store: store.records.items(BATCH, [0]))
    assert sealed(backend) == []
    assert causes(backend) == []
    assert shared_facts(backend) == []


@pytest.mark.parametrize("field", ["batch", "began_at", "rejected"])
def test_a_batch_that_another_version_wrote_unreadably_is_not_there(
    backend: Backend, field: str
) -> None:
    """Whoever looks is told so, and whoever looks after all batches goes on with the others."""
    ask(backend, lambda store: keep(store, a_batch(1)))
    backend.sync.hset(batch_key(BATCH), field, '{"of": "another form"}')

    with pytest.raises(BatchGoneError):
        ask(backend, _all_of_it)


async def _all_of_it(store: BatchStore) -> None:
    await store.records.state(BATCH)
    await store.records.rejected(BATCH)
