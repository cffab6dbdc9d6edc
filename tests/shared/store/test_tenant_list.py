from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from shared.store.tenant_list import TenantList, id_at
from tests.shared.conftest import Backend

JOBS = TenantList("jobs", kept_s=60)
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def job_id(number: int) -> str:
    return f"{number:032x}"


def add(backend: Backend, tenant: str, number: int, at: datetime) -> None:
    with backend.sync.pipeline() as pipe:
        for command in JOBS.adding(tenant, job_id(number), at):
            cast("Any", pipe).execute_command(*command)
        pipe.execute()


def listed(
    backend: Backend,
    tenant: str = "alice",
    after: str | None = None,
    since: datetime | None = None,
    most: int = 100,
) -> Sequence[str]:
    return backend.run(lambda redis: JOBS.places(redis, tenant, after, since, most))


def numbers(places: Sequence[str]) -> list[int]:
    return [int(id_at(place), 16) for place in places]


def test_the_newest_comes_first_whoever_wrote_it_first(backend: Backend) -> None:
    """Several API processes write, and not in the order of their jobs."""
    for number in (2, 0, 3, 1):
        add(backend, "alice", number, NOON + timedelta(milliseconds=number))

    assert numbers(listed(backend)) == [3, 2, 1, 0]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_pages_miss_nothing_and_repeat_nothing(backend: Backend, size: int) -> None:
    """Many jobs are created in the same millisecond."""
    for number in range(7):
        add(backend, "alice", number, NOON + timedelta(milliseconds=number // 3))

    found: list[str] = []
    while page := listed(backend, after=found[-1] if found else None, most=size):
        assert len(page) <= size
        found += page

    assert numbers(found) == [6, 5, 4, 3, 2, 1, 0]


def test_what_was_created_before_a_time_is_left_out(backend: Backend) -> None:
    """Who reads on since yesterday does not pay for the days before."""
    for number in range(4):
        add(backend, "alice", number, NOON + timedelta(seconds=number))

    assert numbers(listed(backend, since=NOON + timedelta(seconds=2))) == [3, 2]
    assert listed(backend, since=NOON + timedelta(days=1)) == []
    assert numbers(listed(backend, since=datetime(1, 1, 2, tzinfo=UTC))) == [3, 2, 1, 0]
    assert listed(backend, since=datetime(9999, 1, 1, tzinfo=UTC)) == []


def test_a_place_of_another_tenant_leads_to_the_own_list(backend: Backend) -> None:
    """A cursor can be invented; the key can't."""
    add(backend, "alice", 1, NOON)
    add(backend, "bob", 2, NOON + timedelta(seconds=1))
    (of_bob,) = listed(backend, "bob")

    assert numbers(listed(backend, "alice", after=of_bob)) == [1]
    assert listed(backend, "alice:jobs") == []


def test_what_is_over_goes_with_the_next_entry_and_the_rest_by_itself(backend: Backend) -> None:
    """An index that only grows would fill Redis."""
    add(backend, "alice", 1, NOON)
    add(backend, "alice", 2, NOON + timedelta(seconds=30))
    add(backend, "alice", 3, NOON + timedelta(seconds=61))

    assert numbers(listed(backend)) == [3, 2]
    assert 0 < backend.sync.ttl(JOBS.key("alice")) <= 60
