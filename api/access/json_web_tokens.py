"""Identify callers by JSON Web Tokens of the operator's OpenID provider (RFC 7519, RFC 8725)."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import jwt
from pydantic import SecretStr

from api.access.caller import Caller, Scope
from api.access.provider_keys import Jwk, ProviderAwayError, ProviderKeys
from api.access.tokens import bearer_token
from api.problems import unavailable
from shared.policy.token_file import OIDC
from shared.policy.watched_tokens import Limited

_log = logging.getLogger(__name__)

LONGEST = 16_384
LEEWAY_S = 30  # between the provider's clock and ours
REQUIRED = ("exp", "iat", "iss", "aud", "sub")
RETRY_AFTER_S = 10
# Only asymmetric ones: with HS256, anyone who knows the public key could sign.
_ALGORITHMS = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "EC": ("ES256", "ES384", "ES512"),
    "OKP": ("EdDSA",),
}
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519"}
_SCOPES = frozenset(get_args(Scope))
_PLAIN = re.compile("[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class Claims:
    """The names of the claims; dots in a name lead into nested claims."""

    audience: str
    tenant: str = "sub"
    scopes: str = "scope"
    scope_prefix: str = "conncheck:"


class _RefusedError(Exception):
    """Raised for a token that is not valid; the text says why and quotes none of it."""


class JsonWebTokens:
    """The callers with tokens of one issuer."""

    def __init__(
        self,
        issuer: str,
        keys: ProviderKeys,
        claims: Claims,
        limits: Limited,
        extra_ports: tuple[int, ...] = (),
    ) -> None:
        self._issuer = issuer
        self._keys = keys
        self._claims = claims
        self._limits = limits
        self._extra_ports = extra_ports

    async def caller_of(self, authorization: str | None) -> Caller | None:
        """Return the caller that the token in the header identifies; None if it is not valid.

        Raises:
            ApiProblemError: 503, the provider's keys can't be fetched.
        """
        token = bearer_token(authorization)
        text = token.get_secret_value() if token else ""
        if token is None or text.count(".") != 2 or len(text) > LONGEST:
            return None
        try:
            return self._caller(token, await self._verified(text))
        except (_RefusedError, jwt.PyJWTError) as error:
            reason = error if isinstance(error, _RefusedError) else type(error).__name__
            _log.info("oidc issuer=%s refused=%s", self._issuer, reason)
            return None
        except ProviderAwayError:
            raise unavailable(
                "The OpenID provider that issued this token can't be reached.",
                "identity-provider-unreachable",
                RETRY_AFTER_S,
            ) from None

    async def _verified(self, token: str) -> Mapping[str, Any]:
        header = jwt.get_unverified_header(token)
        if "crit" in header:
            raise _RefusedError("it has a critical extension")
        algorithm = header.get("alg")
        key = await self._keys.key(header.get("kid"))
        if key is None:
            raise _RefusedError("the key is unknown")
        if not _goes_with(algorithm, key):
            raise _RefusedError("the algorithm does not match the key")
        verified: dict[str, Any] = jwt.decode(
            token,
            jwt.PyJWK({**key}, algorithm),
            algorithms=[str(algorithm)],
            audience=self._claims.audience,
            issuer=self._issuer,
            leeway=LEEWAY_S,
            options={"require": [*REQUIRED], "enforce_minimum_key_length": True},
        )
        return verified

    def _caller(self, token: SecretStr, claims: Mapping[str, Any]) -> Caller:
        tenant, subject = _text(_claim(claims, self._claims.tenant)), _text(claims["sub"])
        if not tenant or not subject:
            raise _RefusedError("it names no tenant")
        limits = self._limits.limits_of(OIDC + tenant)
        return Caller(
            name=OIDC + subject,
            tenant=OIDC + tenant,
            token=token,
            scopes=self._scopes(_claim(claims, self._claims.scopes)),
            policy=limits.policy.with_ports(self._extra_ports),
            sites=limits.site_names,
            site_policies=limits.policies_with_ports(self._extra_ports),
            tests_per_minute=limits.tests_per_minute,
            targets_per_minute=limits.targets_per_minute,
        )

    def _scopes(self, value: object) -> frozenset[Scope]:
        named = value.split() if isinstance(value, str) else value
        prefix = self._claims.scope_prefix
        found = named if isinstance(named, list) else []
        return frozenset(scope for scope in _SCOPES if prefix + scope in found)


def _goes_with(algorithm: object, key: Jwk) -> bool:
    """Return whether `algorithm` is allowed for `key`."""
    if algorithm not in _ALGORITHMS.get(str(key["kty"]), ()):
        return False
    curve = _CURVES.get(str(algorithm))
    return key.get("alg", algorithm) == algorithm and (curve is None or key.get("crv") == curve)


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """Return the claim with this name, else the nested claim that the name's parts lead to."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _text(value: object) -> str:
    """Return a claim as a name; empty if it can't be one."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if _PLAIN.fullmatch(text) else ""
