"""Cache the public keys of the OpenID provider."""

import asyncio
import json
import logging
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

import certifi
import httpx

_log = logging.getLogger(__name__)

FETCH_S = 5.0
MOST_BYTES = 262_144
MOST_KEYS = 100
REFRESH_S = 300.0  # older keys are still used while new ones are fetched
FORGET_S = 3600.0  # older keys are no longer used
RETRY_S = 10.0
UNKNOWN_KEY_S = 60.0  # between two fetches because of tokens with an unknown key
_DISCOVERY = "/.well-known/openid-configuration"  # OpenID Connect Discovery 1.0, 4

Jwk = Mapping[str, Any]


class ProviderAwayError(Exception):
    """Raised when the provider's keys are needed and can't be fetched."""


def is_trustworthy(url: str) -> bool:
    """Return whether what is read from `url` can't be changed in transit."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    is_here = parsed.scheme == "http" and parsed.host in ("127.0.0.1", "::1", "localhost")
    return bool(parsed.host) and (parsed.scheme == "https" or is_here)


class ProviderKeys:
    """The keys of one issuer by their ids, from its latest JWKS."""

    def __init__(
        self,
        issuer: str,
        ca_file: Path | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._issuer = issuer
        self._clock = clock
        self._trust = ssl.create_default_context(cafile=certifi.where())
        if ca_file:
            self._trust.load_verify_locations(ca_file)
        self._keys: Mapping[str, Jwk] = {}
        self._fetched_at_s = self._tried_at_s = -FORGET_S
        self._fetching: asyncio.Task[None] | None = None

    async def key(self, key_id: str | None) -> Jwk | None:
        """Return the key with this id; without an id, the only key; None if unknown.

        Raises:
            ProviderAwayError: the keys can't be fetched.
        """
        if self._age_s() >= FORGET_S:
            await self._fetch_unless_tried_within(RETRY_S)
            if self._age_s() >= FORGET_S:
                raise ProviderAwayError
        elif self._age_s() >= REFRESH_S and self._clock() - self._tried_at_s >= RETRY_S:
            self._begin_to_fetch()
        if self._find(key_id) is None:
            await self._fetch_unless_tried_within(UNKNOWN_KEY_S)
        return self._find(key_id)

    async def close(self) -> None:
        """Cancel a fetch in progress."""
        if self._fetching:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def _age_s(self) -> float:
        return self._clock() - self._fetched_at_s

    def _find(self, key_id: str | None) -> Jwk | None:
        if key_id is not None:
            return self._keys.get(key_id)
        return next(iter(self._keys.values())) if len(self._keys) == 1 else None

    async def _fetch_unless_tried_within(self, seconds: float) -> None:
        """Fetch the keys, or join a fetch in progress."""
        if self._fetching or self._clock() - self._tried_at_s >= seconds:
            # A caller that disconnects must not cancel the fetch for the others.
            await asyncio.shield(self._begin_to_fetch())

    def _begin_to_fetch(self) -> asyncio.Task[None]:
        if self._fetching is None:
            self._tried_at_s = self._clock()
            self._fetching = asyncio.create_task(self._fetch())
        return self._fetching

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(FETCH_S):
                self._keys = await self._published()
            self._fetched_at_s = self._clock()
            _log.info("oidc issuer=%s keys=%d", self._issuer, len(self._keys))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError, ValueError) as error:
            _log.warning("oidc issuer=%s error=%s", self._issuer, type(error).__name__)
        finally:
            self._fetching = None

    async def _published(self) -> Mapping[str, Jwk]:
        async with httpx.AsyncClient(
            verify=self._trust, trust_env=False, follow_redirects=False, timeout=FETCH_S
        ) as client:
            about = await _json(client, self._issuer.rstrip("/") + _DISCOVERY)
            where = about.get("jwks_uri")
            # Discovery 1.0, 4.3: otherwise one issuer could impersonate another.
            if about.get("issuer") != self._issuer or not isinstance(where, str):
                raise ValueError("the document belongs to another issuer")
            if not is_trustworthy(where):
                raise ValueError("the keys would come over plain HTTP")
            found = (await _json(client, where)).get("keys")
        if not isinstance(found, list):
            raise ValueError("there are no keys")  # noqa: TRY004 -- the provider's value, not our type
        return {str(key.get("kid", "")): key for key in found[:MOST_KEYS] if _is_for_signing(key)}


def _is_for_signing(key: object) -> bool:
    """Return whether `key` is an asymmetric signing key; symmetric keys are never published."""
    return (
        isinstance(key, dict)
        and key.get("kty") in ("RSA", "EC", "OKP")
        and key.get("use", "sig") == "sig"
    )


async def _json(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    """Return the JSON object at `url`.

    Raises:
        httpx.HTTPError: it can't be fetched.
        ValueError: it is not a JSON object, or it is too large.
    """
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    content = bytearray()
    async with client.stream("GET", url, headers=headers) as answer:
        if answer.status_code != 200:
            raise ValueError("the provider has no such document")
        async for part in answer.aiter_raw():
            content += part
            if len(content) > MOST_BYTES:
                raise ValueError("the document is too large")
    try:
        found = json.loads(content)
    except RecursionError:
        raise ValueError("the document is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("the document is not a JSON object")  # noqa: TRY004 -- the value is wrong
    return found
