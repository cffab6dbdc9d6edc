"""The file of tokens and their permissions; it contains hashes, not the tokens."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from shared.json_file import FilePart, JsonFile
from shared.policy.target_policy import Port, TargetPolicy
from shared.products import PRODUCTS
from shared.site_name import DEFAULT_SITE, SiteName

Scope = Literal["test", "bulk", "read", "admin"]
"""test: single tests; bulk: batches; read: view the tenant's jobs; admin: everything."""

AnySite = Literal["*"]
ANY_SITE: Final[AnySite] = "*"
"""Stands for all sites, those of the future too."""

STANDARD_PORTS = (80, 443)
OIDC = "oidc:"
"""Prefix of the tenants of JSON Web Tokens; other tenants only have it if the file says so."""
_NAME = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_TENANT = f"^({OIDC}[!-~]{{1,255}}|[A-Za-z0-9][A-Za-z0-9._-]{{0,63}})?$"


def usual_ports() -> tuple[int, ...]:
    """Return the ports on which the products serve their APIs, and those of HTTP."""
    own = {port for product in PRODUCTS.values() for port in product.ports}
    return tuple(sorted(own | set(STANDARD_PORTS)))


class TokenPolicy(TargetPolicy):
    """The policy of a token, which allows the products' ports unless it lists others."""

    ports: tuple[Port, ...] | None = None  # type: ignore[assignment] # None until `with_ports`

    def with_ports(self, extra: tuple[int, ...] = ()) -> TargetPolicy:
        """Return the policy, with the usual ports and `extra` if it lists none."""
        ports = (*usual_ports(), *extra) if self.ports is None else self.ports
        return TargetPolicy(**{**dict(self), "ports": ports})


class Limits(FilePart):
    """Limits on what may be tested, and how often."""

    tests_per_minute: int | None = Field(default=600, gt=0)
    targets_per_minute: int | None = Field(default=600, gt=0)
    """Distinct hosts and ports: more of them look like a scan."""
    policy: TokenPolicy = TokenPolicy()
    sites: tuple[SiteName | AnySite, ...] = ()
    """The sites to test from; none for the site `default` alone."""
    site_policies: Mapping[SiteName, TokenPolicy] = {}
    """By site, what takes the place of `policy` there: private addresses lead elsewhere there."""

    @model_validator(mode="after")
    def _refuse_policies_without_site(self) -> Self:
        allowed = self.site_names
        unused = next((name for name in self.site_policies if name not in allowed), None)
        if unused and ANY_SITE not in allowed:
            raise ValueError(f"sitePolicies has {unused}, which is not one of the sites")
        return self

    @property
    def site_names(self) -> frozenset[str]:
        """The names of the sites to test from; ANY_SITE stands for all."""
        return frozenset(self.sites or (DEFAULT_SITE,))

    def policies_with_ports(self, extra: tuple[int, ...] = ()) -> Mapping[str, TargetPolicy]:
        """Return `site_policies`, each with ports as TokenPolicy.with_ports gives them."""
        return {name: policy.with_ports(extra) for name, policy in self.site_policies.items()}


class TokenEntry(Limits):
    """A token by its SHA-256, with its tenant and what it may do."""

    name: str = Field(pattern=_NAME)
    tenant: str = Field(default="", pattern=_TENANT)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    scopes: tuple[Scope, ...] = ("test", "read")
    created_at: AwareDatetime | None = None


class TenantEntry(Limits):
    """The limits of all JSON Web Tokens of one tenant."""

    tenant: str = Field(pattern=f"^{OIDC}[!-~]{{1,255}}$")


class TokenFile(JsonFile):
    """All entries; each name, hash and tenant occurs only once."""

    tokens: tuple[TokenEntry, ...] = ()
    tenants: tuple[TenantEntry, ...] = ()

    @model_validator(mode="after")
    def _refuse_doubles(self) -> Self:
        for what in ("name", "sha256"):
            if len({getattr(one, what) for one in self.tokens}) < len(self.tokens):
                raise ValueError(f"two tokens have the same {what}")
        if len({one.tenant for one in self.tenants}) < len(self.tenants):
            raise ValueError("two entries have the same tenant")
        return self

    def with_token(self, entry: TokenEntry) -> "TokenFile":
        """Return the file with `entry`, which replaces one with the same name."""
        kept = self.without(entry.name)
        return TokenFile(tokens=(*kept.tokens, entry), tenants=self.tenants)

    def without(self, name: str) -> "TokenFile":
        """Return the file without the token `name`."""
        left = tuple(one for one in self.tokens if one.name != name)
        return TokenFile(tokens=left, tenants=self.tenants)


def new_entry(name: str, sha256: str, **what: object) -> TokenEntry:
    """Return an entry that is created now.

    Raises:
        ValueError: a part of it is not valid.
    """
    content = {"name": name, "sha256": sha256, "created_at": datetime.now(UTC), **what}
    return TokenEntry.model_validate({k: v for k, v in content.items() if v is not None})
