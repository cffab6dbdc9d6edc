import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.products import PRODUCTS
from shared.token_file import LOOK_AGAIN_S, TokenFile, WatchedTokens, new_entry, usual_ports

DIGEST = "ab" * 32


def test_a_file_that_was_written_is_read_back(tmp_path: Path) -> None:
    """Revoking one token must not change another."""
    path = tmp_path / "tokens.json"
    kept = TokenFile(tokens=(new_entry("ci", DIGEST, tenant="acme", scopes=("bulk",)),))

    kept.write(path)

    assert TokenFile.read(path) == kept
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_token_without_ports_may_use_those_of_the_products_alone() -> None:
    """A token that was made without a thought must not be one for scanning."""
    entry = new_entry("ci", DIGEST)

    assert entry.policy.ports == usual_ports()
    assert {80, 443, *(product.default_port for product in PRODUCTS.values())} <= set(usual_ports())
    assert 22 not in usual_ports()


def test_a_name_stands_in_the_file_once() -> None:
    """Two tokens of one name could not be told apart when one is revoked."""
    first = TokenFile(tokens=(new_entry("a", DIGEST), new_entry("b", DIGEST)))

    again = first.with_token(new_entry("a", "cd" * 32))

    assert [(one.name, one.sha256[:2]) for one in again.tokens] == [("b", "ab"), ("a", "cd")]
    assert again.without("a").tokens == first.without("a").tokens


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"tokens":[{"name":"x","sha256":"hunter2"}]}',
        '{"tokens":[{"name":"x","sha256":"' + DIGEST + '","token":"hunter2"}]}',
        '{"tokens":[{"name":"x","sha256":"' + DIGEST + '","scopes":["hunter2"]}]}',
    ],
)
def test_a_file_that_is_wrong_is_refused_without_repeating_it(tmp_path: Path, content: str) -> None:
    """Somebody may have put the token itself where its hash belongs."""
    path = tmp_path / "tokens.json"
    path.write_text(content)

    with pytest.raises(ValueError, match=str(path)) as raised:
        TokenFile.read(path)

    assert "hunter2" not in str(raised.value)


def eventually(condition: Callable[[], bool]) -> None:
    """Look again until `condition` holds: a watched file is looked at once in a while."""
    give_up_at_s = time.monotonic() + 10 * LOOK_AGAIN_S
    while not condition():
        assert time.monotonic() < give_up_at_s
        time.sleep(LOOK_AGAIN_S / 20)


def test_a_changed_file_is_seen_and_a_broken_one_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A revoked token must die without a restart; a typing error must lock nobody out."""
    path = tmp_path / "tokens.json"
    first = TokenFile(tokens=(new_entry("a", DIGEST),))
    first.write(path)
    watched = WatchedTokens(path)

    path.write_text("{")
    eventually(lambda: watched.entries() == first.tokens and "error=" in caplog.text)
    path.unlink()
    assert watched.entries() == first.tokens
    first.without("a").write(path)
    eventually(lambda: watched.entries() == ())
