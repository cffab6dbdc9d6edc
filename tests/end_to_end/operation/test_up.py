"""`conncheck up`: everything on one machine, and nothing of it left behind."""

import os
import re
import select
import signal
import stat
import subprocess
from pathlib import Path

import httpx

from cli.service.embedded_redis import redis_server
from cli.service.kept_secrets import kept_key_pair
from tests.cli.commanding import terminal
from tests.running.service import (
    children_of,
    command_of,
    environment_of,
    is_running,
    poll,
    running_service,
    start,
    stopped,
)
from tests.stand_ins.zstack import zstack_node

SILENT_S = 0.5  # ten times as long as `up` takes to look again


def test_a_term_signal_leaves_no_process(tmp_path: Path) -> None:
    """Whoever starts it in a script must be able to end it."""
    with running_service(tmp_path) as service:
        children = children_of(service.process.pid)
        assert len(children) == 4
    assert service.process.returncode == 0

    assert [pid for pid in children if is_running(pid)] == []


def test_it_says_which_redis_it_runs(tmp_path: Path) -> None:
    """It may be the machine's own or the wheel's, and one alone is updated with the system."""
    with running_service(tmp_path) as service:
        said = service.log_text()

    assert re.search(rf"the Redis is (Redis|Valkey) \d+\.\d+\S*, {redis_server()}", said)


def test_a_killed_parent_leaves_no_process(tmp_path: Path) -> None:
    """A forgotten worker would go on testing."""
    with running_service(tmp_path) as service:
        children = children_of(service.process.pid)
        service.process.kill()
        service.process.wait()

        poll(lambda: not any(is_running(pid) for pid in children))


def test_each_part_that_dies_is_started_again(tmp_path: Path) -> None:
    """A crash at night must not need a person."""
    with running_service(tmp_path) as service, zstack_node() as (_, port):
        dead = [service.part(name) for name in ("cli worker", "cli api", "redis.sock")]
        for pid in dead:
            os.kill(pid, signal.SIGKILL)
        poll(lambda: len(set(children_of(service.process.pid)) - set(dead)) == 4)
        poll(service.is_ready)

        assert service.test(f"127.0.0.1:{port}").json()["success"] is True


def test_it_is_ready_only_when_batches_can_be_tested_too(tmp_path: Path) -> None:
    """A script's first call may be a batch, and a 503 would end it."""
    arguments = ["up", "--port", "0", "--data-dir", str(tmp_path)]
    with start(arguments, {}, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        with stopped(part_of(process, "worker --queue bulk")):
            url = api_url(part_of(process, "cli api"))
            poll(lambda: served(url) == ["interactive"])
            said_too_early, _, _ = select.select([process.stdout], [], [], SILENT_S)
        assert process.stdout.readline().startswith(f"conncheck ready url={url} ")
        assert served(url) == ["interactive", "bulk"]
        process.terminate()

    assert not said_too_early


def part_of(process: subprocess.Popen[str], name: str) -> int:
    """Return the process id of a part as soon as it has been started."""
    found: list[int] = []

    def is_found() -> bool:
        found[:] = [pid for pid in children_of(process.pid) if name in command_of(pid)]
        return bool(found)

    poll(is_found)
    return found[0]


def api_url(pid: int) -> str:
    """Return where an API was told to listen."""
    return f"http://127.0.0.1:{command_of(pid).split('--port ')[1].split()[0]}"


def served(url: str) -> list[str]:
    """Return the queues that an API says are served, none while it does not answer."""
    try:
        return list(httpx.get(f"{url}/readyz", trust_env=False).json().get("queues", []))
    except httpx.TransportError:
        return []


def test_no_part_knows_more_than_it_needs(tmp_path: Path) -> None:
    """A broken-in API must not open what others sent, a broken-in worker must not call it."""
    with running_service(tmp_path, CONNCHECK_METRICS_TOKEN="prometheus") as service:
        api = environment_of(service.part("cli api"))
        worker = environment_of(service.part("cli worker"))
        redis = environment_of(service.part("redis.sock"))

    assert "CONNCHECK_SEALING_PRIVATE_KEYS" not in api
    assert "CONNCHECK_SEALING_PUBLIC_KEY" in api
    assert "CONNCHECK_METRICS_TOKEN" in api
    assert not any("TOKEN" in name for name in worker)
    assert "CONNCHECK_SEALING_PRIVATE_KEYS" in worker
    assert "CONNCHECK_SIGNING_PRIVATE_KEYS" in api
    assert "CONNCHECK_SIGNING_PRIVATE_KEYS" not in worker
    assert worker["CONNCHECK_SIGNING_PUBLIC_KEYS"]
    assert not any("KEY" in name or "TOKEN" in name for name in redis)


def test_redis_is_private(tmp_path: Path) -> None:
    """Whoever reaches Redis reads every result."""
    with running_service(tmp_path) as service:
        command = command_of(service.part("redis.sock"))
        socket = Path(command.split(":")[-1].split()[0])

        assert "unixsocket" in command
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(service.data_dir.stat().st_mode) == 0o700
        for name in ("sealing.key", "signing.key"):
            assert stat.S_IMODE((service.data_dir / name).stat().st_mode) == 0o600


def test_a_second_one_on_the_same_data_is_refused(tmp_path: Path) -> None:
    """Two Redis servers on one file would destroy it."""
    with running_service(tmp_path) as service:
        arguments = ["up", "--port", "0", "--data-dir", str(service.data_dir)]
        with start(arguments, {}, stderr=subprocess.PIPE) as second:
            _, said = second.communicate(timeout=30)

    assert second.returncode == 2
    assert "another `conncheck up` is using" in said


def test_one_after_a_killed_one_waits_for_the_end_of_its_redis(tmp_path: Path) -> None:
    """That takes a moment, in which the jobs would be written by two."""
    with running_service(tmp_path) as service:
        redis = service.part("redis.sock")
        os.kill(redis, signal.SIGSTOP)
        service.process.kill()
        service.process.wait()
        arguments = ["up", "--port", "0", "--data-dir", str(service.data_dir)]
        try:
            with start(arguments, {}, stderr=subprocess.PIPE) as second:
                _, said = second.communicate(timeout=60)
        finally:
            os.kill(redis, signal.SIGCONT)
        poll(lambda: not is_running(redis))

    assert "another `conncheck up` is using" in said


def test_a_taken_port_is_said_and_ends_it(tmp_path: Path) -> None:
    """Starting again and again would hide what is wrong."""
    with running_service(tmp_path) as service:
        port = service.url.rpartition(":")[2]
        arguments = ["up", "--port", port, "--data-dir", str(tmp_path / "other")]
        with start(arguments, {}, stderr=subprocess.PIPE) as second:
            _, said = second.communicate(timeout=60)

    assert second.returncode == 2
    assert f"can't listen on 127.0.0.1 port {port}" in said


def test_a_given_token_is_the_one_that_counts(tmp_path: Path) -> None:
    """Tools pass their own."""
    arguments = ["up", "--port", "0", "--data-dir", str(tmp_path), "--token", "my-token"]
    with start(arguments, {}, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        assert process.stdout.readline().endswith(" token=my-token\n")
        process.terminate()


def test_a_configured_token_is_not_printed(tmp_path: Path) -> None:
    """The operator's own secret does not belong on a screen."""
    arguments = ["up", "--port", "0", "--data-dir", str(tmp_path)]
    settings = {"CONNCHECK_TOKENS": "me:very-secret"}
    with start(arguments, settings, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        assert "very-secret" not in process.stdout.readline()
        process.terminate()


def test_the_screen_says_that_it_is_one_machine_only(tmp_path: Path) -> None:
    """Nobody should run this mode for a company by mistake."""
    with running_service(tmp_path) as service:
        assert "single-machine mode" in service.log_text()


def test_ready_names_the_queues_that_are_served(tmp_path: Path) -> None:
    """Without a worker for batches, single tests go on: the API must stay in its proxy's list."""
    with running_service(tmp_path) as service:
        assert served(service.url) == ["interactive", "bulk"]
        with stopped(service.part("worker --queue bulk")):
            poll(lambda: served(service.url) == ["interactive"])
            assert service.is_ready()


def test_a_terminal_shows_how_to_use_it_and_no_log(tmp_path: Path) -> None:
    """The first thing that a new user sees must not be a page of JSON."""
    data_dir = tmp_path / "data"
    with terminal("up", "--port", "0", "--data-dir", str(data_dir)) as shown:
        shown.wait_for("Press Ctrl-C to stop it")
        shown.interrupt()
        assert shown.ended() == 0

    log = data_dir / "conncheck.log"
    assert re.search(r"URL +http://127\.0\.0\.1:\d+\s", shown.text)
    assert re.search(r"Token +[\w-]{20,}\s", shown.text)
    assert str(log) in shown.text
    assert '"level"' not in shown.text
    assert '"level"' in log.read_text()
    assert "the Redis is " in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_terminal_shows_the_log_if_it_is_asked_to(tmp_path: Path) -> None:
    """Whoever looks for a fault wants to see it as it comes."""
    with terminal("up", "--verbose", "--port", "0", "--data-dir", str(tmp_path)) as shown:
        shown.wait_for("Press Ctrl-C to stop it")
        shown.interrupt()
        assert shown.ended() == 0

    assert '"level"' in shown.text
    assert not (tmp_path / "conncheck.log").exists()


def test_the_log_of_the_start_before_is_kept(tmp_path: Path) -> None:
    """After a crash the next start must not wipe out why."""
    (tmp_path / "conncheck.log").write_text("of yesterday")
    with terminal("up", "--port", "0", "--data-dir", str(tmp_path)) as shown:
        shown.wait_for("Press Ctrl-C to stop it")
        shown.interrupt()
        shown.ended()

    assert (tmp_path / "conncheck.log.1").read_text() == "of yesterday"
    assert "of yesterday" not in (tmp_path / "conncheck.log").read_text()


def test_the_token_stays_the_same_with_the_same_data(tmp_path: Path) -> None:
    """It is in scripts, and in the browser of whoever has restarted the service."""
    with running_service(tmp_path) as service:
        first = service.token
    with running_service(tmp_path) as service:
        second = service.token

    assert first == second
    assert stat.S_IMODE((service.data_dir / "token").stat().st_mode) == 0o600


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Only "Permission denied" sends people to search the whole disk."""
    (file := tmp_path / "file").touch()
    arguments = ["up", "--port", "0", "--data-dir", str(file / "data")]
    with start(arguments, {}, stderr=subprocess.PIPE) as process:
        _, said = process.communicate(timeout=30)

    assert process.returncode == 2
    assert said == f"conncheck: can't start: {file / 'data'}: Not a directory\n"


def test_jobs_of_a_version_that_signed_none_still_run(tmp_path: Path) -> None:
    """They wait in Redis while the operator puts the new version in its place."""
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    kept_key_pair(data_dir / "sealing.key")  # as the version before has left it

    found = []
    for _ in range(2):
        with running_service(tmp_path) as service:
            worker = environment_of(service.part("cli worker"))
            found.append("CONNCHECK_SIGNING_PUBLIC_KEYS" in worker)

    assert found == [False, True]
