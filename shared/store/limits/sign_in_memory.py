"""Remember what a platform has just rejected, so that our tests do not lock the account.

Only keyed hashes are kept: the store does not reveal which account or secret was tried.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from hmac import HMAC
from typing import Any

from shared.request import JobRequest
from shared.store.limits.rejections import KEPT_S, NO_REJECTIONS, Rejections, presented
from shared.store.round_trips import RoundTrips, without_errors
from shared.store.scripts import Script
from shared.store.site_keys import DEFAULT_KEYS, SiteKeys

# The times are Redis': a worker whose clock is off would forget, or never forget, what others saw.
# KEYS: account, its causes. ARGV: secret, seconds to remember. Returns when the secret was rejected
# (epoch; 0 if that is not remembered), how many secrets are remembered, and the cause.
LOOK = Script(
    """
local since = tonumber(redis.call('TIME')[1]) - tonumber(ARGV[2])
local rejected_at = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0)
if rejected_at <= since then
  rejected_at = 0
end
local secrets = redis.call('ZCOUNT', KEYS[1], since, '+inf')
return {rejected_at, secrets, redis.call('HGET', KEYS[2], ARGV[1]) or ''}
"""
)
# The same, and the cause.
REMEMBER = Script(
    """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
"""
)


class SignInMemory:
    """The rejections of the last KEPT_S seconds, by account and secret."""

    def __init__(self, round_trips: RoundTrips, key: bytes, keys: SiteKeys = DEFAULT_KEYS) -> None:
        self._round_trips = round_trips
        self._keys = keys
        self._key = HMAC(key, b"conncheck sign-in memory", sha256).digest()

    def look(self, request: JobRequest) -> Callable[[], Rejections]:
        """Return a function that returns the remembered rejections of the request's account.

        Whether there are any is asked with the next round trip; most accounts have none.

        Raises:
            StoreUnreachableError: the outcome is unknown; raised by the function.
        """
        account = self._account(request)
        asked = self._round_trips.ask(lambda pipe: pipe.exists(account))

        def rejections() -> Rejections:
            (is_known,) = without_errors(asked.answer())
            return self._rejections(request) if is_known else NO_REJECTIONS

        return rejections

    def _rejections(self, request: JobRequest) -> Rejections:
        rejected_at_s, secrets, cause = self._run(LOOK, request)
        if not rejected_at_s:
            return Rejections(None, secrets)
        return Rejections(datetime.fromtimestamp(rejected_at_s, UTC), secrets - 1, cause.decode())

    def remember_rejection(self, request: JobRequest, cause: str) -> None:
        """Remember that the platform has just rejected the key pair, with this cause.

        Raises:
            StoreUnreachableError: it may not be remembered; the outcome is unknown.
        """
        self._run(REMEMBER, request, cause)

    def forget(self, request: JobRequest) -> None:
        """Forget the account's rejections: the platform has accepted a key pair of it.

        Raises:
            StoreUnreachableError: they may still be remembered; the outcome is unknown.
        """
        account = self._account(request)
        keys = (account, _causes(account))
        without_errors(self._round_trips.execute(lambda pipe: pipe.delete(*keys)))

    def _run(self, script: Script, request: JobRequest, *more: str) -> Any:
        account, secret = self._account(request), self._secret(request)

        def fill(pipe: Any) -> None:
            script.queue(pipe, self._keys, [account, _causes(account)], [secret, KEPT_S, *more])

        (answer,) = without_errors(self._round_trips.execute(fill))
        return answer

    def _account(self, request: JobRequest) -> str:
        account = request.access_key.get_secret_value()
        named = request.product_type, str(request.target), account
        return self._keys.rejected(self._hash(*named))

    def _secret(self, request: JobRequest) -> str:
        return self._hash(self._account(request), *presented(request))

    def _hash(self, *parts: str) -> str:
        # Each part with its length, so that no two accounts spell the same text.
        content = "".join(f"{len(part)}:{part}" for part in parts).encode()
        return HMAC(self._key, content, sha256).hexdigest()


def _causes(account: str) -> str:
    """Return the key of the causes that the account's secrets were rejected with."""
    return f"{account}:causes"
