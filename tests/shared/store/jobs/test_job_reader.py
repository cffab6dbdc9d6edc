import pytest

from shared.store.jobs.job_reader import LOOKED_AT_TOGETHER
from shared.store.jobs.job_stream import CLOSING, MOST_ROWS
from shared.store.site_keys import DEFAULT_KEYS
from tests.shared.conftest import Backend, forced
from tests.shared.diagnosis.stories import step
from tests.shared.store.jobs.jobs import (
    JOB,
    begun,
    bulk_job,
    create,
    create_all,
    story,
)


def test_a_job_that_is_not_there_reads_as_none(backend: Backend) -> None:
    """Expired and never created look alike, to strangers too."""
    assert backend.api(lambda store: store.reader.read("other")) is None


def test_a_story_can_be_read_on_from_where_the_reader_was(backend: Backend) -> None:
    """A client that comes back wants what it missed, once."""
    create(backend)
    begun(backend)
    whole = backend.api(lambda store: store.reader.story(JOB))

    seen_until = whole[1][0]

    assert [entry_id for entry_id, _ in whole] == ["0-1", "1-0", "1-1", "1-2"]
    assert backend.api(lambda store: store.reader.story(JOB, seen_until)) == whole[2:]
    assert backend.api(lambda store: store.reader.story(JOB, whole[-1][0])) == []


def test_many_jobs_are_read_in_the_order_in_which_they_were_asked_for(backend: Backend) -> None:
    """They are matched with the items of a batch by their places."""
    create_all(backend, bulk_job("a"), bulk_job("b"))
    backend.worker().begin(forced("b")).close(*step("dns_lookup"), status="finished")

    b, gone, a = backend.api(lambda store: store.reader.read_all(["b", "gone", "a"]))

    assert (a and a.status, gone, b and b.status) == ("queued", None, "finished")
    assert b == backend.api(lambda store: store.reader.read("b"))
    assert backend.api(lambda store: store.reader.read_all([])) == []


def test_a_job_that_is_gone_is_unknown_to_the_queue(backend: Backend) -> None:
    """A message for it would find nothing."""
    assert backend.api(lambda store: store.reader.queued_job("gone")) is None


def test_a_look_tells_where_jobs_are_and_what_ended_them(backend: Backend) -> None:
    """The feeder looks at all of its jobs often, and most of them need not be read for it."""
    names = ["waits", "gone", "over", "runs", "again"]
    create_all(backend, *(bulk_job(name) for name in names if name != "gone"))
    backend.worker().begin(forced("runs"))
    backend.worker().begin(forced("over")).close(*step("tcp_connect"), status="finished")
    backend.worker().begin(forced("again"))
    backend.api(lambda store: store.dead_workers.give_up_run("again", "w1"))

    waits, gone, over, runs, again = backend.api(lambda store: store.reader.look(names))

    assert (waits, gone, runs, again) == ("queued", None, "running", "queued")
    assert over == story(backend, "over")[-1][1]
    assert backend.api(lambda store: store.reader.look([])) == []


def test_a_look_at_very_many_jobs_is_one(backend: Backend) -> None:
    """A script takes no more arguments than Lua's stack has room for."""
    names = [f"job-{n}" for n in range(2 * LOOKED_AT_TOGETHER + 1)]
    create_all(backend, bulk_job(names[-1]))

    found = backend.api(lambda store: store.reader.look(names))

    assert found == [None] * (2 * LOOKED_AT_TOGETHER) + ["queued"]


ROW = b'{"at":"2026-11-23T17:43:54Z","kind":"step_started","step":"tcp_connect"}'


@pytest.mark.parametrize(
    ("count", "row"), [(3 * MOST_ROWS, ROW), (40, ROW[:-1] + b',"x":"' + b"x" * 10_000 + b'"}')]
)
def test_a_job_without_end_is_lost_to_its_readers(backend: Backend, count: int, row: bytes) -> None:
    """A stolen worker writes what it likes, and its readers have others to serve."""
    create(backend)
    begun(backend)
    key = DEFAULT_KEYS.job(JOB)
    with backend.sync.pipeline() as pipe:
        for n in range(count):
            pipe.xadd(key, {"entry": row}, id=f"1-{n + 10}")
        pipe.execute()

    told = backend.api(lambda store: store.reader.story(JOB))
    job = backend.api(lambda store: store.reader.read(JOB))

    assert len(told) <= MOST_ROWS + 1
    assert told[-1][0] == f"1-{CLOSING}"
    assert job
    assert (job.status, job.success) == ("lost", False)
    assert backend.api(lambda store: store.reader.read_all([JOB])) == [job]
