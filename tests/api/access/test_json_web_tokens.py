import asyncio
import hmac
import logging
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from api.access.caller import Caller
from api.access.json_web_tokens import LONGEST, Claims, JsonWebTokens
from api.access.provider_keys import ProviderKeys
from api.problems import ApiProblemError
from shared.policy.token_file import Limits, TokenPolicy
from shared.policy.watched_tokens import NoTokens
from tests.api.access.openid_provider import (
    AUDIENCE,
    Provider,
    SigningKey,
    encoded,
    forged,
    openid_provider,
)

T = TypeVar("T")
NOW = datetime.now(UTC)
AN_HOUR = timedelta(hours=1)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with openid_provider() as running:
        yield running


class Known:
    """Limits of one tenant."""

    def limits_of(self, tenant: str) -> Limits:
        """Return the limits of `tenant`."""
        if tenant != "oidc:acme":
            return Limits()
        return Limits(
            tests_per_minute=7,
            policy=TokenPolicy(ports=(443,)),
            sites=("fra1",),
            site_policies={"fra1": TokenPolicy()},
        )


def with_tokens(
    provider: Provider, call: Callable[[JsonWebTokens], Awaitable[T]], **claims: str
) -> T:
    async def called() -> T:
        keys = ProviderKeys(provider.url)
        chosen = Claims(**{"audience": AUDIENCE, **claims})
        try:
            return await call(JsonWebTokens(provider.url, keys, chosen, Known(), (9443,)))
        finally:
            await keys.close()

    return asyncio.run(called())


def caller(provider: Provider, token: str, **claims: str) -> Caller | None:
    return with_tokens(provider, lambda tokens: tokens.caller_of(f"Bearer {token}"), **claims)


def test_a_token_of_the_provider_names_its_subject(provider: Provider) -> None:
    """The other way in, beside tokens of our own; never in the tenant of one of those."""
    token = provider.token()

    found = caller(provider, token)

    assert found
    assert (found.name, found.tenant) == ("oidc:alice", "oidc:alice")
    assert found.scopes == {"test", "read"}
    assert found.token.get_secret_value() == token
    assert 9443 in found.policy.ports
    assert found.tests_per_minute == found.targets_per_minute == 600


@pytest.mark.parametrize(
    "key",
    [
        SigningKey.rsa("k"),
        SigningKey.rsa("k", algorithm="PS384"),
        SigningKey("k", "EdDSA", ed25519.Ed25519PrivateKey.generate()),
    ],
)
def test_keys_of_every_kind_are_known(provider: Provider, key: SigningKey) -> None:
    """Providers differ in what they sign with, and in whether they say so."""
    provider.keys = [SigningKey("other"), key]

    assert caller(provider, provider.token(key))


def test_tenant_and_scopes_come_from_the_claims_that_the_operator_names(
    provider: Provider,
) -> None:
    """Each provider has names of its own, some of them nested, some of them with dots."""
    token = provider.token(
        **{"https://acme.example/org": "acme", "realm": {"roles": ["bulk", "admins", 7]}}
    )

    found = caller(
        provider, token, tenant="https://acme.example/org", scopes="realm.roles", scope_prefix=""
    )

    assert found
    assert found.tenant == "oidc:acme"
    assert found.scopes == {"bulk"}
    assert (found.tests_per_minute, found.policy.ports) == (7, (443,))
    assert (found.may_use("fra1"), found.may_use("default")) == (True, False)
    assert 9443 in found.policy_at("fra1").ports


def test_a_token_without_our_scopes_may_do_nothing(provider: Provider) -> None:
    """Everybody in the company has a token; not everybody shall test."""
    found = caller(provider, provider.token(scope="openid test admin"))

    assert found
    assert not found.scopes
    assert not found.may("test", "bulk", "read")


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": NOW - AN_HOUR},
        {"exp": None},
        {"nbf": NOW + AN_HOUR},
        {"iat": NOW + AN_HOUR},
        {"iat": None},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "a b"},
        {"sub": "a" * 300},
    ],
)
def test_a_token_that_is_not_for_us_or_not_for_now_names_nobody(
    provider: Provider, claims: dict[str, object]
) -> None:
    """RFC 8725: a signature alone says little."""
    assert caller(provider, provider.token(**claims)) is None


def test_a_token_without_the_tenants_claim_names_nobody(provider: Provider) -> None:
    """It must not end up in a tenant that all such tokens share."""
    for value in (None, "", {"a": 1}, ["acme"], True):
        assert caller(provider, provider.token(org=value), tenant="org") is None


def hs256(header: dict[str, object], payload: str, secret: bytes) -> str:
    signed = f"{encoded(header)}.{payload}"
    mac = hmac.digest(secret, signed.encode(), sha256)
    return f"{signed}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def test_a_token_that_is_signed_with_the_public_key_names_nobody(provider: Provider) -> None:
    """The classic: HS256 with what everybody knows."""
    provider.keys = [SigningKey.rsa("k1")]
    public = provider.keys[0].private_key.public_key()
    payload = provider.token().split(".")[1]

    for form in (Encoding.PEM, Encoding.DER):
        known = public.public_bytes(form, PublicFormat.SubjectPublicKeyInfo)
        forgery = hs256({"alg": "HS256", "kid": "k1"}, payload, known)
        assert caller(provider, forgery) is None


def test_a_symmetric_key_of_the_provider_is_not_used(provider: Provider) -> None:
    """What a JWKS shows to everybody is no secret."""
    provider.extra_keys = [{"kty": "oct", "kid": "s", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}]
    payload = provider.token().split(".")[1]

    forgery = hs256({"alg": "HS256", "kid": "s"}, payload, b"secretsecretsecretsecret")

    assert caller(provider, forgery) is None


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", None, 7, "ES384", "RS256", "HS256"])
def test_the_algorithm_is_the_keys_and_not_the_tokens(provider: Provider, alg: object) -> None:
    """It is what the attacker writes."""
    token = forged(provider.token(), alg=alg)

    assert caller(provider, token) is None
    assert caller(provider, token.rpartition(".")[0] + ".") is None


def test_what_a_tokens_header_offers_is_not_taken(provider: Provider) -> None:
    """A key, or where to find one, comes from the operator's provider alone."""
    evil = SigningKey("evil")
    with openid_provider() as other:
        header = {"jwk": evil.public, "jku": f"{other.url}/keys", "x5u": f"{other.url}/x"}
        assert caller(provider, forged(provider.token(evil), **header)) is None
        assert not other.asked
    extension = forged(provider.token(), crit=["exp"])
    assert caller(provider, extension) is None


def test_a_changed_token_names_nobody(provider: Provider) -> None:
    """The signature is over what it says."""
    header, payload, signature = provider.token().split(".")
    richer = encoded({"sub": "bob"})

    for token in (
        f"{header}.{richer}.{signature}",
        f"{header}.{payload}.{signature[:-4]}AAAA",
        f"{header}.{payload}.",
        f"{header}.{payload}",
        f"..{signature}",
        "a.b.c",
        "...",
        f"{header}.{payload}.{'A' * LONGEST}",
    ):
        assert caller(provider, token) is None


def test_a_weak_key_is_not_believed(provider: Provider) -> None:
    """1024 bits of RSA can be factored."""
    provider.keys = [SigningKey.rsa("k1", bits=1024)]

    assert caller(provider, provider.token()) is None


async def asked_with(header: str | None, tokens: JsonWebTokens) -> Caller | None:
    return await tokens.caller_of(header)


def test_another_scheme_or_another_kind_of_token_costs_the_provider_nothing(
    provider: Provider,
) -> None:
    """Strangers must not make us call the provider."""
    for header in (None, "", f"Basic {provider.token()}", "Bearer hunter2", "Bearer "):
        assert with_tokens(provider, partial(asked_with, header)) is None
    assert not provider.asked


def test_a_provider_that_is_away_is_told_and_nothing_of_the_token_is_logged(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller's token may be good: 401 would have it thrown away."""
    caplog.set_level(logging.DEBUG)
    token = provider.token()
    provider.status = 500

    with pytest.raises(ApiProblemError) as raised:
        caller(provider, token)

    assert raised.value.problem.status == 503
    assert raised.value.headers["Retry-After"]
    provider.status = 200
    assert caller(provider, provider.token(exp=NOW - AN_HOUR)) is None
    assert "refused=ExpiredSignatureError" in caplog.text
    assert token[-20:] not in caplog.text


def test_without_a_token_file_everybody_has_the_usual_limits() -> None:
    """Nobody comes in without a limit by the provider."""
    assert NoTokens().limits_of("oidc:acme") == Limits()
