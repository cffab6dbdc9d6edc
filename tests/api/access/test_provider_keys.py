import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from api.access.provider_keys import (
    FORGET_S,
    MOST_BYTES,
    REFRESH_S,
    RETRY_S,
    UNKNOWN_KEY_S,
    ProviderAwayError,
    ProviderKeys,
    is_trustworthy,
)
from tests.api.access.openid_provider import DISCOVERY, Provider, SigningKey, openid_provider
from tests.certificates.authority import Authority

T = TypeVar("T")


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


@pytest.fixture
def provider() -> Iterator[Provider]:
    with openid_provider() as running:
        yield running


def with_keys(
    provider: Provider,
    call: Callable[[ProviderKeys, Clock], Awaitable[T]],
    ca_file: Path | None = None,
) -> T:
    async def called() -> T:
        clock = Clock()
        keys = ProviderKeys(provider.url, ca_file, clock)
        try:
            return await call(keys, clock)
        finally:
            await keys.close()

    return asyncio.run(called())


async def ids(keys: ProviderKeys, *key_ids: str | None) -> list[str | None]:
    found = [await keys.key(key_id) for key_id in key_ids]
    return [key["kid"] if key else None for key in found]


def test_the_keys_are_fetched_once_for_many_calls(provider: Provider) -> None:
    """The provider must not feel how busy this service is."""

    async def ask(keys: ProviderKeys, _: Clock) -> None:
        assert await asyncio.gather(*(ids(keys, "k1") for _ in range(20))) == [["k1"]] * 20
        assert await ids(keys, "k1", None) == ["k1", "k1"]

    with_keys(provider, ask)

    assert provider.asked == [DISCOVERY, "/keys"]


def test_a_new_key_is_found_and_an_unknown_one_asked_for_once_a_minute(provider: Provider) -> None:
    """Providers roll their keys; strangers invent key ids."""

    async def ask(keys: ProviderKeys, clock: Clock) -> None:
        assert await ids(keys, "k1") == ["k1"]
        provider.keys.append(SigningKey("k2"))
        assert await ids(keys, "k2", "invented", "k2") == [None, None, None]
        assert len(provider.asked) == 2
        clock.now_s += UNKNOWN_KEY_S
        assert await ids(keys, "k2", "invented", "invented", "k1") == ["k2", None, None, "k1"]
        assert len(provider.asked) == 4
        assert await ids(keys, None) == [None]  # which of the two it is nobody says

    with_keys(provider, ask)


def test_old_keys_serve_while_new_ones_are_fetched(provider: Provider) -> None:
    """A provider that is slow for a moment must hold up nobody whose key is known."""

    async def ask(keys: ProviderKeys, clock: Clock) -> None:
        assert await ids(keys, "k1") == ["k1"]
        provider.keys = [SigningKey("k2")]
        provider.gate.clear()
        clock.now_s += REFRESH_S
        assert await ids(keys, "k1") == ["k1"]
        provider.gate.set()
        clock.now_s += UNKNOWN_KEY_S
        assert await ids(keys, "k2", "k1") == ["k2", None]

    with_keys(provider, ask)


def test_keys_outlive_a_provider_that_is_away_but_not_for_ever(provider: Provider) -> None:
    """An hour bridges an outage; a key that was withdrawn must not live on."""

    async def ask(keys: ProviderKeys, clock: Clock) -> None:
        assert await ids(keys, "k1") == ["k1"]
        provider.status = 503
        clock.now_s += FORGET_S - 1
        assert await ids(keys, "k1") == ["k1"]
        clock.now_s += RETRY_S
        for _ in range(3):
            with pytest.raises(ProviderAwayError):
                await keys.key("k1")
        asked = len(provider.asked)
        provider.status = 200
        with pytest.raises(ProviderAwayError):
            await keys.key("k1")
        assert len(provider.asked) == asked  # it is not asked with each call while it is away
        clock.now_s += RETRY_S
        assert await ids(keys, "k1") == ["k1"]

    with_keys(provider, ask)


def test_a_caller_who_hangs_up_does_not_end_what_others_wait_for(provider: Provider) -> None:
    """One fetch serves all who wait."""

    async def ask(keys: ProviderKeys, _: Clock) -> None:
        provider.gate.clear()
        impatient = asyncio.create_task(keys.key("k1"))
        patient = asyncio.create_task(keys.key("k1"))
        await asyncio.sleep(0)
        impatient.cancel()
        provider.gate.set()
        assert await patient

    with_keys(provider, ask)


@pytest.mark.parametrize(
    ("discovery", "content"),
    [
        ({"issuer": "https://evil.example"}, None),
        ({"jwks_uri": None}, None),
        ({"jwks_uri": "http://evil.example/keys"}, None),
        ({"jwks_uri": "https://["}, None),
        ({"jwks_uri": "file:///etc/passwd"}, None),
        ({}, b""),
        ({}, b"[]"),
        ({}, b'{"keys": {}}'),
        ({}, b"\xff"),
        ({}, b"[" * 100_000),
        ({}, b'{"keys": [' + b" " * MOST_BYTES + b"]}"),
    ],
)
def test_what_is_no_set_of_keys_is_as_good_as_none(
    provider: Provider, discovery: dict[str, object], content: bytes | None
) -> None:
    """The provider is trusted to vouch for people, not to be free of faults."""
    provider.discovery, provider.content = discovery, content

    async def ask(keys: ProviderKeys, _: Clock) -> None:
        with pytest.raises(ProviderAwayError):
            await keys.key("k1")

    with_keys(provider, ask)


def test_keys_that_do_not_sign_are_passed_over(provider: Provider) -> None:
    """A set may hold more than we understand."""
    provider.extra_keys = [
        7,
        {"kty": "oct", "kid": "s", "k": "AAAA"},
        {**SigningKey("e").public, "use": "enc"},
    ]

    async def ask(keys: ProviderKeys, _: Clock) -> list[str | None]:
        return await ids(keys, "k1", "s", "e")

    assert with_keys(provider, ask) == ["k1", None, None]


def test_the_providers_certificate_is_judged(authority: Authority, tmp_path: Path) -> None:
    """Who could put himself in between could vouch for anybody."""
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text(authority.pem)

    async def ask(keys: ProviderKeys, _: Clock) -> list[str | None]:
        return await ids(keys, "k1")

    with openid_provider(authority.server("localhost")) as provider:
        assert with_keys(provider, ask, ca_file) == ["k1"]
        with pytest.raises(ProviderAwayError):
            with_keys(provider, ask)


@pytest.mark.parametrize(
    ("url", "is_safe"),
    [
        ("https://login.example.com/x", True),
        ("http://127.0.0.1:8080/x", True),
        ("http://login.example.com/x", False),
        ("https://", False),
        ("ftp://login.example.com", False),
        ("http://127.0.0.1.evil.example", False),
    ],
)
def test_keys_come_over_https_or_from_this_machine(url: str, is_safe: bool) -> None:
    """A key that was changed on its way opens the door to everybody."""
    assert is_trustworthy(url) is is_safe
