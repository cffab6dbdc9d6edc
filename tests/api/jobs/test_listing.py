import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from redis import Redis

from api.jobs.listing import MOST_READ, JobListing, WantedJobs
from shared.diagnosis.causes import Cause
from shared.diagnosis.entries import Queued
from shared.queue.queued_job import INTERACTIVE
from shared.store.connection import connect_async
from shared.store.gate import RedisGate
from shared.store.jobs.job_creation import NewJob
from shared.store.jobs.job_store import JobStore
from shared.store.site_keys import DEFAULT_KEYS, SiteKeys
from shared.wire.jobs import JobPage
from tests.shared.conftest import TTL_S, forced, turn_limits, worker_of
from tests.shared.diagnosis.stories import CLOCK_OFF, REFUSED, REFUSED_REMEDY, queued, step

NOON = datetime.now(UTC).replace(microsecond=0)


def job_id(number: int) -> str:
    return f"{number:032x}"


def a_job(number: int, **changes: Any) -> NewJob:
    """Return the job that is created `number` seconds after noon."""
    at = NOON + timedelta(seconds=number)
    begins: Queued = queued().model_copy(update={"at": at, **changes})
    return NewJob(job_id(number), begins, "sealed", at + timedelta(hours=1))


def create(url: str, *jobs: NewJob) -> None:
    async def created() -> None:
        async with connect_async(url) as redis:
            await redis.set(DEFAULT_KEYS.sign_of_queue(INTERACTIVE), 1)
            store = JobStore.of(RedisGate(redis), TTL_S, turn_limits())
            for job in jobs:
                await store.creation.create(job, 10_000)

    asyncio.run(created())


def page(url: str, tenant: str = "alice", **wanted: Any) -> JobPage:
    """Return a page of a tenant's list."""

    async def listed() -> JobPage:
        async with connect_async(url) as redis:
            listing = JobListing(JobStore.of(RedisGate(redis), TTL_S, turn_limits()), tenant, "en")
            return await listing.page(WantedJobs.model_validate(wanted))

    return asyncio.run(listed())


def numbers(shown: JobPage) -> Sequence[int]:
    return [int(one.job_id, 16) for one in shown.items]


def run(redis: Redis, number: int, cause: Cause | None = None) -> None:
    """Have a worker run a job to its end."""
    begun = worker_of(redis, "worker-1").begin(forced(job_id(number)))
    begun.close(*step("tcp_connect", cause), status="finished")


@pytest.fixture
def mixed(real_redis: Redis, redis_url: str) -> str:
    """Give the URL of a store with a job of each kind."""
    create(
        redis_url,
        a_job(0),
        a_job(1),
        a_job(2, endpoint="https://cloud.example.com:8443/api"),
        a_job(3, product_type="aws"),
        a_job(4, product_type="", endpoint="https://cloud.example.com:443"),
        replace(a_job(5, tenant="bob")),
    )
    run(real_redis, 0)
    run(real_redis, 1, REFUSED)
    run(real_redis, 2, CLOCK_OFF)
    worker_of(real_redis, "worker-1").begin(forced(job_id(3)))
    return redis_url


def test_a_tenant_sees_its_own_jobs_the_newest_first(mixed: str) -> None:
    """To all others they do not exist."""
    assert numbers(page(mixed)) == [4, 3, 2, 1, 0]
    assert numbers(page(mixed, "bob")) == [5]
    assert page(mixed, "carol") == JobPage(items=(), next_cursor=None)


def test_a_job_is_told_with_its_end_and_its_most_telling_step(mixed: str) -> None:
    """Whoever looks for the failure of this morning must recognize it."""
    _, running, warned, failed, passed = page(mixed).items

    assert (running.status, running.outcome, running.took_ms) == ("running", None, None)
    assert (warned.outcome, warned.cause) == ("warning", "api.clock_off")
    assert (failed.outcome, failed.cause, failed.step) == ("failed", "tcp.refused", "tcp_connect")
    assert (failed.owner, failed.took_ms) == ("platform", 1.5)
    assert failed.summary
    assert failed.recommendation == REFUSED_REMEDY
    assert (passed.outcome, passed.cause) == ("passed", None)
    assert passed.status_url.endswith(f"/jobs/{job_id(0)}")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"outcome": "passed"}, [2, 0]),
        ({"outcome": "warning"}, [2]),
        ({"outcome": "failed"}, [1]),
        ({"outcome": "queued"}, [4]),
        ({"outcome": "running"}, [3]),
        ({"outcome": "lost"}, []),
        ({"cause": "tcp.refused"}, [1]),
        ({"cause": "tls.expired"}, []),
        ({"productType": "aws"}, [3]),
        ({"endpoint": "cloud.example.com"}, [4, 2]),
        ({"endpoint": "CLOUD.example.com:8443"}, [2]),
        ({"endpoint": "https://cloud.example.com/api"}, [2]),
        ({"endpoint": "http://cloud.example.com"}, []),
        ({"endpoint": "oud.example.com"}, []),
        ({"since": NOON + timedelta(seconds=2)}, [4, 3, 2]),
        ({"outcome": "passed", "cause": "api.clock_off"}, [2]),
    ],
)
def test_only_those_that_match_are_listed(
    mixed: str, wanted: dict[str, Any], expected: list[int]
) -> None:
    """Whoever gives two filters wants what meets both."""
    assert numbers(page(mixed, **wanted)) == expected


def test_jobs_are_found_by_their_site(mixed: str, real_redis: Redis) -> None:
    """A site's line was down this morning: what was lost there?"""
    real_redis.set(SiteKeys.of("fra1").sign_of_queue(INTERACTIVE), 1)
    create(mixed, a_job(6, site="fra1"))

    assert numbers(page(mixed, site="fra1")) == [6]
    assert numbers(page(mixed, site="default")) == [4, 3, 2, 1, 0]
    assert [one.site for one in page(mixed, site="fra1").items] == ["fra1"]


@pytest.mark.parametrize("wanted", [{"cause": "self.worker_lost"}, {"outcome": "lost"}, {}])
def test_a_job_whose_worker_died_is_found(
    real_redis: Redis, redis_url: str, wanted: dict[str, str]
) -> None:
    """No worker has written its cause: only who reads the job knows it."""
    create(redis_url, a_job(0))
    begun = worker_of(real_redis, "worker-1").begin(forced(job_id(0)))
    begun.append(step("authenticate")[0])
    begun.write()

    async def close_as_lost() -> None:
        async with connect_async(redis_url) as redis:
            await JobStore.of(RedisGate(redis), TTL_S, turn_limits()).closer.close(
                job_id(0), "lost"
            )

    asyncio.run(close_as_lost())

    assert [one.cause for one in page(redis_url, **wanted).items] == ["self.worker_lost"]


@pytest.mark.parametrize("limit", [1, 2, 5])
@pytest.mark.parametrize("wanted", [{}, {"productType": "zstack"}])
def test_pages_miss_no_job_and_repeat_none(mixed: str, limit: int, wanted: dict[str, str]) -> None:
    """Whoever pages through must come to the same list; the last page says that it is the last."""
    found: list[int] = []
    cursor = None
    while True:
        shown = page(mixed, limit=limit, cursor=cursor, **wanted)
        found += numbers(shown)
        cursor = shown.next_cursor
        if cursor is None:
            break
        assert len(shown.items) == limit

    assert found == numbers(page(mixed, **wanted))


def test_a_job_that_has_expired_is_left_out(mixed: str, real_redis: Redis) -> None:
    """It may go a little earlier than its place in the list."""
    real_redis.delete(DEFAULT_KEYS.job(job_id(3)))

    assert numbers(page(mixed)) == [4, 2, 1, 0]
    assert numbers(page(mixed, limit=2)) == [4, 2]


def test_a_page_of_what_is_rare_reads_a_bounded_number_of_jobs(
    real_redis: Redis, redis_url: str
) -> None:
    """One call could else read a million jobs and find none; the next page goes on behind them."""
    create(redis_url, *(a_job(n, product_type="aws" if n == 3 else "tcp") for n in range(520)))
    real_redis.config_resetstat()

    shown = page(redis_url, productType="aws")
    read = real_redis.info("commandstats")["cmdstat_xrange"]["calls"]
    later = page(redis_url, productType="aws", cursor=shown.next_cursor)

    assert (numbers(shown), read) == ([], MOST_READ)
    assert (numbers(later), later.next_cursor) == ([3], None)


def test_a_page_without_a_filter_reads_no_more_than_it_shows(mixed: str, real_redis: Redis) -> None:
    """The first page is what a portal asks for again and again."""
    real_redis.config_resetstat()

    page(mixed, limit=2)

    assert real_redis.info("commandstats")["cmdstat_xrange"]["calls"] == 2


def test_i5_the_place_of_another_tenant_s_job_leads_to_the_own_list(mixed: str) -> None:
    """A cursor can be invented."""
    of_bob = f"{int(NOON.timestamp() * 1000) + 5000}-{job_id(5)}"

    assert numbers(page(mixed, cursor=of_bob)) == [4, 3, 2, 1, 0]
    assert numbers(page(mixed, "bob", cursor=of_bob)) == []


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"outcome": "green"}, "'queued', 'running', 'passed'"),
        ({"cause": "tcp.refussed"}, "Nearest: tcp.refused"),
        ({"cause": "nonsense"}, "auth.secret_mismatch, "),
        ({"productType": "ztack"}, "zstack"),
        ({"endpoint": "ftp://x"}, "http or https"),
        ({"product": "zstack"}, "the parameters are"),
        ({"limit": 101}, "100"),
        ({"since": "2026-11-28T12:00:00"}, "timezone"),
        ({"cursor": "0"}, "previous page"),
    ],
)
def test_an_invalid_filter_is_refused_with_the_valid_values(
    wanted: dict[str, Any], said: str
) -> None:
    """A mistyped filter that matches everything, or nothing, is a wrong answer."""
    with pytest.raises(ValidationError, match=said):
        WantedJobs.model_validate(wanted)
