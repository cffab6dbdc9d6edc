"""Remember what a platform has just rejected, so that our tests do not lock the account.

Only keyed hashes are kept: the store does not reveal which account or secret was tried.
"""

from datetime import UTC, datetime
from hashlib import sha256
from hmac import HMAC
from typing import Any

from shared.request import JobRequest
from shared.store.limits.rejections import KEPT_S, Rejections
from shared.store.round_trips import RoundTrips, without_errors


class SignInMemory:
    """The rejections of the last KEPT_S seconds, by account and secret."""

    def __init__(self, round_trips: RoundTrips, key: bytes) -> None:
        self._round_trips = round_trips
        self._key = HMAC(key, b"conncheck sign-in memory", sha256).digest()

    def rejections(self, request: JobRequest) -> Rejections:
        """Return the remembered rejections of the request's account.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        account, secret = self._account(request), self._secret(request)
        since_s = datetime.now(UTC).timestamp() - KEPT_S

        def fill(pipe: Any) -> None:
            pipe.zscore(account, secret)
            pipe.zcount(account, since_s, "+inf")
            pipe.hget(_causes(account), secret)

        rejected_at_s, secrets, cause = without_errors(self._round_trips.execute(fill))
        if rejected_at_s is None or rejected_at_s <= since_s:
            return Rejections(None, secrets)
        rejected_at = datetime.fromtimestamp(rejected_at_s, UTC)
        return Rejections(rejected_at, secrets - 1, (cause or b"").decode())

    def remember_rejection(self, request: JobRequest, cause: str) -> None:
        """Remember that the platform has just rejected the key pair, with this cause.

        Raises:
            StoreUnreachableError: it may not be remembered; the outcome is unknown.
        """
        account, now_s = self._account(request), datetime.now(UTC).timestamp()
        secret = self._secret(request)

        def fill(pipe: Any) -> None:
            pipe.zadd(account, {secret: now_s})
            pipe.zremrangebyscore(account, "-inf", now_s - KEPT_S)
            pipe.hset(_causes(account), secret, cause)
            for key in (account, _causes(account)):
                pipe.expire(key, KEPT_S)

        without_errors(self._round_trips.execute(fill))

    def forget(self, request: JobRequest) -> None:
        """Forget the account's rejections: the platform has accepted a key pair of it.

        Raises:
            StoreUnreachableError: they may still be remembered; the outcome is unknown.
        """
        account = self._account(request)
        keys = (account, _causes(account))
        without_errors(self._round_trips.execute(lambda pipe: pipe.delete(*keys)))

    def _account(self, request: JobRequest) -> str:
        account = request.access_key.get_secret_value()
        return "conncheck:rejected:" + self._hash(
            request.product_type, str(request.target), account
        )

    def _secret(self, request: JobRequest) -> str:
        return self._hash(self._account(request), request.secret_key.get_secret_value())

    def _hash(self, *parts: str) -> str:
        # Each part with its length, so that no two accounts spell the same text.
        content = "".join(f"{len(part)}:{part}" for part in parts).encode()
        return HMAC(self._key, content, sha256).hexdigest()


def _causes(account: str) -> str:
    """Return the key of the causes that the account's secrets were rejected with."""
    return f"{account}:causes"
