"""Who calls, and what may be remembered of a call on the caller's behalf."""

from dataclasses import dataclass
from hashlib import sha256
from hmac import HMAC

from pydantic import SecretStr

from shared.idempotency import Claim


@dataclass(frozen=True, slots=True)
class Caller:
    """A token's owner; jobs belong to the name."""

    name: str
    token: SecretStr

    def claim(self, idempotency_key: str, request: bytes) -> Claim:
        """Return what identifies a request under an Idempotency-Key.

        Both hashes are keyed with the token, which no store holds: keys of two callers never
        meet, and nobody can try secrets against the fingerprint.
        """
        return Claim(self._hash(b"key", idempotency_key.encode()), self._hash(b"request", request))

    def _hash(self, purpose: bytes, content: bytes) -> str:
        message = purpose + b"\0" + content
        return HMAC(self.token.get_secret_value().encode(), message, sha256).hexdigest()
