from datetime import UTC, datetime, timedelta
from functools import partial
from typing import cast

import fakeredis
import pytest

from shared.request import JobRequest
from shared.store.errors import StoreUnreachableError
from shared.store.limits.rejection_reports import LONGEST_LIST, reports_in
from shared.store.limits.rejections import KEPT_S, NO_REJECTIONS, Rejections
from shared.store.limits.sign_in_memory import SignInMemory
from shared.store.round_trips import RoundTrips
from shared.store.site_keys import DEFAULT_KEYS
from tests.shared.conftest import Backend

KEY = b"k" * 32
SECRET = "secret-1"


def request(secret: str = SECRET, account: str = "AKID-1", **changes: object) -> JobRequest:
    """Return a request with a key pair."""
    fields = {"productType": "zstack", "endpoint": "h", "accessKey": account, "secretKey": secret}
    return JobRequest.model_validate({**fields, **changes})


@pytest.fixture
def memory(backend: Backend) -> SignInMemory:
    """Give a memory that remembers nothing yet."""
    return SignInMemory(RoundTrips(backend.sync), KEY, DEFAULT_KEYS)


def test_nothing_is_remembered_of_an_account_that_was_not_rejected(memory: SignInMemory) -> None:
    """The first test is always made."""
    assert memory.look(request())() == NO_REJECTIONS


def test_a_rejected_pair_is_remembered_for_a_quarter_of_an_hour(memory: SignInMemory) -> None:
    """A page that reloads must not lock the account."""
    memory.remember_rejection(request(), "auth.secret_mismatch")

    remembered = memory.look(request())()
    assert remembered.of_other_secrets == 0
    assert remembered.of_this_pair_until is not None
    time_left = remembered.of_this_pair_until - datetime.now(UTC)
    assert timedelta(seconds=KEPT_S - 10) < time_left <= timedelta(seconds=KEPT_S)


def test_a_corrected_secret_may_be_tried_and_the_wrong_ones_are_counted(
    memory: SignInMemory,
) -> None:
    """The platform counts per account, whatever the secret was."""
    memory.remember_rejection(request("wrong-1"), "auth.secret_mismatch")
    memory.remember_rejection(request("wrong-2"), "auth.secret_mismatch")
    memory.remember_rejection(request("wrong-2"), "auth.secret_mismatch")

    assert memory.look(request("right"))() == Rejections(None, 2)
    assert memory.look(request("wrong-1"))().of_other_secrets == 1


@pytest.mark.parametrize(
    "other",
    [
        request(account="AKID-2"),
        request(endpoint="other"),
        request(endpoint="h:8081"),
        request(productType="zsphere"),
        request(account="AKID-1secret", secret="-1"),
    ],
    ids=["account", "host", "port", "product", "boundary"],
)
def test_another_account_is_another_matter(memory: SignInMemory, other: JobRequest) -> None:
    """One caller's mistake must not keep another one out."""
    memory.remember_rejection(request(), "auth.secret_mismatch")

    assert memory.look(other)() == NO_REJECTIONS


def test_a_corrected_option_of_the_product_is_presented_again(memory: SignInMemory) -> None:
    """The session token was wrong, or the domain; to say so of the right one would be a lie."""

    def with_token(token: str | None, region: str = "eu-west-1") -> JobRequest:
        options = {"region": region, **({"sessionToken": token} if token else {})}
        return request(productType="aws", endpoint="sts.amazonaws.com", options=options)

    memory.remember_rejection(with_token("old-token"), "auth.session_token_invalid")

    for corrected in (
        with_token("new-token"),
        with_token(None),
        with_token("old-token", "us-east-1"),
    ):
        assert memory.look(corrected)() == Rejections(None, 1)
    assert memory.look(with_token("old-token"))().of_this_pair_at is not None


def test_an_account_that_was_signed_in_to_starts_anew(memory: SignInMemory) -> None:
    """The platform forgets its count then, too."""
    memory.remember_rejection(request("wrong-1"), "auth.secret_mismatch")

    memory.forget(request("right"))

    assert memory.look(request("wrong-1"))() == NO_REJECTIONS


def test_the_store_learns_neither_account_nor_secret(
    memory: SignInMemory, backend: Backend
) -> None:
    """Whoever reads Redis must not find what was tried, nor be able to guess it without the key."""
    memory.remember_rejection(request(), "auth.secret_mismatch")

    account, causes = sorted(cast("list[bytes]", backend.sync.keys("*")))
    secrets = cast("list[bytes]", backend.sync.zrange(account, 0, -1))
    stored = b"".join([account, causes, *secrets])
    assert backend.sync.hgetall(causes) == {secrets[0]: b"auth.secret_mismatch"}
    assert b"AKID-1" not in stored
    assert b"secret-1" not in stored
    assert (
        SignInMemory(RoundTrips(backend.sync), b"other", DEFAULT_KEYS).look(request())()
        == NO_REJECTIONS
    )


def test_what_is_remembered_goes_by_itself(memory: SignInMemory, backend: Backend) -> None:
    """An account that nobody tests again must leave nothing behind."""
    memory.remember_rejection(request(), "auth.secret_mismatch")

    keys = cast("list[bytes]", backend.sync.keys("*"))
    assert len(keys) == 2
    for key in keys:
        assert backend.sync.ttl(key) == pytest.approx(KEPT_S, abs=5)


def test_a_store_that_is_away_is_named_so() -> None:
    """Whether to sign in without a memory is the worker's to decide."""
    server = fakeredis.FakeServer()
    server.connected = False
    memory = SignInMemory(RoundTrips(fakeredis.FakeRedis(server=server)), KEY, DEFAULT_KEYS)

    remember = partial(memory.remember_rejection, cause="auth.secret_mismatch")
    for call in (lambda one: memory.look(one)(), remember, memory.forget):
        with pytest.raises(StoreUnreachableError):
            call(request())


def test_workers_that_share_a_secret_share_what_was_rejected(backend: Backend) -> None:
    """Their own keys differ from site to site, and while they are replaced."""
    one, other = (
        SignInMemory(RoundTrips(backend.sync), key, DEFAULT_KEYS) for key in (KEY, b"other")
    )
    for memory in (one, other):
        memory.share([b"shared"])

    one.remember_rejection(request(), "auth.secret_mismatch", "4f2a")

    assert other.look(request())().cause == "auth.secret_mismatch"
    assert other.look(request("another"))() == Rejections(None, 1)
    other.forget(request(), "4f2b")
    assert one.look(request())() == NO_REJECTIONS


def test_what_was_remembered_before_the_secret_was_replaced_still_counts(
    memory: SignInMemory,
) -> None:
    """A platform counts on at midnight."""
    memory.remember_rejection(request("wrong-1"), "auth.secret_mismatch")
    memory.share([b"of today"])
    memory.remember_rejection(request("wrong-2"), "auth.secret_mismatch")
    memory.share([b"of tomorrow", b"of today"])

    assert [memory.look(request(f"wrong-{n}"))().cause for n in (1, 2)] == [
        "auth.secret_mismatch"
    ] * 2
    assert memory.look(request("right"))() == Rejections(None, 2)


def test_the_other_sites_are_told_of_it_and_learn_neither_account_nor_secret(
    backend: Backend, memory: SignInMemory
) -> None:
    """What is told goes through Redis."""
    memory.share([b"shared"])
    memory.remember_rejection(request(account="AKID-CANARY"), "auth.secret_mismatch", "4f2a")

    raw = backend.sync.lindex(DEFAULT_KEYS.rejections, 0)
    assert isinstance(raw, bytes)
    (told,) = reports_in([raw])
    assert (told.job, told.cause, len(told.pairs)) == ("4f2a", "auth.secret_mismatch", 1)
    assert SECRET.encode() not in raw
    assert b"AKID-CANARY" not in raw
    assert 0 < backend.sync.ttl(DEFAULT_KEYS.rejections) <= KEPT_S


@pytest.mark.parametrize(("secrets", "job_id"), [([], "4f2a"), ([b"shared"], "")])
def test_nothing_is_told_that_no_other_site_could_use(
    backend: Backend, memory: SignInMemory, secrets: list[bytes], job_id: str
) -> None:
    """Most services have one site."""
    memory.share(secrets)
    memory.remember_rejection(request(), "auth.secret_mismatch", job_id)
    memory.forget(request(), job_id)

    assert not backend.sync.exists(DEFAULT_KEYS.rejections)


def test_no_more_is_told_than_the_api_will_read(backend: Backend, memory: SignInMemory) -> None:
    """The API may be away for hours."""
    backend.sync.rpush(DEFAULT_KEYS.rejections, *["older"] * LONGEST_LIST)
    memory.share([b"shared"])
    memory.remember_rejection(request(), "auth.secret_mismatch", "4f2a")

    assert backend.sync.llen(DEFAULT_KEYS.rejections) == LONGEST_LIST
    assert b"4f2a" in (backend.sync.lindex(DEFAULT_KEYS.rejections, 0) or b"")
