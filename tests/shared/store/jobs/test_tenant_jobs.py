from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from shared.store.jobs.job_creation import NewJob
from shared.store.jobs.job_store import LONGEST_LIFE_S
from shared.store.tenant_list import id_at
from tests.shared.conftest import TTL_S, Backend
from tests.shared.store.jobs.jobs import SEALED, bulk_job, create, create_all, new_job


def of(tenant: str, number: int) -> NewJob:
    """Return a job of a tenant, created `number` seconds later than the first."""
    one = new_job(f"{number:032x}")
    at = one.queued.at + timedelta(seconds=number)
    return replace(one, queued=one.queued.model_copy(update={"tenant": tenant, "at": at}))


def listed(backend: Backend, tenant: str) -> Sequence[str]:
    places = backend.api(lambda store: store.of_tenants.places(tenant, None, None, 100))
    return [id_at(place) for place in places]


def test_a_created_job_is_in_the_list_of_its_tenant_alone(backend: Backend) -> None:
    """It is written with the job: no job is missing from the list, whatever dies."""
    for tenant, number in (("alice", 1), ("bob", 2), ("alice", 3)):
        create(backend, of(tenant, number))

    assert listed(backend, "alice") == [f"{3:032x}", f"{1:032x}"]
    assert listed(backend, "bob") == [f"{2:032x}"]


def test_a_job_of_a_batch_is_not_in_the_list(backend: Backend) -> None:
    """50,000 items would bury the tests that somebody has made one by one."""
    create_all(backend, bulk_job("b" * 24 + "00000001"))

    assert listed(backend, bulk_job("").queued.tenant) == []


def test_the_list_goes_with_the_last_of_its_jobs(backend: Backend) -> None:
    """Nothing may stay in Redis for ever, and nothing in it tells a secret."""
    create(backend, of("alice", 1))

    key = "conncheck:jobs-of:alice"
    assert 0 < backend.sync.ttl(key) <= TTL_S + LONGEST_LIFE_S
    assert SEALED not in str(backend.sync.zrange(key, 0, -1))
