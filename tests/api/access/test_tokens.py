from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from api.access.tokens import Tokens
from shared.policy.token_file import TokenFile, new_entry
from shared.policy.watched_tokens import WatchedTokens

TOKEN = "hunter2-hunter2"
DIGEST = sha256(TOKEN.encode()).hexdigest()


def tokens(*entries: str) -> Tokens:
    return Tokens([SecretStr(entry) for entry in entries])


def name_of(known: Tokens, authorization: str | None) -> str | None:
    caller = known.caller_of(authorization)
    return caller.name if caller else None


@pytest.mark.parametrize(
    "entry", [f"alice:{TOKEN}", f"alice:sha256:{DIGEST}", f"alice:sha256:{DIGEST.upper()}"]
)
def test_a_token_names_its_owner(entry: str) -> None:
    """With the hash alone, a configuration that is read by others gives no access."""
    caller = tokens(entry).caller_of(f"Bearer {TOKEN}")

    assert caller
    assert caller.name == "alice"
    assert caller.token.get_secret_value() == TOKEN


def test_only_the_operators_own_tokens_count_for_no_tenant(tmp_path: Path) -> None:
    """Those of the file are handed to others, whatever limits they have."""
    path = tmp_path / "tokens.json"
    TokenFile().with_token(new_entry("acme", DIGEST, tenant="umbrella")).write(path)
    known = Tokens([SecretStr("alice:another-token")], WatchedTokens(path))

    own, other = known.caller_of("Bearer another-token"), known.caller_of(f"Bearer {TOKEN}")

    assert own
    assert (own.is_operators, own.share_of) == (True, "")
    assert other
    assert (other.is_operators, other.share_of) == (False, "umbrella")


def test_the_operators_own_tokens_may_use_all_sites(tmp_path: Path) -> None:
    """A token that somebody was given may use those that its entry names."""
    path = tmp_path / "tokens.json"
    at_fra1 = {"fra1": {"networks": ["10.20.0.0/16"]}}
    entry = new_entry("acme", DIGEST, sites=("default", "fra1"), site_policies=at_fra1)
    TokenFile().with_token(entry).write(path)
    known = Tokens([SecretStr("alice:another-token")], WatchedTokens(path), (9443,))

    own, other = known.caller_of("Bearer another-token"), known.caller_of(f"Bearer {TOKEN}")

    assert own
    assert own.may_use("sin1")
    assert other
    assert (other.may_use("fra1"), other.may_use("sin1")) == (True, False)
    assert [str(one) for one in other.policy_at("fra1").networks] == ["10.20.0.0/16"]
    assert 9443 in other.policy_at("fra1").ports
    assert other.policy_at("default").networks == ()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer ", "bEaReR  "])
def test_the_scheme_is_case_insensitive(scheme: str) -> None:
    """RFC 9110 11.1; clients spell it as they like."""
    assert name_of(tokens(f"alice:{TOKEN}"), f"{scheme} {TOKEN}") == "alice"


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        " ",
        "Bearer",
        "Bearer ",
        TOKEN,
        f"Basic {TOKEN}",
        f"Token {TOKEN}",
        f"Bearer:{TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN.upper()}",
        f"Bearer alice:{TOKEN}",
        f"Bearer {DIGEST}",
        f"Bearer sha256:{DIGEST}",
        f"Bearer {TOKEN}, Bearer {TOKEN}",
        f"Bearer {TOKEN}\0",
    ],
)
def test_anything_else_names_nobody(authorization: str | None) -> None:
    """Knowing the hash is not knowing the token, and another scheme is another language."""
    both = tokens(f"alice:{TOKEN}", f"bob:sha256:{DIGEST[::-1]}")

    assert both.caller_of(authorization) is None


@given(st.text())
def test_whatever_is_sent_names_nobody_without_an_error(authorization: str) -> None:
    """A stranger must not get a 500 where another one gets a 401."""
    known = tokens(f"alice:{TOKEN}")

    assert known.caller_of(authorization) is None
    assert known.caller_of(f"Bearer {authorization}") is None


def test_each_token_names_its_own_owner() -> None:
    """Jobs are shown to their owner alone."""
    known = tokens("alice:one", "bob:two", "alice:three", "carol:with:colons")

    named = [name_of(known, f"Bearer {token}") for token in ("one", "two", "three", "with:colons")]

    assert named == ["alice", "bob", "alice", "carol"]


def test_without_tokens_nobody_is_known() -> None:
    """An empty setting must not mean that everybody may."""
    assert tokens().caller_of("Bearer ") is None
    assert tokens().caller_of(f"Bearer {TOKEN}") is None


@pytest.mark.parametrize(
    "entry",
    [
        TOKEN,
        f":{TOKEN}",
        f"{TOKEN}:",
        ":",
        f"alice:sha256:{TOKEN}",
        f"alice:sha256:{DIGEST[:-2]}",
        f"alice:sha256:{DIGEST}00",
        "alice:sha256:",
        f"alice: {TOKEN}",
        f"alice: sha256:{DIGEST}",
        f"alice:{TOKEN} {TOKEN}",
        f"alice:{TOKEN}\t",
        f"alice:{TOKEN}\0",
        f"alice:{TOKEN}\N{LATIN SMALL LETTER E WITH ACUTE}",
        f"alice:{TOKEN}\N{NO-BREAK SPACE}",
    ],
)
def test_a_malformed_entry_is_refused_at_the_start_and_not_shown(entry: str) -> None:
    """It may be a token whose name was forgotten, or one that no header can carry."""
    with pytest.raises(ValueError, match="CONNCHECK_TOKENS") as raised:
        tokens(f"bob:{TOKEN}", entry)

    assert TOKEN not in str(raised.value)
    assert DIGEST[:8] not in str(raised.value)
