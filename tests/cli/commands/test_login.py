"""`conncheck login`: the server and its token are typed once."""

from pathlib import Path

from tests.cli.commanding import SECRET_KEY, conncheck, terminal
from tests.running.service import Service
from tests.stand_ins.zstack import zstack_node


def test_commands_use_the_service_that_was_signed_in_to(service: Service, tmp_path: Path) -> None:
    """A portal's operator tests ten platforms a day on the same service."""
    at = {"XDG_CONFIG_HOME": str(tmp_path)}
    key = {"CONNCHECK_SECRET_KEY": SECRET_KEY}
    with zstack_node() as (_, port):
        a_test = ["test", "zstack", f"127.0.0.1:{port}", "-k", "AKID"]
        signed_in = conncheck("login", service.url, CONNCHECK_TOKEN=service.token, **at)
        tested_there = conncheck(*a_test, **key, **at)
        tested_here = conncheck(*a_test, "--local", **key, **at)
        signed_out = conncheck("logout", **at)
        tested_after = conncheck(*a_test, **key, **at)

    assert signed_in.returncode == 0, signed_in.stderr
    assert service.token not in signed_in.stdout
    assert f"on {service.url}" in tested_there.stdout
    assert "in this process" in tested_here.stdout
    assert signed_out.stdout == "Signed out.\n"
    assert "in this process" in tested_after.stdout


def test_a_token_is_asked_for_and_not_shown(service: Service, tmp_path: Path) -> None:
    """Whoever stands behind its owner must not read it."""
    with terminal("login", service.url, XDG_CONFIG_HOME=str(tmp_path)) as shown:
        shown.wait_for("Token: ")
        shown.type(f"{service.token}\n")
        assert shown.ended() == 0

    assert service.token not in shown.text
    assert service.token in (tmp_path / "conncheck" / "login.json").read_text()


def test_a_token_that_is_not_accepted_is_not_kept(service: Service, tmp_path: Path) -> None:
    """Each later command would fail, and none would say where the token comes from."""
    wrong = "wrong-token-wrong-token"
    made = conncheck("login", service.url, CONNCHECK_TOKEN=wrong, XDG_CONFIG_HOME=str(tmp_path))

    assert made.returncode == 3
    assert made.stderr.startswith(f"conncheck: {service.url} does not accept the token: ")
    assert wrong not in made.stderr
    assert not (tmp_path / "conncheck").exists()


def test_a_token_as_an_argument_is_refused_with_the_other_ways(tmp_path: Path) -> None:
    """It is what everyone tries first, and `ps` would show it."""
    made = conncheck("test", "tcp", "h:1", "--token", "x", XDG_CONFIG_HOME=str(tmp_path))

    assert made.returncode == 2
    assert "set CONNCHECK_TOKEN, give --token-file or use `conncheck login`" in made.stderr
