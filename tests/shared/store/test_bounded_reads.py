"""What a hostile site writes must not be carried to the API, which all sites share."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from shared.diagnosis.entries import Closed
from shared.queue.taken_messages import taken_in
from shared.silence import Silence
from shared.store.bounded_reads import LARGEST_STREAM, LONGEST_MEMBER
from shared.store.gate import RedisGate
from shared.store.jobs.job_store import JobStore
from shared.store.jobs.job_stream import CLOSING
from shared.store.jobs.workload import MOST_FIGURES, MOST_FIGURES_OF_A_SITE
from shared.store.limits.shared_rejections import SharedRejections
from shared.store.limits.target_limit import calls_of, turns_of
from shared.store.site_keys import SiteKeys
from tests.shared.conftest import Backend
from tests.shared.store.jobs.jobs import of_site

KEYS = SiteKeys.of("fra1")
LONG = b"x" * (4 * LARGEST_STREAM)
OURS = b"ours"
JOB = "job-of-fra1"
SITE_READS: dict[str, Callable[[JobStore], Awaitable[object]]] = {
    "silent_workers": lambda at: at.dead_workers.silent_workers(Silence.of("fra1")),
    "jobs_of": lambda at: at.dead_workers.jobs_of("w"),
    "waiting": lambda at: at.workload.waiting(),
    "overdue": lambda at: at.workload.overdue(),
    "oldest_start_by": lambda at: at.workload.oldest_start_by(),
    "load": lambda at: at.workload.load(),
    "figures": lambda at: at.workload.figures(),
    "presence": lambda at: at.workload.presence(),
}


def received(backend: Backend, call: Callable[[], object]) -> int:
    """Return how many bytes Redis sends during a call."""

    def sent() -> int:
        return int(backend.sync.info("stats")["total_net_output_bytes"])

    before = sent()
    call()
    return sent() - before


def fill(backend: Backend) -> None:
    """Write long texts wherever a site's password lets one write, beside what is ours."""
    redis = backend.sync
    for key in (KEYS.workers, KEYS.jobs_of("w"), KEYS.turns_of("w"), KEYS.calls_of("w")):
        redis.sadd(key, LONG, OURS)
    for key in (KEYS.queued, KEYS.running):
        redis.zadd(key, {LONG: 1, OURS: 2})
    for key in (KEYS.taken_by("w"), KEYS.rejections):
        redis.rpush(key, OURS, LONG)
    redis.set(KEYS.figures("ours"), LONG)


@pytest.mark.parametrize("name", SITE_READS)
def test_no_long_name_reaches_the_api(real: Backend, name: str) -> None:
    """A look is made twice a second, and the API answers nobody while it receives a gigabyte."""
    fill(real)

    def look() -> None:
        real.api(lambda store: SITE_READS[name](store.at("fra1")))

    assert received(real, look) < MOST_FIGURES + 20_000


def test_no_long_turn_call_report_or_message_reaches_the_api(real: Backend) -> None:
    """The reaper and whoever shares rejections serve all sites, too."""
    fill(real)

    def look() -> None:
        assert real.run(lambda redis: turns_of(redis, KEYS, "w"))
        assert real.run(lambda redis: calls_of(redis, KEYS, "w"))
        assert real.run(lambda redis: SharedRejections(RedisGate(redis)).take(["fra1"])) == []
        assert taken_in(real.sync, KEYS.taken_by("w")) == [OURS]

    assert received(real, look) < 20_000


def test_what_is_too_long_is_removed_and_the_rest_is_read(backend: Backend) -> None:
    """Each look would carry it about in Redis again."""
    longest = b"y" * LONGEST_MEMBER
    backend.sync.sadd(KEYS.workers, longest + b"y", longest)
    backend.sync.zadd(KEYS.queued, {longest + b"y": 1, OURS: 2})

    silent = backend.api(
        lambda store: store.at("fra1").dead_workers.silent_workers(Silence.of("fra1"))
    )

    assert silent == [longest.decode()]
    assert backend.api(lambda store: store.at("fra1").workload.waiting()) == ["ours"]
    assert backend.sync.smembers(KEYS.workers) == {longest}
    assert backend.sync.zrange(KEYS.queued, 0, -1) == [OURS]


def test_the_figures_of_a_site_are_bounded_before_they_are_sent(real: Backend) -> None:
    """Each scrape would bring what all of its workers are said to have counted."""
    names = [f"w{n:02}" for n in range(20)]
    real.sync.sadd(KEYS.workers, *names)
    for name in names:
        real.sync.set(KEYS.figures(name), b"x" * (2 * MOST_FIGURES))

    found = real.api(lambda store: store.at("fra1").workload.figures())

    assert [*found] == names[: len(found)]
    assert {len(text) for text in found.values()} == {MOST_FIGURES + 1}
    assert sum(map(len, found.values())) <= MOST_FIGURES_OF_A_SITE


def create(backend: Backend) -> None:
    """Create a job of the site."""
    backend.api(lambda store: store.creation.create_all([of_site(JOB, "fra1")]))


def test_a_stream_that_is_larger_than_any_job_s_is_not_sent(real: Backend) -> None:
    """Whoever asks for the job would have the API receive it, again and again."""
    create(real)
    for n in range(3):
        real.sync.xadd(KEYS.job(JOB), {"entry": LONG}, id=f"1-{n}")

    def look() -> None:
        assert real.api(lambda store: store.reader.read(JOB)) is None
        assert real.api(lambda store: store.reader.read_all([JOB])) == [None]
        real.api(lambda store: store.closer.close(JOB, "lost"))

    assert received(real, look) < 20_000
    assert real.sync.zscore(KEYS.queued, JOB) is None


@pytest.mark.parametrize(("number", "is_closed"), [(CLOSING, True), (7, False)])
def test_a_last_row_that_is_too_long_says_by_its_id_alone_what_it_is(
    backend: Backend, number: int, *, is_closed: bool
) -> None:
    """A batch looks at the last rows of a thousand jobs at a time."""
    create(backend)
    backend.sync.zrem(KEYS.queued, JOB)
    forged = Closed(at=datetime.now(UTC), status="finished", all_passed=True)
    entry = forged.model_dump_json() + " " * 100_000
    backend.sync.xadd(KEYS.job(JOB), {"entry": entry}, id=f"1-{number}")

    (place,) = backend.api(lambda store: store.reader.look([JOB]))

    assert isinstance(place, Closed) is is_closed
    assert getattr(place, "status", "lost") == "lost"


def test_others_are_answered_while_a_site_s_look_finds_too_much(real: Backend) -> None:
    """A key that holds too much is no outage of the store."""
    create(real)
    real.sync.xadd(KEYS.job(JOB), {"entry": LONG}, id="1-0")
    other = of_site("other", "default")

    async def both(store: JobStore) -> object:
        await store.creation.create_all([other])
        found = await asyncio.gather(store.reader.read(JOB), store.reader.read("other"))
        return [job and job.site for job in found]

    assert real.api(both) == [None, "default"]
