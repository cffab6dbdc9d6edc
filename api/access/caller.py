"""The caller of a request, and the hashes that identify a repeated request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import HMAC

from pydantic import SecretStr

from shared.policy.target_policy import UNLIMITED, Allowance, TargetPolicy
from shared.policy.token_file import ANY_SITE, Scope
from shared.site_name import DEFAULT_SITE
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
    """What it may test from sites without a policy of their own; see `policy_at`."""
    sites: frozenset[str] = frozenset((DEFAULT_SITE,))
    """The sites that it may test from; ANY_SITE stands for all."""
    site_policies: Mapping[str, TargetPolicy] = field(default_factory=dict, hash=False)
    tests_per_minute: int | None = None
    targets_per_minute: int | None = None
    is_operators: bool = False
    """Whether the token is one of CONNCHECK_TOKENS, whose tests count for no limit."""
    client: str = ""
    """The address that the call came from."""

    def may(self, *scopes: Scope) -> bool:
        """Return whether the caller has one of `scopes`."""
        return bool(self.scopes & {"admin", *scopes})

    def may_use(self, site: str) -> bool:
        """Return whether the caller may test from `site`."""
        return not self.sites.isdisjoint((ANY_SITE, site))

    def policy_at(self, site: str) -> TargetPolicy:
        """Return what the caller may test from `site`."""
        return self.site_policies.get(site, self.policy)

    @property
    def share_of(self) -> str:
        """The tenant whose share of the service the caller's tests take; empty if of no one's."""
        return "" if self.is_operators else self.tenant

    @property
    def is_metered(self) -> bool:
        """Whether the caller has a rate limit."""
        return bool(self.tests_per_minute or self.targets_per_minute)

    def allowance_at(self, site: str) -> Allowance:
        """Return what the caller may reach from `site`, for jobs that another caller has sealed."""
        return Allowance(
            policy=self.policy_at(site),
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
