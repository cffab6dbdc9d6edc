from datetime import UTC, datetime, timedelta

import pytest

from shared.comparison.record import Standing
from shared.store.comparisons.comparison_store import comparison_key, pending_key
from shared.store.idempotency import Claim, KeyReusedError
from tests.shared.conftest import TTL_S, Backend
from tests.shared.store.comparisons.comparisons import (
    ID,
    a_comparison,
    comparisons,
    created,
    jobs_of,
)
from tests.shared.store.jobs.jobs import create

CLAIM = Claim("caller-key-1", "f" * 64)
OTHER_REQUEST = Claim("caller-key-1", "0" * 64)


def standing(backend: Backend) -> Standing:
    found = comparisons(backend, lambda store: store.standing(ID))
    assert found
    return found


def unfinished(backend: Backend) -> list[str]:
    return [*comparisons(backend, lambda store: store.unfinished())]


def test_a_new_comparison_has_no_job_yet(backend: Backend) -> None:
    """Whoever sees it can create them all."""
    made = created(backend)

    assert standing(backend) == Standing(made, {})
    assert unfinished(backend) == [ID]


def test_a_pending_job_is_the_one_that_was_signed(backend: Backend) -> None:
    """A worker checks the signature over the very text of the first entry."""
    made = created(backend)
    job = jobs_of(made)["fra1"]

    pending = comparisons(backend, lambda store: store.pending(ID, "fra1"))

    assert pending == job
    assert pending
    assert pending.statement == job.statement
    assert comparisons(backend, lambda store: store.pending(ID, "sin1")) is None


def test_a_sealed_request_is_forgotten_once_its_job_exists(backend: Backend) -> None:
    """It is the only copy that could be used a second time."""
    created(backend)

    comparisons(backend, lambda store: store.begun(ID, "fra1"))

    assert comparisons(backend, lambda store: store.pending(ID, "fra1")) is None
    assert comparisons(backend, lambda store: store.pending(ID, "default"))


def test_sealed_requests_go_when_they_are_too_old(backend: Backend) -> None:
    """No key pair stays where nobody will use it."""
    created(backend, a_comparison(start_within_s=30))

    assert 0 < backend.sync.ttl(pending_key(ID)) <= 32
    assert backend.sync.ttl(comparison_key(ID)) > TTL_S


def test_jobs_that_exist_are_read_with_it(backend: Backend) -> None:
    """Their results are what a comparison consists of."""
    made = created(backend)
    create(backend, jobs_of(made)["default"])

    assert [*standing(backend).jobs] == ["default"]


def test_the_first_reason_to_leave_a_site_out_stays(backend: Backend) -> None:
    """What was told once must not change."""
    created(backend)

    comparisons(backend, lambda store: store.leave_out(ID, {"fra1": "no_worker"}))
    comparisons(backend, lambda store: store.leave_out(ID, {"fra1": "cancelled"}))

    assert standing(backend).left_out == {"fra1": "no_worker"}
    assert comparisons(backend, lambda store: store.pending(ID, "fra1")) is None


def test_a_cancelled_comparison_has_no_jobs_to_create(backend: Backend) -> None:
    """Whoever looks a moment later must not sign in."""
    created(backend)

    comparisons(backend, lambda store: store.cancel(ID))

    assert standing(backend).is_cancelled
    assert not backend.sync.exists(pending_key(ID))


def test_a_finished_comparison_is_kept_until_its_jobs_go(backend: Backend) -> None:
    """It would show columns without results."""
    created(backend)
    expires_at = datetime.now(UTC) + timedelta(seconds=20)

    comparisons(backend, lambda store: store.finish(ID, expires_at))

    assert unfinished(backend) == []
    assert 0 < backend.sync.ttl(comparison_key(ID)) <= 21
    assert not backend.sync.exists(pending_key(ID))


def test_a_change_is_announced(backend: Backend) -> None:
    """Whoever watches a comparison waits for it."""
    created(backend)
    before = comparisons(backend, lambda store: store.stamp(ID))

    comparisons(backend, lambda store: store.leave_out(ID, {"fra1": "no_worker"}))
    after_it = comparisons(backend, lambda store: store.stamp(ID))
    create(backend, jobs_of(a_comparison())["default"])

    assert before != after_it
    assert after_it != comparisons(backend, lambda store: store.stamp(ID))


def test_an_idempotency_key_makes_one_comparison(backend: Backend) -> None:
    """A request that was repeated must not sign in a second time."""
    made, jobs = a_comparison(), jobs_of(a_comparison())

    first = comparisons(backend, lambda store: store.create(ID, made, jobs, CLAIM))
    second = comparisons(backend, lambda store: store.create("d" * 32, made, jobs, CLAIM))

    assert first == second == ID
    assert unfinished(backend) == [ID]
    with pytest.raises(KeyReusedError):
        comparisons(backend, lambda store: store.create("e" * 32, made, jobs, OTHER_REQUEST))


def test_a_discarded_comparison_leaves_nothing(backend: Backend) -> None:
    """Its caller was told that it was not accepted."""
    made = a_comparison()
    comparisons(backend, lambda store: store.create(ID, made, jobs_of(made), CLAIM))

    comparisons(backend, lambda store: store.discard(ID, CLAIM))

    assert backend.sync.keys("*") == []


def test_what_another_version_wrote_is_no_comparison(backend: Backend) -> None:
    """It must not stop those that can be read."""
    created(backend)
    backend.sync.hset(comparison_key(ID), "record", b"{}")

    assert comparisons(backend, lambda store: store.standing(ID)) is None
    assert comparisons(backend, lambda store: store.stamp(ID)) is None
    assert comparisons(backend, lambda store: store.is_kept(ID))
    assert not comparisons(backend, lambda store: store.is_kept("d" * 32))
