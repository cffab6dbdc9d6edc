import stat
from pathlib import Path

import pytest

from cli.service.kept_secrets import NotKeptError, kept_key_pair, kept_signing_pair, kept_token


def test_what_was_made_is_kept(tmp_path: Path) -> None:
    """Jobs that wait were sealed with the key, and scripts hold the token."""
    assert kept_key_pair(tmp_path / "key") == kept_key_pair(tmp_path / "key")
    assert kept_token(tmp_path / "token") == kept_token(tmp_path / "token")
    assert kept_signing_pair(tmp_path / "sign") == kept_signing_pair(tmp_path / "sign")


def test_others_can_read_neither(tmp_path: Path) -> None:
    """Whoever has the key opens every job that waits."""
    kept_key_pair(tmp_path / "key")
    kept_token(tmp_path / "token")
    kept_signing_pair(tmp_path / "sign")

    modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert modes == {0o600}


def test_a_start_that_was_killed_leaves_nothing_half_written(tmp_path: Path) -> None:
    """The next start would end with an error that nobody has caused."""
    (tmp_path / "token.new").write_text("half")

    assert kept_token(tmp_path / "token") != "half"
    assert not (tmp_path / "token.new").exists()


@pytest.mark.parametrize("content", ["", "short", "a,b:c" * 10, "with a space in the middle"])
def test_a_file_that_holds_no_token_is_named(tmp_path: Path, content: str) -> None:
    """A comma in it would make two tokens of one."""
    (tmp_path / "token").write_text(content)

    with pytest.raises(NotKeptError, match=r"token has no valid token; delete it"):
        kept_token(tmp_path / "token")


def test_a_file_that_holds_no_key_is_named(tmp_path: Path) -> None:
    """Jobs that were sealed with another key can't be opened."""
    (tmp_path / "key").write_text("no key")

    for kept in (kept_key_pair, kept_signing_pair):
        with pytest.raises(NotKeptError, match=r"key has no valid key; delete it"):
            kept(tmp_path / "key")
