from pathlib import Path

import pytest
import typer

from cli.service_access import client_for

TOKEN = "token-token-token"


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNCHECK_TOKEN", TOKEN)


def said_by(capsys: pytest.CaptureFixture[str], url: str, file: Path | None = None) -> str:
    with client_for(url, file, None, "en"):
        pass
    return capsys.readouterr().err


@pytest.mark.parametrize("url", ["http://10.1.2.3:8000", "http://conncheck.example.com"])
def test_a_service_without_tls_is_warned_of(capsys: pytest.CaptureFixture[str], url: str) -> None:
    """The key pair is sealed by the service, and not on the way to it."""
    assert "has no TLS" in said_by(capsys, url)


@pytest.mark.parametrize("url", ["https://conncheck.example.com", "http://127.0.0.1:8000"])
def test_where_nobody_is_in_between_nothing_is_said(
    capsys: pytest.CaptureFixture[str], url: str
) -> None:
    """A warning that always comes is read by nobody."""
    assert said_by(capsys, url) == ""


@pytest.mark.parametrize(
    "url",
    ["", "conncheck.example.com", "file:///etc/passwd", "https://", "https://u:p@h", "http://["],
)
def test_what_is_no_url_is_refused(capsys: pytest.CaptureFixture[str], url: str) -> None:
    """A password in it would end up in the title of every test."""
    with pytest.raises(typer.Exit):
        client_for(url, None, None, "en")

    said = capsys.readouterr().err
    assert "is not a URL" in said
    assert "u:p" not in said


@pytest.mark.parametrize("token", ["", " ", "a\r\nHost: h", "höhö"])
def test_what_can_be_no_token_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    """It would become another header, or be refused by a library that quotes it."""
    monkeypatch.setenv("CONNCHECK_TOKEN", token)

    with pytest.raises(typer.Exit):
        client_for("https://h", None, None, "en")

    assert "Host" not in capsys.readouterr().err


def test_a_file_wins_over_the_environment(tmp_path: Path) -> None:
    """What stands in the command line is nearer to what is meant."""
    (tmp_path / "token").write_text("")

    with pytest.raises(typer.Exit):
        client_for("https://h", tmp_path / "token", None, "en")
