from dataclasses import replace

from shared.store.batches.batch import NewItem
from shared.store.batches.batch_creation import UNFINISHED_UPLOAD_S
from tests.shared.conftest import Backend
from tests.shared.store.batches.batches import (
    BATCH,
    SEALED,
    ask,
    created,
    letters,
    lives_s,
    new_item,
    sealed,
)

FOLLOWER = replace(new_item(1), same_as=0)


def test_what_is_not_created_is_no_batch(backend: Backend) -> None:
    """Its caller has gone in the middle of it, or was refused."""
    ask(backend, lambda store: store.creation.add(BATCH, [FOLLOWER], {"digest": SEALED}))

    assert ask(backend, lambda store: store.records.state(BATCH)) is None
    assert ask(backend, lambda store: store.records.unfinished()) == []
    assert all(0 < lives <= UNFINISHED_UPLOAD_S for lives in lives_s(backend).values())


def test_what_is_discarded_leaves_nothing(backend: Backend) -> None:
    """It holds sealed credentials of somebody who was refused."""
    ask(backend, lambda store: store.creation.add(BATCH, [FOLLOWER], {"digest": SEALED}))

    ask(backend, lambda store: store.creation.discard(BATCH))

    assert lives_s(backend) == {}


def test_an_item_that_is_equal_to_another_needs_no_request_of_its_own(backend: Backend) -> None:
    """Its credentials lie in Redis once."""
    items = [new_item(0), NewItem(1, new_item(1).item, "")]

    ask(backend, lambda store: store.creation.add(BATCH, items))

    assert sealed(backend, 0, 1) == [SEALED, None]


def test_credentials_go_when_no_test_may_begin_any_more(backend: Backend) -> None:
    """The results are kept longer than what was sealed for them."""
    created(backend, 1, start_within_s=-1)

    assert sealed(backend, 0) == [None]
    assert letters(backend) == "q"
