"""Remember which job an Idempotency-Key has made, without a way back to what was sent."""

from dataclasses import dataclass
from hmac import compare_digest

from redis.asyncio import Redis

from shared.store.jobs.job_stream import named_if_unreachable

KEPT_S = 86_400
PENDING_S = 3  # an API that died in between must not block a key for long


class KeyReusedError(Exception):
    """Raised when the key came with another request before."""


class KeyInFlightError(Exception):
    """Raised while the first request with the key is still being taken."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One caller's key; both parts are keyed hashes under the caller's own token."""

    name: str
    fingerprint: str


class IdempotencyStore:
    """The keys of all callers, in Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def result_of(self, claim: Claim) -> str | None:
        """Return the job or batch of the key, or None, and then the key is this request's.

        Raises:
            KeyReusedError: the key belongs to another request.
            KeyInFlightError: the same request is being taken at this moment.
            StoreUnreachableError: nobody knows.
        """
        with named_if_unreachable():
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.set(_key(claim), claim.fingerprint, nx=True, ex=PENDING_S)
                pipe.get(_key(claim))
                is_new, kept = await pipe.execute()
        if is_new:
            return None
        fingerprint, _, result = (kept or b"").decode().partition(":")
        if not compare_digest(fingerprint, claim.fingerprint):
            raise KeyReusedError
        if not result:
            raise KeyInFlightError
        return result

    async def keep(self, claim: Claim, result: str) -> None:
        """Remember the job or batch for KEPT_S seconds."""
        with named_if_unreachable():
            await self._redis.set(_key(claim), f"{claim.fingerprint}:{result}", ex=KEPT_S)

    async def forget(self, claim: Claim) -> None:
        """Let the key be used again: nothing came of the request."""
        with named_if_unreachable():
            await self._redis.delete(_key(claim))


def _key(claim: Claim) -> str:
    return f"conncheck:idempotency:{claim.name}"
