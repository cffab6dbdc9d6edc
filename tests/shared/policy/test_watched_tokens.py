from pathlib import Path

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


def test_a_tenant_of_web_tokens_has_the_limits_that_the_file_gives_it(tmp_path: Path) -> None:
    """Those who come by the OpenID provider are no less limited than others."""
    path = tmp_path / "tokens.json"
    TokenFile(tenants=(TenantEntry(tenant="oidc:acme", tests_per_minute=5),)).write(path)
    watched = WatchedTokens(path)

    assert watched.limits_of("oidc:acme").tests_per_minute == 5
    assert watched.limits_of("oidc:other") == NoTokens().limits_of("oidc:acme") == Limits()
