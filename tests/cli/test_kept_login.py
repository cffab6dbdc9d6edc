import json
import stat
from pathlib import Path

import pytest
import typer

from cli.kept_login import Login, forget_login, keep_login, kept_login, login_file

LOGIN = Login("https://conncheck.example.com", "very-secret-token", Path("/etc/ca.pem"))


@pytest.fixture(autouse=True)
def _own_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_a_login_is_kept_until_it_is_forgotten() -> None:
    """What is forgotten must be gone from the disk."""
    keep_login(LOGIN)
    kept = kept_login()
    was_there, is_there = forget_login(), forget_login()

    assert kept == LOGIN
    assert (was_there, is_there) == (True, False)
    assert kept_login() is None
    assert list(login_file().parent.iterdir()) == []


def test_nobody_else_can_read_it() -> None:
    """The token tests whatever its owner may test."""
    path = keep_login(LOGIN)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert "very-secret-token" not in repr(LOGIN)


def test_a_login_replaces_the_one_before_with_its_mode() -> None:
    """A file that was opened to others must not stay open."""
    keep_login(LOGIN).chmod(0o644)

    path = keep_login(Login("https://other.example.com", "other-token-other"))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert kept_login() == Login("https://other.example.com", "other-token-other")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_file_that_is_open_to_others_is_not_used(
    capsys: pytest.CaptureFixture[str], mode: int
) -> None:
    """Who can write it sends the key pairs of its owner to another server."""
    path = keep_login(LOGIN)
    path.chmod(mode)

    with pytest.raises(typer.Exit):
        kept_login()

    said = capsys.readouterr().err
    assert f"chmod 600 {path}" in said
    assert "very-secret-token" not in said


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", json.dumps({"server": "https://h"})])
def test_a_damaged_file_is_named(capsys: pytest.CaptureFixture[str], content: str) -> None:
    """A traceback would show what is in it."""
    path = keep_login(LOGIN)
    path.write_text(content)

    with pytest.raises(typer.Exit):
        kept_login()

    assert f"{path} is damaged" in capsys.readouterr().err


def test_without_a_home_there_is_no_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers run as user IDs without a name; tests need no home."""
    for name in ("XDG_CONFIG_HOME", "HOME"):
        monkeypatch.delenv(name)

    def nobody(_: int) -> None:
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", nobody)

    assert kept_login() is None
