from datetime import UTC, datetime, timedelta

import pytest

from shared.store.jobs.workload import MOST_WORKERS
from shared.store.site_keys import DEFAULT_KEYS
from tests.shared.conftest import Backend
from tests.shared.store.jobs.jobs import (
    JOB,
    begun,
    create,
    new_job,
)


def test_jobs_that_nobody_began_in_time_are_overdue(backend: Backend) -> None:
    """Somebody has to tell their callers."""
    create(backend, new_job("late", start_within_s=-1))
    create(backend, new_job("in-time"))

    assert backend.api(lambda store: store.workload.overdue()) == (["late"], [])


def test_jobs_that_should_long_be_over_are_overdue(backend: Backend) -> None:
    """A worker that lives and still has lost a job must not keep its caller waiting."""
    create(backend)
    begun(backend)
    assert backend.api(lambda store: store.workload.overdue()) == ([], [])

    backend.sync.zadd(DEFAULT_KEYS.running, {JOB: datetime.now(UTC).timestamp() - 1})
    assert backend.api(lambda store: store.workload.overdue()) == ([], [JOB])

    backend.api(lambda store: store.closer.close(JOB, "lost"))
    assert backend.api(lambda store: store.workload.overdue()) == ([], [])


def test_jobs_that_nobody_has_begun_are_listed_the_most_urgent_first(backend: Backend) -> None:
    """What a broker lost is sent again from this list alone."""
    create(backend, new_job("second", start_within_s=40))
    create(backend, new_job("first", start_within_s=20))
    create(backend)
    begun(backend)

    assert backend.api(lambda store: store.workload.waiting()) == ["first", "second"]


def test_the_oldest_waiting_job_tells_how_long_the_queue_is(backend: Backend) -> None:
    """A caller who is turned away wants to know when to come back."""
    assert backend.api(lambda store: store.workload.oldest_start_by()) is None
    create(backend, new_job("second", start_within_s=40))
    first = new_job("first", start_within_s=20)
    create(backend, first)

    oldest = backend.api(lambda store: store.workload.oldest_start_by())

    assert oldest is not None
    assert abs(oldest - first.start_by) < timedelta(milliseconds=1)
    assert oldest > datetime.now(UTC)


@pytest.mark.parametrize("score", ["inf", "-inf", 1e300, -1])
def test_a_time_that_no_api_has_written_is_none(backend: Backend, score: float) -> None:
    """A site writes any number, and whoever finds its queue full would get an error for it."""
    backend.sync.zadd(DEFAULT_KEYS.queued, {"forged": score})

    assert backend.api(lambda store: store.workload.oldest_start_by()) is None


def test_figures_of_a_crowd_are_not_all_read(backend: Backend) -> None:
    """Who has a site's password can name a million workers."""
    names = [f"w{n}" for n in range(MOST_WORKERS + 100)]
    backend.sync.sadd(DEFAULT_KEYS.workers, *names)
    backend.sync.mset({DEFAULT_KEYS.figures(name): "1" for name in names})

    assert len(backend.api(lambda store: store.workload.figures())) == MOST_WORKERS
