import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from shared.diagnosis.entries import ClosedStatus, Started
from shared.store.errors import RunGivenUpError
from shared.store.jobs.job_store import JobStore
from shared.store.jobs.job_stream import CLOSING, MOST_RUNS
from shared.store.site_keys import DEFAULT_KEYS, SiteKeys
from tests.shared.conftest import TTL_S, Backend, forced
from tests.shared.diagnosis.stories import queued, step
from tests.shared.store.jobs.jobs import (
    JOB,
    KEY,
    SEALED,
    begun,
    bulk_job,
    create,
    create_all,
    given_up,
    left,
    listening_to,
    of_site,
    report,
)


def test_a_run_finds_out_at_its_next_write_that_the_job_was_closed(backend: Backend) -> None:
    """A cancelled test must not go on to the sign-in."""
    create(backend)
    run = begun(backend)

    backend.api(lambda store: store.closer.close(JOB, "cancelled"))

    with pytest.raises(RunGivenUpError):
        run.append(*step("authenticate"))
    with pytest.raises(RunGivenUpError):
        run.close(status="finished")
    job = report(backend)
    assert (job.status, job.success) == ("cancelled", False)
    assert [item.name for item in job.made] == ["dns_lookup"]


def test_cancelling_tells_the_worker_that_is_at_it(backend: Backend) -> None:
    """It need not wait for its next write to let go of the platform."""
    create(backend)
    with listening_to(backend, DEFAULT_KEYS.cancellations) as listening:
        backend.api(lambda store: store.closer.cancel(JOB))

        message = listening.get_message(timeout=5)
    assert message is not None
    assert message["data"] == JOB.encode()
    assert report(backend).status == "cancelled"


def test_closing_again_changes_nothing(backend: Backend) -> None:
    """The first verdict is the one that was answered."""
    create(backend)
    begun(backend).close(status="finished")
    before = backend.sync.xrange(KEY)

    backend.api(lambda store: store.closer.close(JOB, "cancelled"))
    backend.api(lambda store: store.closer.close(JOB, "lost"))

    assert backend.sync.xrange(KEY) == before
    assert report(backend).status == "finished"


def test_closing_a_job_that_is_not_there_does_not_create_it(backend: Backend) -> None:
    """A stream of nothing but an end would be a job that nobody asked for."""
    backend.api(lambda store: store.closer.close(JOB, "cancelled"))

    assert left(backend) == set()


def test_a_closed_job_keeps_no_credentials_and_waits_no_more(backend: Backend) -> None:
    """What was sealed for a test that will never run has no business in Redis."""
    create(backend)
    assert backend.sync.get(DEFAULT_KEYS.sealed(JOB)) == SEALED.encode()

    backend.api(lambda store: store.closer.close(JOB, "cancelled"))

    assert left(backend) == {KEY}


@pytest.mark.parametrize(
    "last", [f"1-{CLOSING}", f"1-{CLOSING + 1}", f"{MOST_RUNS}-0", f"{2**64 - 1}-0"]
)
def test_a_job_that_its_site_has_closed_for_all_is_lost(real: Backend, last: str) -> None:
    """No entry comes after the last one that there can be: who closes it must not try for ever."""
    at_fra1 = SiteKeys.of("fra1")
    real.api(lambda store: store.creation.create_all([of_site(JOB, "fra1")]))
    started = Started(at=datetime.now(UTC), worker="stolen").model_dump_json()
    real.sync.xadd(at_fra1.job(JOB), {"entry": started}, id=last)

    real.api(lambda store: store.closer.cancel(JOB))

    assert report(real).status == "lost"
    assert real.sync.zscore(at_fra1.queued, JOB) is None


def test_a_job_is_logged_as_it_was_asked_for(
    real: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    """Who can write at its site may have replaced its first entry: by one of another tenant."""
    at_fra1 = SiteKeys.of("fra1")
    real.api(lambda store: store.creation.create_all([of_site(JOB, "fra1")]))
    forged = queued().model_copy(update={"tenant": "eve", "endpoint": "https://e:1"})
    real.sync.delete(at_fra1.job(JOB))
    real.sync.xadd(at_fra1.job(JOB), {"entry": forged.model_dump_json()}, id="0-1")

    with caplog.at_level(logging.INFO, "conncheck.audit"):
        real.api(lambda store: store.closer.close(JOB, "cancelled"))

    (line,) = (record.__dict__["fields"] for record in caplog.records)
    assert (line["tenant"], line["site"]) == (queued().tenant, "fra1")


def test_of_many_who_close_at_once_exactly_one_does(backend: Backend) -> None:
    """Canceller, waiter and worker may all close in the same millisecond."""
    create(backend)
    run = begun(backend)
    statuses: list[ClosedStatus] = ["cancelled", "lost", "expired"]

    def close_from_outside(status: ClosedStatus) -> None:
        backend.api(lambda store: store.closer.close(JOB, status))

    def close_from_inside() -> None:
        with suppress(RunGivenUpError):
            run.close(*step("tcp_connect"), status="finished")

    with ThreadPoolExecutor() as pool:
        closing = [pool.submit(close_from_inside)]
        closing += [pool.submit(close_from_outside, status) for status in statuses]
        for one in closing:
            one.result()

    kinds = [entry.kind for _, entry in backend.api(lambda store: store.reader.story(JOB))]
    assert kinds.count("closed") == 1
    assert kinds[-1] == "closed"


def test_a_job_that_was_begun_after_all_does_not_expire(backend: Backend) -> None:
    """It may sign in, and its Idempotency-Key would make another one that does."""
    create(backend)
    run = begun(backend)

    backend.api(lambda store: store.closer.expire(JOB))

    assert report(backend).status == "running"
    run.close(status="finished")
    backend.api(lambda store: store.closer.expire(JOB))
    assert report(backend).status == "finished"


def test_a_job_that_has_expired_does_not_begin(backend: Backend) -> None:
    """Its caller was told that it was not tested."""
    create(backend)

    backend.api(lambda store: store.closer.expire(JOB))

    with pytest.raises(RunGivenUpError):
        backend.worker().begin(forced(JOB))
    assert report(backend).status == "expired"
    assert left(backend) == {KEY}


def test_what_is_gone_waits_no_more(backend: Backend) -> None:
    """It would be looked for twice a second for ever."""
    create(backend)
    backend.sync.delete(KEY)

    backend.api(lambda store: store.closer.expire(JOB))

    assert backend.api(lambda store: store.workload.waiting()) == []


def test_every_write_of_the_api_gives_the_job_its_time_to_live(backend: Backend) -> None:
    """Without it, one kind of write would be enough to fill Redis for ever."""
    create(backend)
    after_create = backend.sync.ttl(KEY)
    begun(backend)
    backend.sync.persist(KEY)
    given_up(backend)
    after_requeue = backend.sync.ttl(KEY)
    backend.sync.persist(KEY)
    backend.api(lambda store: store.closer.close(JOB, "cancelled"))

    assert after_create == pytest.approx(TTL_S, abs=5)
    assert after_requeue == pytest.approx(TTL_S, abs=5)
    assert backend.sync.ttl(KEY) == pytest.approx(TTL_S, abs=5)


def test_a_job_that_its_caller_was_denied_is_closed_when_it_turns_up(backend: Backend) -> None:
    """What was written while the store was away may arrive when it is back; nobody waits for it."""
    until = datetime.now(UTC) + timedelta(seconds=30)

    async def denied(store: JobStore) -> None:
        store.closer.disown("mine", until)
        store.closer.disown("never", until)
        await store.closer.close_disowned()
        await store.creation.create_all([bulk_job("mine"), bulk_job("other")])
        await store.closer.close_disowned()

    backend.api(denied)

    mine, other, never = backend.api(
        lambda store: store.reader.read_all(["mine", "other", "never"])
    )
    assert (mine and mine.status, other and other.status, never) == ("cancelled", "queued", None)


def test_a_denied_job_is_not_looked_for_longer_than_it_could_begin(backend: Backend) -> None:
    """A list that only grows is a leak."""

    async def too_late(store: JobStore) -> None:
        store.closer.disown("mine", datetime.now(UTC))
        await store.creation.create_all([bulk_job("mine")])
        await store.closer.close_disowned()

    backend.api(too_late)

    (mine,) = backend.api(lambda store: store.reader.read_all(["mine"]))
    assert mine
    assert mine.status == "queued"


def test_only_those_that_wait_are_closed_together(backend: Backend) -> None:
    """A batch that is cancelled begins nothing more, and cuts off nothing that runs."""
    create_all(backend, *(bulk_job(name) for name in ("waits", "runs", "again", "over", "other")))
    runs, again = (backend.worker().begin(forced(name)) for name in ("runs", "again"))
    backend.worker().begin(forced("over")).close(status="finished")
    backend.api(lambda store: store.dead_workers.give_up_run("again", "w1"))

    names = ("waits", "runs", "again", "over", "gone")
    backend.api(lambda store: store.closer.close_waiting(names))

    found = backend.api(lambda store: store.reader.read_all([*names, "other"]))
    statuses = [job.status if job else None for job in found]
    assert statuses == ["cancelled", "running", "cancelled", "finished", None, "queued"]
    assert backend.api(lambda store: store.workload.waiting()) == ["other"]
    assert not backend.sync.exists(DEFAULT_KEYS.sealed("waits"))
    runs.close(status="finished")
    with pytest.raises(RunGivenUpError):
        again.close(status="finished")
    for name in ("waits", "again"):
        with pytest.raises(RunGivenUpError):
            backend.worker("w2").begin(forced(name))


def test_of_a_worker_that_begins_and_a_caller_who_cancels_one_is_first(real: Backend) -> None:
    """A test that has begun goes on to its end, one that was cancelled does not begin."""
    names = [f"job-{number}" for number in range(40)]
    create_all(real, *map(bulk_job, names))
    begun_ones = set()

    def begin_all() -> None:
        for name in names:
            with suppress(RunGivenUpError):
                real.worker().begin(forced(name))
                begun_ones.add(name)

    with ThreadPoolExecutor() as pool:
        beginning = pool.submit(begin_all)
        real.api(lambda store: store.closer.close_waiting(names[::-1]))
        beginning.result()

    found = dict(zip(names, real.api(lambda store: store.reader.read_all(names)), strict=True))
    assert {name for name, job in found.items() if job and job.status == "running"} == begun_ones
    assert {job.status for job in found.values() if job} <= {"running", "cancelled"}
