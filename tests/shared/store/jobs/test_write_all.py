from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Thread

import pytest

from shared.diagnosis.entries import Closed, Entry, StepStarted
from shared.store.errors import RunGivenUpError
from shared.store.jobs.run import Run
from shared.store.jobs.run_store import RunStore
from tests.shared.conftest import Backend, Outages, forced, worker_of
from tests.shared.diagnosis.stories import at, step
from tests.shared.store.jobs.jobs import JOB, create, given_up, kinds, mending, new_job, story
from tests.shared.store.round_trips import FEW, round_trips_of

WITHIN_S = 10
A_DAY_S = 86_400
BEGINNING = ["queued", "started"]
STEP = ["step_started", "step_ended"]


def begun_runs(backend: Backend, store: RunStore, count: int) -> Sequence[Run]:
    """Return one worker's runs of so many jobs."""
    for number in range(count):
        create(backend, new_job(f"job-{number}"))
    return [store.begin(forced(f"job-{number}")) for number in range(count)]


def test_what_many_runs_have_to_write_goes_in_one_round_trip(real: Backend) -> None:
    """A round trip costs a worker more than the commands in it."""
    store = real.worker()
    runs = begun_runs(real, store, 10)
    for run in runs:
        run.append(*step("dns_lookup"))

    with round_trips_of(real.sync) as made:
        store.write_all()

    assert made() <= FEW
    for run in runs:
        assert kinds(real, run.job_id) == [*BEGINNING, *STEP]


def test_entries_that_are_young_wait_for_others(real: Backend) -> None:
    """From far away, a write that is under way would hold up the sign-in, or the end."""
    store = real.worker()
    (run,) = begun_runs(real, store, 1)
    run.append(*step("dns_lookup"))

    store.write_all(least_age_s=A_DAY_S)
    assert kinds(real, run.job_id) == BEGINNING

    run.append(*step("tcp_connect"))
    Event().wait(0.01)
    store.write_all(least_age_s=0.01)  # the first one is old enough
    assert kinds(real, run.job_id) == [*BEGINNING, *STEP, *STEP]

    run.append(*step("tls_handshake"))
    store.write_all(least_age_s=A_DAY_S)
    assert kinds(real, run.job_id) == [*BEGINNING, *STEP, *STEP]


def test_a_test_waits_for_three_round_trips(real: Backend) -> None:
    """It begins, signs in and ends; over a line of 200 ms each of them is what a caller notices.

    Whether Redis has kept the beginning of the sign-in is asked together with writing it.
    """
    store = real.worker()
    begun_runs(real, store, 1)[0].close(status="finished")  # this Redis knows the scripts now
    create(real)
    with round_trips_of(real.sync) as to_begin:
        run = store.begin(forced(JOB))
    with round_trips_of(real.sync) as before_the_sign_in:
        run.append(*step("dns_lookup"))
        run.append(*step("tcp_connect"))
        looked_up = store.round_trips.ask(lambda pipe: pipe.exists("rejections"))
        run.append(step("authenticate")[0])
        looked_up.answer()
    with round_trips_of(real.sync) as to_end:
        run.append(step("authenticate")[1])
        run.close(*step("authorize"), status="finished")

    assert to_begin() + before_the_sign_in() + to_end() <= 2 + FEW


def test_where_nothing_is_to_be_written_the_store_is_not_asked(
    fallible: tuple[Backend, Outages],
) -> None:
    """A worker looks fifty times a second, busy or not."""
    backend, outages = fallible
    store = backend.worker()
    create(backend)
    run = store.begin(forced(JOB))
    run.append(*step("dns_lookup"))
    store.write_all()

    outages.begin()
    with mending(outages.end) as mender:
        store.write_all()

    assert mender.outages == 0


def test_a_run_that_was_given_up_is_told_and_disturbs_no_other(backend: Backend) -> None:
    """Whatever became of one job, the others of the worker go on."""
    store = backend.worker()
    first, cancelled, last = begun_runs(backend, store, 3)
    backend.api(lambda api: api.closer.close(cancelled.job_id, "cancelled"))
    for run in (first, cancelled, last):
        run.append(*step("dns_lookup"))

    store.write_all()

    with pytest.raises(RunGivenUpError):
        cancelled.append(*step("tcp_connect"))
    for run in (first, last):
        run.append(*step("tcp_connect"))
    store.write_all()
    assert kinds(backend, cancelled.job_id) == [*BEGINNING, "closed"]
    for run in (first, last):
        assert kinds(backend, run.job_id) == [*BEGINNING, *STEP, *STEP]


@pytest.mark.parametrize("last", [step("authenticate")[0], Closed(at=at(9), status="finished")])
def test_what_has_to_be_kept_is_left_to_who_waits_for_that(backend: Backend, last: Entry) -> None:
    """Written here it would pass for kept, and a killed Redis would forget it."""
    create(backend)
    store = backend.worker()
    run = store.begin(forced(JOB))
    run.append(*step("tcp_connect"))
    run.unwritten.append(("1-9", last))  # its run comes to write it, and this thread is faster

    store.write_all()
    assert kinds(backend) == [*BEGINNING, *STEP]

    run.write()
    assert kinds(backend) == [*BEGINNING, *STEP, last.kind]


def test_a_run_that_was_given_up_can_do_nothing_any_more(backend: Backend) -> None:
    """Once refused, always refused, whatever the run tries."""
    create(backend)
    store = backend.worker("w1")
    run = store.begin(forced(JOB))
    given_up(backend, "w1")
    run.append(*step("dns_lookup"))
    store.write_all()

    with pytest.raises(RunGivenUpError):
        run.append(step("authenticate")[0])
    with pytest.raises(RunGivenUpError):
        run.write()
    with pytest.raises(RunGivenUpError):
        run.close(status="finished")
    store.write_all()

    assert kinds(backend) == [*BEGINNING, "requeued"]


def test_runs_go_on_after_an_outage_without_a_gap(fallible: tuple[Backend, Outages]) -> None:
    """What happened while Redis restarted is part of the story, too."""
    backend, outages = fallible
    store = backend.worker()
    runs = begun_runs(backend, store, 2)

    outages.begin()
    for run in runs:
        run.append(*step("dns_lookup"))
    with mending(outages.end) as mender:
        store.write_all()

    assert mender.outages == 1
    for run in runs:
        run.close(*step("tcp_connect"), status="finished")
        assert kinds(backend, run.job_id) == [*BEGINNING, *STEP, *STEP, "closed"]


def test_what_a_full_store_refuses_is_written_when_it_has_room(real: Backend) -> None:
    """The writer serves all jobs of a worker: one bad answer must neither end it nor be lost."""
    store = real.worker()
    runs = begun_runs(real, store, 2)
    for run in runs:
        run.append(*step("dns_lookup"))

    with mending(lambda: real.sync.config_set("maxmemory", 0)) as mender:
        real.sync.config_set("maxmemory", 1)
        store.write_all()

    assert mender.outages == 1
    for run in runs:
        assert kinds(real, run.job_id) == [*BEGINNING, *STEP]


def test_a_run_whose_store_stays_away_is_given_up(fallible: tuple[Backend, Outages]) -> None:
    """A story with a hole in it would be wrong; one without an end is closed as lost."""
    backend, outages = fallible
    create(backend)
    store = worker_of(backend.sync, patience_s=0)
    run = store.begin(forced(JOB))
    run.append(*step("dns_lookup"))

    outages.begin()
    store.write_all()
    outages.end()

    with pytest.raises(RunGivenUpError):
        run.append(*step("tcp_connect"))
    store.write_all()
    assert kinds(backend) == BEGINNING


def test_a_run_that_waits_for_a_store_that_stays_away_is_given_up(
    fallible: tuple[Backend, Outages],
) -> None:
    """It stayed in the worker's memory, and its job was shown as running."""
    backend, outages = fallible
    create(backend)
    store = worker_of(backend.sync, patience_s=0)
    run = store.begin(forced(JOB))
    run.append(*step("dns_lookup"))

    outages.begin()
    with pytest.raises(RunGivenUpError):
        run.write()
    outages.end()

    assert run.is_given_up
    assert kinds(backend) == BEGINNING


def test_a_close_that_comes_meanwhile_writes_nothing_twice(
    fallible: tuple[Backend, Outages],
) -> None:
    """It waits for what is on its way, and leaves that alone."""
    backend, outages = fallible
    store = backend.worker()
    (run,) = begun_runs(backend, store, 1)
    run.append(*step("dns_lookup"))
    is_missed, is_closing = Event(), Event()

    def mend() -> None:
        is_missed.set()
        assert is_closing.wait(WITHIN_S)
        outages.end()

    def close() -> None:
        is_closing.set()
        run.close(*step("tcp_connect"), status="finished")

    outages.begin()
    with mending(mend), ThreadPoolExecutor() as pool:
        writing = pool.submit(store.write_all)
        assert is_missed.wait(WITHIN_S)
        closing = pool.submit(close)
        writing.result(WITHIN_S)
        closing.result(WITHIN_S)
    store.write_all()

    assert kinds(backend, run.job_id) == [*BEGINNING, *STEP, *STEP, "closed"]


def test_a_run_that_is_busy_writing_keeps_no_other_waiting(
    fallible: tuple[Backend, Outages],
) -> None:
    """One close that waits for its answer must not hold up what is shown of all other jobs."""
    backend, outages = fallible
    store = backend.worker()
    closed, other = begun_runs(backend, store, 2)
    is_missed, is_written = Event(), Event()

    def mend() -> None:
        outages.end()
        is_missed.set()
        assert is_written.wait(WITHIN_S)

    outages.begin()
    with mending(mend), ThreadPoolExecutor() as pool:
        closing = pool.submit(closed.close, *step("dns_lookup"), status="finished")
        assert is_missed.wait(WITHIN_S)
        other.append(*step("dns_lookup"))
        store.write_all()
        assert kinds(backend, other.job_id) == [*BEGINNING, *STEP]
        assert kinds(backend, closed.job_id) == BEGINNING
        is_written.set()
        closing.result(WITHIN_S)

    assert kinds(backend, closed.job_id) == [*BEGINNING, *STEP, "closed"]


def test_a_run_that_is_just_writing_itself_is_left_to_do_so(backend: Backend) -> None:
    """Nobody waits for it, and what it has is neither lost nor written before its turn."""
    store = backend.worker()
    busy, other = begun_runs(backend, store, 2)
    for run in (busy, other):
        run.append(*step("dns_lookup"))

    with ThreadPoolExecutor(1) as pool, busy.writing:
        pool.submit(store.write_all).result(WITHIN_S)
        assert kinds(backend, other.job_id) == [*BEGINNING, *STEP]
        assert kinds(backend, busy.job_id) == BEGINNING

    store.write_all()
    assert kinds(backend, busy.job_id) == [*BEGINNING, *STEP]


@contextmanager
def writing_all_the_time(store: RunStore) -> Iterator[None]:
    """Write as a worker does while the block runs, only without a pause."""
    is_over = Event()

    def write() -> None:
        while not is_over.is_set():
            store.write_all()

    writer = Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        is_over.set()
        writer.join()


def test_entries_keep_their_order_whoever_writes_them(backend: Backend) -> None:
    """The story of a job is read from top to bottom."""
    store = backend.worker()
    runs = begun_runs(backend, store, 4)
    entries = [StepStarted(at=at(n), step="dns_lookup") for n in range(100)]
    whole: Sequence[Entry] = [*entries, *step("authenticate")]

    def tell(run: Run) -> None:
        for entry in entries:
            run.append(entry)
        run.append(step("authenticate")[0])
        run.close(step("authenticate")[1], status="finished")

    with writing_all_the_time(store), ThreadPoolExecutor() as pool:
        for telling in [pool.submit(tell, run) for run in runs]:
            telling.result()

    for run in runs:
        _, _, *told, closed = story(backend, run.job_id)
        assert [entry for _, entry in told] == whole
        assert [entry_id for entry_id, _ in told] == [f"1-{n}" for n in range(1, 103)]
        assert closed[1].kind == "closed"
