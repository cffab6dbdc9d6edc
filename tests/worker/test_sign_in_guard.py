import re
from dataclasses import replace

import pytest
from fakeredis import FakeRedis, FakeServer

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed
from shared.platform.keys.key_pair import SECRET_MISMATCH
from shared.products import AnyProduct
from shared.request import JobRequest
from shared.store.limits.sign_in_memory import SignInMemory
from shared.store.round_trips import RoundTrips
from shared.store.site_keys import DEFAULT_KEYS
from tests.running.service import a_request
from worker.sign_in_guard import AUTH_GUARD, JUST_REJECTED, SignInGuard

MOST = 3
REJECTED = Cause("x.rejected", "caller", "Rejected", ("Mend it.",), is_rejection=True)
BROKEN = replace(REJECTED, code="x.broken", is_rejection=False)


class _Limited(JobRequest):
    """A test of a platform that locks an account after one more than MOST wrong secrets."""

    @property
    def product(self) -> AnyProduct:
        return replace(super().product, sign_in_attempts=MOST)


class _Guarded:
    """A guard, and the server that its memory is in."""

    def __init__(self) -> None:
        self.server = FakeServer()
        memory = SignInMemory(RoundTrips(FakeRedis(server=self.server)), b"a key", DEFAULT_KEYS)
        self.guard = SignInGuard(memory)

    def refused_with(self, request: JobRequest) -> Cause | None:
        refusal = self.guard.watch(request).refusal()
        return refusal.cause if refusal else None

    def learn(self, request: JobRequest, failed: Failed | None) -> None:
        """Let a job that was not refused end like this."""
        sign_in = self.guard.watch(request)
        assert sign_in.refusal() is None
        sign_in.learn(failed)


@pytest.fixture
def guarded() -> _Guarded:
    """Give a guard that remembers nothing yet."""
    return _Guarded()


def request(key: str = "a-key", *, force: bool = False) -> JobRequest:
    """Return a test with this secret key."""
    fields = {**a_request("cloud.example.com"), "secretKey": key}
    return _Limited.model_validate({**fields, "options": {"force": force}})


def test_a_pair_that_was_just_rejected_is_not_presented_again(guarded: _Guarded) -> None:
    """A page that reloads must not lock the account."""
    assert guarded.refused_with(request()) is None

    guarded.learn(request(), Failed(REJECTED))

    assert guarded.refused_with(request()) is JUST_REJECTED
    assert guarded.refused_with(request("another")) is None


def test_what_the_platform_said_stays_the_cause(guarded: _Guarded) -> None:
    """A batch that is retried groups its items by what is wrong with them, not by our patience."""
    guarded.learn(request(), Failed(SECRET_MISMATCH))

    refusal = guarded.guard.watch(request()).refusal()

    assert refusal
    assert refusal.cause == SECRET_MISMATCH
    (withheld,) = refusal.contributing
    assert withheld.cause is JUST_REJECTED
    assert re.search(r"rejected it on 20\d\d-.* UTC, and", withheld.summary({"host": "h"}))


def test_h10_one_secret_before_the_lock_no_more_are_tried(guarded: _Guarded) -> None:
    """The next one could be the one that locks the account, right or wrong."""
    for number in range(MOST):
        assert guarded.refused_with(request("right")) is None
        guarded.learn(request(f"wrong-{number}"), Failed(REJECTED))

    assert guarded.refused_with(request("right")) is AUTH_GUARD


def test_whoever_forces_is_not_kept_from_it(guarded: _Guarded) -> None:
    """The platform may have been changed meanwhile."""
    guarded.learn(request(), Failed(REJECTED))

    assert guarded.refused_with(request(force=True)) is None


def test_a_pass_makes_up_for_rejections(guarded: _Guarded) -> None:
    """The platform forgets its count then, too."""
    guarded.learn(request("wrong"), Failed(REJECTED))

    guarded.learn(request("right"), None)

    assert guarded.refused_with(request("wrong")) is None


def test_a_pass_asks_the_store_for_nothing_where_nothing_was_rejected(
    guarded: _Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    """So it is for almost every test, and a round trip each."""
    sign_in = guarded.guard.watch(request())
    assert sign_in.refusal() is None
    guarded.server.connected = False

    sign_in.learn(None)

    assert caplog.messages == []


def test_a_pass_that_was_forced_makes_up_for_rejections(guarded: _Guarded) -> None:
    """Nobody has looked whether there are any."""
    guarded.learn(request("wrong"), Failed(REJECTED))

    guarded.learn(request("right", force=True), None)

    assert guarded.refused_with(request("wrong")) is None


def test_a_failure_that_is_no_rejection_is_not_held_against_the_pair(guarded: _Guarded) -> None:
    """A closed port says nothing of it."""
    guarded.learn(request(), Failed(BROKEN))

    assert guarded.refused_with(request()) is None


def test_while_the_store_is_away_nothing_is_held_up(guarded: _Guarded) -> None:
    """A test of the network must not wait for a memory."""
    guarded.server.connected = False

    guarded.learn(request(), Failed(REJECTED))

    assert guarded.refused_with(request()) is None


def test_where_nobody_signs_in_nobody_is_refused(guarded: _Guarded) -> None:
    """A plain test has no key pair that could be wrong."""
    plain = JobRequest.model_validate({"productType": "tcp", "endpoint": "h:22"})
    guarded.learn(plain, Failed(REJECTED))

    assert guarded.guard.watch(plain).refusal() is None


def test_a_test_that_ended_before_the_sign_in_proves_nothing_of_the_account(
    guarded: _Guarded,
) -> None:
    """A comparison of sites would make the service forget which secrets were rejected."""
    guarded.learn(request(), Failed(REJECTED))
    guarded.guard.watch(request()).learn(None)

    assert guarded.refused_with(request()) is JUST_REJECTED
