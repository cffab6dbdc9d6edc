from datetime import UTC, datetime, timedelta

import pytest

from shared.store.limits.kept_results import COUNT, SLICES, KeptResults, TooManyKeptError
from tests.shared.conftest import Backend

KEPT_S = 86_400
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
LIMIT = KeptResults(KEPT_S, most=10)
SCRIPT = (
    COUNT
    + """
local now, ends, most, more = unpack(ARGV)
return count_kept(KEYS[1], tonumber(now), tonumber(ends), tonumber(more), tonumber(most))
"""
)


def count(
    backend: Backend, more: int, at: datetime = NOON, tenant: str = "alice", longer_s: float = 0
) -> None:
    told = LIMIT.counting("acme", at, longer_s)
    LIMIT.refuse(backend.sync.eval(SCRIPT, 1, LIMIT.key(tenant), *map(str, (*told, more))))


def slices(backend: Backend, tenant: str = "alice") -> int:
    return backend.sync.hlen(LIMIT.key(tenant))


def test_a_tenant_has_room_for_so_many(backend: Backend) -> None:
    """The limit is exact, and each tenant has its own."""
    count(backend, 9)
    with pytest.raises(TooManyKeptError):
        count(backend, 2)
    count(backend, 1)

    with pytest.raises(TooManyKeptError) as refused:
        count(backend, 1)
    count(backend, 10, tenant="bob")

    assert refused.value.most == 10
    assert NOON + timedelta(seconds=KEPT_S) <= refused.value.until


def test_there_is_room_again_when_it_says(backend: Backend) -> None:
    """A caller who waits as long as it was told must not wait in vain."""
    count(backend, 10)
    with pytest.raises(TooManyKeptError) as refused:
        count(backend, 1, at=NOON + timedelta(seconds=KEPT_S - 1))

    count(backend, 10, at=refused.value.until)

    assert slices(backend) == 1


def test_who_asks_later_hears_the_same(backend: Backend) -> None:
    """A comparison learns in several steps that there is no room."""
    count(backend, 4)
    count(backend, 6, at=NOON + timedelta(hours=5))
    with pytest.raises(TooManyKeptError) as refused:
        count(backend, 1, at=NOON + timedelta(hours=6))

    said = LIMIT.refusal(backend.sync.hkeys(LIMIT.key("alice")), NOON + timedelta(hours=6))

    assert (said.most, said.until) == (refused.value.most, refused.value.until)
    assert LIMIT.refusal([], NOON).until == NOON


def test_the_first_of_them_make_room(backend: Backend) -> None:
    """Results of a whole day go one after the other."""
    count(backend, 4)
    count(backend, 6, at=NOON + timedelta(hours=5))
    with pytest.raises(TooManyKeptError) as refused:
        count(backend, 1, at=NOON + timedelta(hours=6))

    count(backend, 4, at=refused.value.until)
    with pytest.raises(TooManyKeptError):
        count(backend, 1, at=refused.value.until)


def test_results_that_are_kept_longer_count_longer(backend: Backend) -> None:
    """An item of a batch may be tested hours after it was sent."""
    count(backend, 10, longer_s=4 * 3600)
    count(backend, 10, tenant="bob")

    later = NOON + timedelta(seconds=KEPT_S + 2 * 3600)
    count(backend, 1, at=later, tenant="bob")
    with pytest.raises(TooManyKeptError):
        count(backend, 1, at=later)


def test_the_counts_are_few_and_go_by_themselves(backend: Backend) -> None:
    """However many results there are, a new one looks at a few numbers."""
    many = KeptResults(KEPT_S, most=10**6)
    for minute in range(0, 3 * 1440, 7):
        told = many.counting("acme", NOON + timedelta(minutes=minute))
        many.refuse(backend.sync.eval(SCRIPT, 1, many.key("alice"), *map(str, (*told, 1))))

    assert slices(backend) <= SLICES + 2
    assert 0 < backend.sync.ttl(many.key("alice")) <= KEPT_S + KEPT_S // SLICES
