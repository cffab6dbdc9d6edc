"""Comparisons of two sites, before anything has become of them."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from shared.comparison.record import Comparison, Part, SignIn
from shared.steps import steps_for
from shared.store.comparisons.comparison_store import ComparisonStore
from shared.store.gate import RedisGate
from shared.store.jobs.job_creation import NewJob
from shared.store.jobs.job_reader import JobReader
from tests.shared.conftest import TTL_S, Backend
from tests.shared.diagnosis.stories import queued
from tests.shared.store.jobs.jobs import SEALED

T = TypeVar("T")
SITES = ("default", "fra1")
ID = "c" * 32


def job_id(site: str) -> str:
    """Return the id of a site's job."""
    return f"job-{site}"


def a_comparison(sign_in: SignIn = "first", start_within_s: float = 30) -> Comparison:
    """Return what was asked."""
    now = datetime.now(UTC)
    return Comparison(
        tenant="alice",
        product_type="zstack",
        endpoint="http://db.example.com:8443",
        sign_in=sign_in,
        steps=steps_for("http"),
        created_at=now,
        start_by=now + timedelta(seconds=start_within_s),
        parts=tuple(Part(site=site, job_id=job_id(site), signs_in=True) for site in SITES),
    )


def jobs_of(comparison: Comparison) -> dict[str, NewJob]:
    """Return a job for each site, as it is sealed."""
    return {
        part.site: NewJob(
            part.job_id,
            queued().model_copy(update={"site": part.site}),
            SEALED,
            comparison.start_by,
            signature=f"signed for {part.site}",
        )
        for part in comparison.parts
    }


def comparisons(backend: Backend, call: Callable[[ComparisonStore], Awaitable[T]]) -> T:
    """Return what `call` makes of the comparisons in a store."""

    async def called(store: ComparisonStore) -> T:
        return await call(store)

    return backend.run(
        lambda redis: called(
            ComparisonStore.of(RedisGate(redis), JobReader(RedisGate(redis)), TTL_S)
        )
    )


def created(backend: Backend, comparison: Comparison | None = None) -> Comparison:
    """Return a comparison that is in the store."""
    made = comparison or a_comparison()
    assert comparisons(backend, lambda store: store.create(ID, made, jobs_of(made))) == ID
    return made
