"""Remember what a platform has just rejected, so that our tests do not lock the account.

Only keyed hashes are kept: the store does not reveal which account or secret was tried.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from hmac import HMAC
from typing import Any

from shared.request import JobRequest
from shared.store.limits.rejection_reports import LONGEST_LIST, HashedPair, RejectionReport
from shared.store.limits.rejections import (
    KEPT_S,
    NO_REJECTIONS,
    Rejections,
    platform_of,
    presented,
)
from shared.store.round_trips import RoundTrips, without_errors
from shared.store.scripts import Script
from shared.store.site_keys import SiteKeys

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
    """The rejections of the last KEPT_S seconds at one site, by account and secret.

    What is remembered is named by hashes: with the secrets that the workers of all sites share, if
    the API has issued some, else with the worker's own. What was remembered before counts on. The
    API is told of what is named by shared secrets, for the other sites.
    """

    def __init__(self, round_trips: RoundTrips, key: bytes, keys: SiteKeys) -> None:
        self._round_trips = round_trips
        self._keys = keys
        self._own = _derived(key)
        self._shared: Sequence[bytes] = ()

    def share(self, secrets: Sequence[bytes]) -> None:
        """Use these secrets, which other sites use too, from now on; called from any thread."""
        self._shared = tuple(map(_derived, secrets))

    def look(self, request: JobRequest) -> Callable[[], Rejections]:
        """Return a function that returns the remembered rejections of the request's account.

        Whether there are any is asked with the next round trip; most accounts have none.

        Raises:
            StoreUnreachableError: the outcome is unknown; raised by the function.
        """
        pairs = self._pairs(request)
        accounts = [self._key(request, account) for account, _ in pairs]
        asked = self._round_trips.ask(lambda pipe: pipe.exists(*accounts))

        def rejections() -> Rejections:
            (is_known,) = without_errors(asked.answer())
            return self._rejections(request, pairs) if is_known else NO_REJECTIONS

        return rejections

    def _rejections(self, request: JobRequest, pairs: Sequence[HashedPair]) -> Rejections:
        def fill(pipe: Any) -> None:
            for pair in pairs:
                LOOK.queue(pipe, *self._arguments(request, pair))

        found = without_errors(self._round_trips.execute(fill))
        *of_shared, of_own = [secrets - bool(at_s) for at_s, secrets, _ in found]
        others = of_own + max(of_shared, default=0)  # the same ones have all the shared hashes
        rejected_at_s, _, cause = max(found, key=lambda one: int(one[0]))
        if not rejected_at_s:
            return Rejections(None, others)
        return Rejections(datetime.fromtimestamp(rejected_at_s, UTC), others, cause.decode())

    def remember_rejection(self, request: JobRequest, cause: str, job_id: str = "") -> None:
        """Remember that the platform has just rejected the job's key pair, with this cause.

        Raises:
            StoreUnreachableError: it may not be remembered; the outcome is unknown.
        """
        *shared, own = self._pairs(request)

        def fill(pipe: Any) -> None:
            for pair in shared or [own]:
                REMEMBER.queue(pipe, *self._arguments(request, pair, cause))
            self._tell(pipe, RejectionReport(job=job_id, cause=cause, pairs=shared))

        without_errors(self._round_trips.execute(fill))

    def forget(self, request: JobRequest, job_id: str = "") -> None:
        """Forget the account's rejections: the platform has accepted the job's key pair.

        Raises:
            StoreUnreachableError: they may still be remembered; the outcome is unknown.
        """
        pairs = self._pairs(request)

        def fill(pipe: Any) -> None:
            for account, _ in pairs:
                key = self._key(request, account)
                pipe.delete(key, causes_key(key))
            self._tell(pipe, RejectionReport(job=job_id, cause="", pairs=pairs[:-1]))

        without_errors(self._round_trips.execute(fill))

    def _tell(self, pipe: Any, report: RejectionReport) -> None:
        """Tell the API, if the workers of other sites know the secrets too."""
        if report.pairs and report.job:
            pipe.lpush(self._keys.rejections, report.model_dump_json())
            pipe.ltrim(self._keys.rejections, 0, LONGEST_LIST - 1)
            pipe.expire(self._keys.rejections, KEPT_S)

    def _arguments(
        self, request: JobRequest, pair: HashedPair, *more: str
    ) -> tuple[SiteKeys, Sequence[str], Sequence[str | int]]:
        account, secret = pair
        key = self._key(request, account)
        return self._keys, [key, causes_key(key)], [secret, KEPT_S, *more]

    def _key(self, request: JobRequest, account: str) -> str:
        return rejected_key(
            self._keys, platform_of(request.product_type, str(request.target)), account
        )

    def _pairs(self, request: JobRequest) -> Sequence[HashedPair]:
        """Return the account and the secret under each hash, the worker's own last."""
        named = request.product_type, str(request.target), request.access_key.get_secret_value()
        pairs = []
        for key in (*self._shared, self._own):
            account = _hash(key, *named)
            pairs.append((account, _hash(key, account, *presented(request))))
        return pairs


def _derived(key: bytes) -> bytes:
    return HMAC(key, b"conncheck sign-in memory", sha256).digest()


def _hash(key: bytes, *parts: str) -> str:
    # Each part with its length, so that no two accounts spell the same text.
    content = "".join(f"{len(part)}:{part}" for part in parts).encode()
    return HMAC(key, content, sha256).hexdigest()


def rejected_key(keys: SiteKeys, platform: str, account: str) -> str:
    """Return the key of the secrets of an account that its platform rejected."""
    return keys.rejected(f"{platform}:{account}")


def causes_key(account: str) -> str:
    """Return the key of the causes that the account's secrets were rejected with."""
    return f"{account}:causes"
