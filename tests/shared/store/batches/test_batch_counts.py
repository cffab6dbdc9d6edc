from datetime import UTC, datetime

from shared.store.batches.batch import BatchProgress
from shared.store.batches.batch_keys import batch_key, counts_key, job_id_of, letters_key
from shared.store.site_keys import DEFAULT_KEYS
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


def progress(backend: Backend) -> BatchProgress:
    """Return how far the batch is."""
    found = ask(backend, lambda store: store.counts.progress(BATCH))
    assert found
    return found


def counted(backend: Backend) -> dict[str, int]:
    """Return how many items have a letter, of those that any has."""
    return {letter: count for letter, count in progress(backend).counts.items() if count}


def test_each_change_of_the_letters_changes_the_counts(backend: Backend) -> None:
    """They are counted once, and must add up to the letters after whatever has happened."""
    created(backend, 8, twins={0: [5, 6]})
    assert counted(backend) == {"q": 8}

    put_to_work(backend, 0, 5, 6, 1, 2)
    put_to_work(backend, 1)  # it is already
    assert counted(backend) == {"q": 3, "w": 5}
    settle(backend, [0, 5, 6], "f", "tcp.refused")
    settle(backend, [0, 5, 6], "p")  # it has ended
    settle(backend, [1], "o", "tls.expires_soon")
    assert counted(backend) == {"q": 3, "w": 1, "f": 3, "o": 1}
    ask(backend, lambda store: store.settler.end_waiting(BATCH, "c"))
    settle(backend, [2], "l")
    assert counted(backend) == {"c": 3, "l": 1, "f": 3, "o": 1}

    assert letters(backend) == "folccffc"


def test_what_the_version_before_changes_is_counted_in_the_end(backend: Backend) -> None:
    """Its API may settle items while it is replaced, and knows of no counts."""
    created(backend, 2)
    assert counted(backend) == {"q": 2}

    backend.sync.set(letters_key(BATCH), "pf", keepttl=True)
    backend.sync.hset(batch_key(BATCH), "finished_at", datetime.now(UTC).isoformat())

    assert counted(backend) == {"p": 1, "f": 1}


def test_counts_do_not_last(backend: Backend) -> None:
    """Were they ever wrong, they would be right again within a minute."""
    created(backend, 2)
    counted(backend)
    put_to_work(backend, 0)

    assert 0 < backend.sync.ttl(counts_key(BATCH)) <= 60
    backend.sync.delete(counts_key(BATCH))  # as time does
    settle(backend, [0], "p")
    assert not backend.sync.exists(counts_key(BATCH))
    assert counted(backend) == {"q": 1, "p": 1}


def test_what_waits_in_the_queue_is_told_of_this_batch_alone(backend: Backend) -> None:
    """A batch that repeats another has its deadline."""
    created(backend, 4)
    put_to_work(backend, 0, 1, 2)
    deadline_s = state(backend).batch.start_by.timestamp()
    waiting = [job_id_of(BATCH, 0), job_id_of(BATCH, 2), job_id_of("c" * 24, 0)]
    backend.sync.zadd(DEFAULT_KEYS.queued, dict.fromkeys(waiting, deadline_s))
    backend.sync.zadd(DEFAULT_KEYS.queued, {"a single test": deadline_s + 1})

    assert progress(backend).waiting_at_work == 2


def test_a_finished_batch_says_when_it_ended(backend: Backend) -> None:
    """Its pace stays as it was then."""
    created(backend, 1)
    put_to_work(backend, 0)
    settle(backend, [0], "p")
    finish(backend)

    found = progress(backend)

    assert (found.batch, found.began_at, found.finished_at) == (
        state(backend).batch,
        state(backend).began_at,
        state(backend).finished_at,
    )


def test_a_batch_that_is_not_there_has_no_progress(backend: Backend) -> None:
    """It may have expired a moment ago."""
    assert ask(backend, lambda store: store.counts.progress(BATCH)) is None
