"""The caller of a request, and the hashes that identify a repeated request."""

from dataclasses import dataclass
from hashlib import sha256
from hmac import HMAC

from pydantic import SecretStr

from shared.policy.target_policy import UNLIMITED, Allowance, TargetPolicy
from shared.policy.token_file import Scope
from shared.store.idempotency import Claim

__all__ = ["Caller", "Scope"]


@dataclass(frozen=True, slots=True)
class Caller:
    """The owner of a token, and its permissions; jobs belong to the tenant."""

    name: str
    tenant: str
    token: SecretStr
    scopes: frozenset[Scope] = frozenset(("admin",))
    policy: TargetPolicy = UNLIMITED
    tests_per_minute: int | None = None
    targets_per_minute: int | None = None
    is_operators: bool = False
    """Whether the token is one of CONNCHECK_TOKENS, whose tests count for no limit."""
    client: str = ""
    """The address that the call came from."""

    def may(self, *scopes: Scope) -> bool:
        """Return whether the caller has one of `scopes`."""
        return bool(self.scopes & {"admin", *scopes})

    @property
    def share_of(self) -> str:
        """The tenant whose share of the service the caller's tests take; empty if of no one's."""
        return "" if self.is_operators else self.tenant

    @property
    def is_metered(self) -> bool:
        """Whether the caller has a rate limit."""
        return bool(self.tests_per_minute or self.targets_per_minute)

    @property
    def allowance(self) -> Allowance:
        """What the caller may reach, for jobs that another caller has sealed."""
        return Allowance(
            policy=self.policy,
            is_metered=self.is_metered,
            targets_per_minute=self.targets_per_minute,
        )

    @property
    def items_per_minute(self) -> int | None:
        """How many batch items may begin per minute: each has a target, perhaps a new one."""
        limits = [most for most in (self.tests_per_minute, self.targets_per_minute) if most]
        return min(limits, default=None)

    def claim(self, idempotency_key: str, request: bytes) -> Claim:
        """Return what identifies a request under an Idempotency-Key.

        Both hashes are keyed with the token, which no store holds: keys of two callers never
        collide, and the fingerprint can't be used to guess secrets.
        """
        return Claim(self._hash(b"key", idempotency_key.encode()), self._hash(b"request", request))

    def _hash(self, purpose: bytes, content: bytes) -> str:
        message = purpose + b"\0" + content
        return HMAC(self.token.get_secret_value().encode(), message, sha256).hexdigest()
