from pathlib import Path

import pytest

from shared.policy.token_file import Limits, TenantEntry, TokenFile, new_entry
from shared.policy.watched_tokens import NoTokens, WatchedTokens

DIGEST = "ab" * 32


def test_a_token_is_revoked_with_the_next_call(tmp_path: Path) -> None:
    """A token that leaked has to end at once, not within a second."""
    path = tmp_path / "tokens.json"
    first = TokenFile(tokens=(new_entry("a", DIGEST),))
    first.write(path)
    watched = WatchedTokens(path)

    assert watched.entries() == first.tokens
    first.without("a").write(path)
    assert watched.entries() == ()


def test_a_file_that_is_written_twice_in_a_moment_is_read_twice(tmp_path: Path) -> None:
    """Two changes within one tick of the clock look alike from outside."""
    path = tmp_path / "tokens.json"
    one, other = (TokenFile(tokens=(new_entry(name, DIGEST),)) for name in "ab")
    one.write(path)
    watched = WatchedTokens(path)
    texts = [file.model_dump_json(by_alias=True) for file in (one, other)]

    for n in range(50):
        path.write_text(texts[n % 2])  # in place: the same inode and the same size
        assert [entry.name for entry in watched.entries()] == ["ab"[n % 2]]


def test_a_broken_file_changes_nothing_and_is_complained_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A typing error must lock nobody out, nor fill the log with each call."""
    path = tmp_path / "tokens.json"
    first = TokenFile(tokens=(new_entry("a", DIGEST),))
    first.write(path)
    watched = WatchedTokens(path)

    path.write_text("{")
    assert [watched.entries() for _ in range(3)] == [first.tokens] * 3
    assert caplog.text.count("unchanged=true") == 1
    path.unlink()
    assert [watched.entries() for _ in range(3)] == [first.tokens] * 3
    assert caplog.text.count("unchanged=true") == 2
    first.without("a").write(path)
    assert watched.entries() == ()


def test_a_tenant_of_web_tokens_has_the_limits_that_the_file_gives_it(tmp_path: Path) -> None:
    """Those who come by the OpenID provider are no less limited than others."""
    path = tmp_path / "tokens.json"
    TokenFile(tenants=(TenantEntry(tenant="oidc:acme", tests_per_minute=5),)).write(path)
    watched = WatchedTokens(path)

    assert watched.limits_of("oidc:acme").tests_per_minute == 5
    assert watched.limits_of("oidc:other") == NoTokens().limits_of("oidc:acme") == Limits()
