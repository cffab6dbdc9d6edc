from dataclasses import replace
from typing import Any

from shared.store.batches.batch_keys import index_key
from tests.shared.conftest import Backend
from tests.shared.store.batches.batches import (
    BATCH,
    a_batch,
    ask,
    created,
    keep,
    new_item,
    put_to_work,
    settle,
)


def labelled(backend: Backend, *labels: dict[str, str]) -> None:
    """Have a batch whose items have these labels."""
    new = [new_item(n) for n in range(len(labels))]
    items = [
        replace(one, item=one.item._replace(labels=own))
        for one, own in zip(new, labels, strict=True)
    ]
    ask(backend, lambda store: keep(store, a_batch(len(items)), items=items))


def groups(backend: Backend) -> dict[str, Any]:
    found = ask(backend, lambda store: store.index.groups(BATCH))
    return {by: [group.values[n] for n in group.numbers] for by, group in found.items()}


def test_the_groups_of_a_batch_are_read_together(backend: Backend) -> None:
    """A look at a batch tells who has which failures."""
    labelled(backend, {"owner": "Alice"}, {}, {"owner": "Bob"})

    assert groups(backend) == {"label.owner": ["Alice", "", "Bob"], "productType": ["zstack"] * 3}


def test_a_group_that_cannot_be_read_is_left_out(backend: Backend) -> None:
    """A newer version may write another form, and the others still tell something."""
    labelled(backend, {"owner": "Alice"})
    backend.sync.hset(index_key(BATCH), "label.new", "another form")

    assert list(groups(backend)) == ["label.owner", "productType"]


def test_names_and_references_are_read_without_the_items(backend: Backend) -> None:
    """They are sorted and found by, 50,000 at once."""
    created(backend, 2)

    assert ask(backend, lambda store: store.index.texts(BATCH, "ref", 2)) == ["ref-0", "ref-1"]
    assert ask(backend, lambda store: store.index.texts(BATCH, "name", 3)) is None
    assert ask(backend, lambda store: store.index.has_index(BATCH))


def test_a_batch_of_the_version_before_has_no_index(backend: Backend) -> None:
    """Its items are read instead."""
    created(backend, 2)
    backend.sync.delete(index_key(BATCH))

    assert groups(backend) == {}
    assert ask(backend, lambda store: store.index.texts(BATCH, "ref", 2)) is None
    assert not ask(backend, lambda store: store.index.has_index(BATCH))


def test_each_item_has_the_time_of_its_test(backend: Backend) -> None:
    """Equal items were tested once and took the same; one without a step took none."""
    created(backend, 5, twins={0: [3]})
    put_to_work(backend, 0, 1, 2, 3)

    settle(backend, [0, 3], "f", took_ms=70_000.04)
    settle(backend, [1], "p", took_ms=0.4)
    settle(backend, [2], "e")

    times = ask(backend, lambda store: store.index.times(BATCH, 5))
    assert times.tolist() == [700_000, 4, 0, 700_000, 0]
