"""Callers of the operator's OpenID provider, beside those with tokens of our own."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.policy.token_file import TenantEntry, TokenFile, TokenPolicy
from tests.api.access.openid_provider import AUDIENCE, Provider, SigningKey, openid_provider
from tests.running.service import CALL, Service, a_request, running_service
from tests.stand_ins.zstack import ZstackNode

JOBS, BATCHES = f"{CALL}/jobs", f"{CALL}/batches"


@pytest.fixture(scope="module")
def vouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Provider]]:
    """Give a service with a provider, whose tenant acme may use any port."""
    folder = tmp_path_factory.mktemp("openid")
    file = folder / "tokens.json"
    TokenFile(tenants=(TenantEntry(tenant="oidc:acme", policy=TokenPolicy(ports=())),)).write(file)
    with (
        openid_provider() as provider,
        running_service(
            folder,
            CONNCHECK_TOKENS_FILE=str(file),
            CONNCHECK_OIDC_ISSUER=provider.url,
            CONNCHECK_OIDC_AUDIENCE=AUDIENCE,
            CONNCHECK_OIDC_TENANT_CLAIM="org",
        ) as service,
    ):
        yield service, provider


def call(service: Service, token: str, method: str, path: str, **options: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.request(
        method, service.url + path, headers=headers, trust_env=False, timeout=30, **options
    )


def test_a_token_of_the_provider_does_what_its_scopes_say(
    vouched: tuple[Service, Provider], node: tuple[ZstackNode, str]
) -> None:
    """The company's own accounts decide who may test."""
    service, provider = vouched
    _, endpoint = node
    token = provider.token(org="acme")
    body = a_request(endpoint)

    tested = call(service, token, "POST", CALL, json=body)

    assert tested.json()["success"] is True
    assert tested.headers["ratelimit-policy"] == '"token";q=600;w=60'
    assert call(service, token, "POST", BATCHES, json={"items": [body]}).status_code == 403


def test_one_tenant_of_the_provider_sees_nothing_of_another(
    vouched: tuple[Service, Provider], node: tuple[ZstackNode, str]
) -> None:
    """Nor of a tenant of ours that is called the same."""
    service, provider = vouched
    _, endpoint = node
    acme, again, other = (provider.token(org=org) for org in ("acme", "acme", "globex"))

    job = call(service, acme, "POST", JOBS, json=a_request(endpoint)).headers["location"]

    statuses = [call(service, t, "GET", job).status_code for t in (again, other, service.token)]
    assert statuses == [200, 404, 404]


def test_a_tenant_without_limits_of_its_own_has_the_usual_ones(
    vouched: tuple[Service, Provider], node: tuple[ZstackNode, str]
) -> None:
    """A provider's token is no way around them."""
    service, provider = vouched
    _, endpoint = node

    refused = call(service, provider.token(org="globex"), "POST", CALL, json=a_request(endpoint))

    assert refused.status_code == 403
    assert refused.json()["errors"][0]["cause"] == "policy.port_blocked"


def test_a_token_that_proves_nothing_is_refused_like_any_other(
    vouched: tuple[Service, Provider],
) -> None:
    """With the header that tells a client to fetch a new one."""
    service, provider = vouched
    forged = provider.token(SigningKey("k1"), org="acme")

    refused = call(service, forged, "GET", f"{JOBS}/{'0' * 32}")

    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    log = [
        json.loads(line)["message"] for line in service.log_text().splitlines() if "oidc" in line
    ]
    assert any("refused=InvalidSignatureError" in line for line in log)
    assert forged[-20:] not in service.log_text()


def test_a_provider_that_is_away_keeps_out_its_own_callers_alone(tmp_path: Path) -> None:
    """Tokens of our own need nobody's word."""
    with openid_provider() as provider:
        token = provider.token()
    settings = {"CONNCHECK_OIDC_ISSUER": provider.url, "CONNCHECK_OIDC_AUDIENCE": AUDIENCE}
    with running_service(tmp_path, **settings) as service:
        theirs = call(service, token, "GET", f"{JOBS}/{'0' * 32}")
        own = call(service, service.token, "GET", f"{JOBS}/{'0' * 32}")

    assert (theirs.status_code, own.status_code) == (503, 404)
    assert theirs.json()["type"] == "urn:conncheck:problem:identity-provider-unreachable"
    assert theirs.headers["retry-after"]
