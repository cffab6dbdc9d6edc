from pathlib import Path

import pytest
import typer

from cli.kept_login import Login, keep_login
from cli.service_access import ServerChoice, Where, WhereOptions

TOKEN = "token-token-token"
HERE = "https://conncheck.example.com"
ELSEWHERE = "https://elsewhere.example.com"


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CONNCHECK_TOKEN", TOKEN)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def chosen(server: str | None, **options: object) -> ServerChoice | None:
    return WhereOptions(server, None, None, **options).chosen().server  # type: ignore[arg-type]


def said_by(capsys: pytest.CaptureFixture[str], url: str) -> str:
    with ServerChoice(url, TOKEN, None).client("en"):
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
        ServerChoice(url, TOKEN, None).client("en")

    said = capsys.readouterr().err
    assert "is not a URL" in said
    assert "u:p" not in said


@pytest.mark.parametrize("token", ["", " ", "a\r\nHost: h", "höhö"])
def test_what_can_be_no_token_is_refused(capsys: pytest.CaptureFixture[str], token: str) -> None:
    """It would become another header, or be refused by a library that quotes it."""
    with pytest.raises(typer.Exit):
        ServerChoice("https://h", token, None).client("en")

    assert "Host" not in capsys.readouterr().err


def test_a_file_wins_over_the_environment(tmp_path: Path) -> None:
    """What stands in the command line is nearer to what is meant."""
    (tmp_path / "token").write_text("of the file")

    where = WhereOptions(HERE, tmp_path / "token", None).chosen()

    assert where.server == ServerChoice(HERE, "of the file", None)


def test_without_a_server_and_a_login_tests_run_in_this_process() -> None:
    """It is the way that needs nothing."""
    assert WhereOptions(None, None, None).chosen() == Where([], None)


def test_a_login_is_used_until_a_local_test_is_asked_for() -> None:
    """Nobody wants to type the server and the token again and again."""
    keep_login(Login(HERE, "kept", Path("/ca.pem")))

    assert chosen(None) == ServerChoice(HERE, "kept", Path("/ca.pem"))
    assert chosen(None, is_local=True) is None


def test_a_login_s_token_is_shown_to_no_other_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped --server would get it."""
    monkeypatch.delenv("CONNCHECK_TOKEN")
    keep_login(Login(HERE, "kept"))

    assert chosen(f"{HERE}/") == ServerChoice(f"{HERE}/", "kept", None)
    assert chosen(ELSEWHERE) == ServerChoice(ELSEWHERE, "", None)


def test_networks_are_allowed_in_this_process_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """On the server the option would be ignored, and the test refused."""
    keep_login(Login(HERE, "kept"))

    with pytest.raises(typer.Exit):
        chosen(None, allow_network=["10.0.0.0/8"])

    assert f"needs --local: you are signed in to {HERE}" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_that_is_none_of_authorities_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str | None
) -> None:
    """The one of a kept login may be gone meanwhile."""
    file = tmp_path / "ca.pem"
    if content:
        file.write_text(content)

    with pytest.raises(typer.Exit):
        ServerChoice(HERE, TOKEN, file).client("en")

    assert str(file) in capsys.readouterr().err
