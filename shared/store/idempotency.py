"""Remember which job an Idempotency-Key created, as keyed hashes that hide what was sent.

The key is written together with what it creates, in one command of Redis. If a process dies there,
both exist or neither: a repeated request finds what the first one created, or is the first.
"""

from dataclasses import dataclass
from hmac import compare_digest
from typing import cast

from shared.store.append_only_file import AppendOnlyFile
from shared.store.gate import RedisGate

KEPT_S = 86_400


class KeyReusedError(Exception):
    """Raised when the key was used with a different request before."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One caller's key; both parts are keyed hashes under the caller's own token."""

    name: str
    fingerprint: str

    @property
    def redis_key(self) -> str:
        """Where it is written what the key has made."""
        return f"conncheck:idempotency:{self.name}"

    def naming(self, result: str) -> str:
        """Return what is written there: whose request it was, and the job or batch."""
        return f"{self.fingerprint}:{result}"

    def result_in(self, written: bytes) -> str:
        """Return the job or batch that `written` names.

        Raises:
            KeyReusedError: the key belongs to another request.
        """
        fingerprint, _, result = written.partition(b":")
        if not compare_digest(fingerprint, self.fingerprint.encode()):
            raise KeyReusedError
        return result.partition(b":")[0].decode("utf-8", "replace")  # a newer version may add more


class IdempotencyStore:
    """The keys of all callers, in Redis."""

    def __init__(self, gate: RedisGate) -> None:
        self._gate, self._file = gate, AppendOnlyFile(gate)

    async def result_of(self, claim: Claim) -> str | None:
        """Return the job or batch that the key created, None if it created nothing.

        The caller may be told of it: it survives the death of Redis, as it did for the first.

        Raises:
            KeyReusedError: the key belongs to a different request.
            StoreUnreachableError: the outcome is unknown.
        """
        async with self._gate.turn() as redis:
            written = cast("bytes | None", await redis.get(claim.redis_key))
        if written is None:
            return None
        result = claim.result_in(written)
        await self._file.wait_for(claim.redis_key)
        return result
