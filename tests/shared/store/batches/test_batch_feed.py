from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from shared.store.batches.batch_keys import ca_certificates_key, letters_key, sealed_key
from shared.store.batches.letters import CANCELLED, Letter
from tests.shared.conftest import Backend
from tests.shared.store.batches.batches import (
    BATCH,
    ask,
    created,
    finish,
    letters,
    put_to_work,
    settle,
    state,
)


def test_an_item_is_put_to_work_once(backend: Backend) -> None:
    """Two who hand it out would test it twice, and the second test may lock the account."""
    created(backend, 4)

    assert put_to_work(backend, 1, 3) == [1, 3]
    assert put_to_work(backend, 1, 2, 3) == [2]
    assert letters(backend) == "qwww"


def test_of_many_who_put_to_work_at_once_one_gets_each_item(real: Backend) -> None:
    """A feeder that was frozen does not know that another one has taken its place."""
    created(real, 50)

    with ThreadPoolExecutor(4) as pool:
        found = [*pool.map(lambda _: put_to_work(real, *range(50)), range(4))]

    assert sorted(index for some in found for index in some) == list(range(50))


def test_a_batch_began_when_its_first_item_was_put_to_work(backend: Backend) -> None:
    """Its pace is counted from there, not from when it stood behind others."""
    created(backend, 2)
    assert state(backend).began_at is None

    put_to_work(backend, 0)
    began_at = state(backend).began_at
    put_to_work(backend, 1)

    assert began_at is not None
    assert abs(datetime.now(UTC) - began_at) < timedelta(seconds=10)
    assert state(backend).began_at == began_at


def test_a_batch_of_which_an_item_has_not_ended_is_not_finished(backend: Backend) -> None:
    """A feeder that was frozen may believe so, while another one has taken its place."""
    created(backend, 2)
    put_to_work(backend, 0)
    settle(backend, [0], "p")
    finish(backend)  # one waits
    put_to_work(backend, 1)
    finish(backend)  # and is at work
    assert state(backend).finished_at is None
    assert ask(backend, lambda store: store.records.unfinished()) == [BATCH]

    settle(backend, [1], "p")
    finish(backend)

    assert state(backend).finished_at is not None
    assert ask(backend, lambda store: store.records.unfinished()) == []


def test_a_batch_finishes_once(backend: Backend) -> None:
    """Its end is what its pace and its duration are counted by."""
    created(backend, 1)
    put_to_work(backend, 0)
    settle(backend, [0], "p")
    finish(backend)
    finished_at = state(backend).finished_at

    finish(backend)

    assert state(backend).finished_at == finished_at


def test_an_expired_batch_is_unfinished_no_more(backend: Backend) -> None:
    """The list of unfinished batches has no time to live of its own."""
    created(backend, 1)
    backend.sync.delete(letters_key(BATCH))
    assert ask(backend, lambda store: store.records.state(BATCH)) is None

    finish(backend)

    assert ask(backend, lambda store: store.records.unfinished()) == []


@pytest.mark.parametrize(("letter", "is_cancelled"), [("c", True), ("e", False)])
def test_a_batch_remembers_how_what_waited_ended(
    backend: Backend, letter: Letter, *, is_cancelled: bool
) -> None:
    """Who was handing out its items at that moment has to call them back."""
    created(backend, 1)
    assert not ask(backend, lambda store: store.feed.is_cancelled(BATCH))
    assert ask(backend, lambda store: store.feed.cancelled_or_expired([BATCH])) == []

    ask(backend, lambda store: store.settler.end_waiting(BATCH, letter))

    assert ask(backend, lambda store: store.feed.is_cancelled(BATCH)) is is_cancelled
    both = ["a" * 24, BATCH]
    assert ask(backend, lambda store: store.feed.cancelled_or_expired(both)) == [BATCH]


@pytest.mark.parametrize(("letter", "is_kept"), [("p", False), ("o", False), ("f", True)])
def test_ca_certificates_go_when_no_item_can_be_repeated(
    backend: Backend, letter: Letter, *, is_kept: bool
) -> None:
    """They are as large as a thousand items, and nobody needs them any more."""
    created(backend, 2)
    backend.sync.hset(ca_certificates_key(BATCH), "digest", "sealed")
    put_to_work(backend, 0, 1)
    settle(backend, [0], "p")
    finish(backend)  # one is at work
    assert backend.sync.exists(ca_certificates_key(BATCH))

    settle(backend, [1], letter)
    finish(backend)

    assert bool(backend.sync.exists(ca_certificates_key(BATCH))) is is_kept


@pytest.mark.parametrize(("letter", "is_kept"), [("p", False), ("f", True)])
def test_what_was_sealed_goes_with_the_last_item_that_can_be_repeated(
    backend: Backend, letter: Letter, *, is_kept: bool
) -> None:
    """A tenant that sends batches and cancels them would fill Redis with what nobody may repeat."""
    created(backend, 2)
    backend.sync.hset(ca_certificates_key(BATCH), "digest", "sealed")
    put_to_work(backend, 0)
    settle(backend, [0], letter)
    ask(backend, lambda store: store.settler.end_waiting(BATCH, CANCELLED))
    assert backend.sync.exists(sealed_key(BATCH))

    finish(backend)

    kept = backend.sync.exists(sealed_key(BATCH), ca_certificates_key(BATCH))
    assert kept == (2 if is_kept else 0)
