from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from shared.idempotency import (
    KEPT_S,
    PENDING_S,
    Claim,
    IdempotencyStore,
    KeyInFlightError,
    KeyReusedError,
)
from tests.shared.conftest import Backend

T = TypeVar("T")
CLAIM = Claim("caller-key-1", "f" * 64)
OTHER_REQUEST = Claim("caller-key-1", "0" * 64)
KEY = "conncheck:idempotency:caller-key-1"


def ask(backend: Backend, call: Callable[[IdempotencyStore], Awaitable[T]]) -> T:
    """Return what the store answers."""
    return backend.run(lambda redis: call(IdempotencyStore(redis)))


def test_the_first_request_with_a_key_makes_a_job(backend: Backend) -> None:
    """Nothing was done for it yet."""
    assert ask(backend, lambda keys: keys.result_of(CLAIM)) is None


def test_the_same_request_again_is_given_the_same_job(backend: Backend) -> None:
    """A client that lost the answer must not test, and sign in, a second time."""
    ask(backend, lambda keys: keys.result_of(CLAIM))
    ask(backend, lambda keys: keys.keep(CLAIM, "4f2a"))

    assert ask(backend, lambda keys: keys.result_of(CLAIM)) == "4f2a"
    assert ask(backend, lambda keys: keys.result_of(CLAIM)) == "4f2a"


def test_the_same_request_at_the_same_time_is_turned_away(backend: Backend) -> None:
    """There is no job to give yet, and a second one must not be made."""
    ask(backend, lambda keys: keys.result_of(CLAIM))

    with pytest.raises(KeyInFlightError):
        ask(backend, lambda keys: keys.result_of(CLAIM))


@pytest.mark.parametrize("is_kept", [False, True])
def test_another_request_under_the_same_key_is_refused(backend: Backend, *, is_kept: bool) -> None:
    """Whoever changes the request and keeps the key would be shown another one's result."""
    ask(backend, lambda keys: keys.result_of(CLAIM))
    if is_kept:
        ask(backend, lambda keys: keys.keep(CLAIM, "4f2a"))

    with pytest.raises(KeyReusedError):
        ask(backend, lambda keys: keys.result_of(OTHER_REQUEST))


def test_keys_of_two_callers_do_not_meet(backend: Backend) -> None:
    """Two callers may both number their requests from one."""
    ask(backend, lambda keys: keys.result_of(CLAIM))

    assert ask(backend, lambda keys: keys.result_of(Claim("other", CLAIM.fingerprint))) is None


def test_a_key_of_which_nothing_came_can_be_used_again(backend: Backend) -> None:
    """A request that was answered 503 is meant to be sent again."""
    ask(backend, lambda keys: keys.result_of(CLAIM))

    ask(backend, lambda keys: keys.forget(CLAIM))

    assert ask(backend, lambda keys: keys.result_of(CLAIM)) is None


def test_a_key_is_blocked_for_seconds_and_kept_for_a_day(backend: Backend) -> None:
    """An API that dies in between must not block a key, and nothing may stay for ever."""
    ask(backend, lambda keys: keys.result_of(CLAIM))
    assert backend.sync.ttl(KEY) == pytest.approx(PENDING_S, abs=2)

    ask(backend, lambda keys: keys.keep(CLAIM, "4f2a"))
    assert backend.sync.ttl(KEY) == pytest.approx(KEPT_S, abs=5)
