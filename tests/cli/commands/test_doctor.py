import json
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread

import dns.message
import pytest
from typer.testing import CliRunner

from cli.doctor.machine_checks import machine_checks, resolver_check
from cli.doctor.service_checks import redis_check, service_checks
from cli.main import app
from shared.sealing import new_key_pair
from shared.settings import Settings
from shared.signing import new_signing_pair
from shared.store.connection import connect
from shared.store.health import redis_health
from shared.store.redis_release import RedisRelease
from tests.running.own_redis import OwnRedis
from tests.running.service import Service, environment_of

OTHER_PRIVATE, _ = new_key_pair()
SIGNING, VERIFYING = new_signing_pair()
SIGN, VERIFY = "CONNCHECK_SIGNING_PRIVATE_KEYS", "CONNCHECK_SIGNING_PUBLIC_KEYS"


@contextmanager
def name_server() -> Iterator[str]:
    """Answer every question on loopback; give it as the line of a resolv.conf names it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def answer() -> None:
            while True:
                content, client = server.recvfrom(4096)
                if content == b"end":
                    return
                response = dns.message.make_response(dns.message.from_wire(content))
                server.sendto(response.to_wire(), client)

        thread = Thread(target=answer, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1#{server.getsockname()[1]}"
        finally:
            server.sendto(b"end", server.getsockname())
            thread.join(10)


def doctor(
    tmp_path: Path, *arguments: str, **settings: str
) -> tuple[int, dict[str, dict[str, str]]]:
    """Return the exit status, and what was found by what was looked at."""
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text("# none\n")
    command = ["doctor", "--json", "--resolv-conf", str(resolv_conf), *arguments]
    result = CliRunner().invoke(app, command, env=settings)
    return result.exit_code, {one["name"]: one for one in json.loads(result.stdout)}


def test_a_service_that_is_set_up_well_has_nothing_to_mend(
    service: Service, tmp_path: Path
) -> None:
    """All parts are looked at, with the settings of the real ones."""
    pid = service.part("api --host")
    settings = environment_of(pid)
    private = environment_of(service.part("worker --queue interactive"))
    known = {
        name: settings[name] for name in ("CONNCHECK_REDIS_URL", "CONNCHECK_SEALING_PUBLIC_KEY")
    }
    known["CONNCHECK_SEALING_PRIVATE_KEYS"] = private["CONNCHECK_SEALING_PRIVATE_KEYS"]
    known[SIGN], known[VERIFY] = settings[SIGN], private[VERIFY]

    _, found = doctor(tmp_path, "--server", service.url, CONNCHECK_TOKEN=service.token, **known)

    for name in (
        "sealing keys",
        "signing keys",
        "persistence",
        "interactive workers",
        "bulk workers",
    ):
        assert found[name]["state"] == "ok", found[name]
    assert found["redis"]["state"] != "fail", found["redis"]  # a distribution's may be an old one
    for name in ("clock", "server", "server's clock", "file descriptors"):
        assert found[name]["state"] == "ok", found[name]
    assert known["CONNCHECK_SEALING_PRIVATE_KEYS"] not in json.dumps(found)
    assert known[SIGN] not in json.dumps(found)


def test_a_redis_that_is_away_is_to_be_mended(tmp_path: Path) -> None:
    """And its password is in no line."""
    status, found = doctor(tmp_path, CONNCHECK_REDIS_URL="redis://:hunter2@127.0.0.1:1")

    assert status == 1
    assert found["redis"]["state"] == "fail"
    assert "CONNCHECK_REDIS_URL" in found["redis"]["advice"]
    assert "hunter2" not in json.dumps(found)


def test_keys_that_do_not_fit_are_to_be_mended(tmp_path: Path) -> None:
    """Every test would fail with self.cannot_open."""
    _, public = new_key_pair()
    keys = {
        "CONNCHECK_SEALING_PUBLIC_KEY": public,
        "CONNCHECK_SEALING_PRIVATE_KEYS": OTHER_PRIVATE,
    }

    status, found = doctor(tmp_path, **keys)

    assert status == 1
    assert found["sealing keys"]["state"] == "fail"


@pytest.mark.parametrize(
    ("keys", "state"),
    [
        ({SIGN: SIGNING, VERIFY: VERIFYING}, "ok"),
        ({SIGN: SIGNING, VERIFY: new_signing_pair()[1]}, "fail"),
        ({VERIFY: VERIFYING}, "ok"),
        ({SIGN: SIGNING}, "ok"),
        ({"CONNCHECK_SEALING_PRIVATE_KEYS": OTHER_PRIVATE}, "warn"),
        ({"CONNCHECK_SEALING_PRIVATE_KEYS": OTHER_PRIVATE, SIGN: SIGNING}, "warn"),
        ({"CONNCHECK_SEALING_PUBLIC_KEY": new_key_pair()[1]}, "warn"),
        ({}, "skipped"),
    ],
)
def test_workers_that_verify_no_signatures_are_warned_of(
    tmp_path: Path, keys: dict[str, str], state: str
) -> None:
    """Whoever can write to Redis has them test what was never asked for."""
    _, found = doctor(tmp_path, **keys)

    assert found["signing keys"]["state"] == state


def test_a_machine_without_a_service_is_no_fault(tmp_path: Path) -> None:
    """Tests in this process need neither Redis nor keys."""
    _, found = doctor(tmp_path)

    assert found["redis"]["state"] == "skipped"
    assert found["sealing keys"]["state"] == "skipped"


@pytest.mark.parametrize(
    ("release", "state"),
    [
        (RedisRelease("Redis", "5.0.14"), "failed"),
        (RedisRelease("Redis", "7.0.15"), "warning"),
        (RedisRelease("Redis", "99.0.0"), "passed"),
        (RedisRelease("Valkey", "99.0.0"), "passed"),
        (RedisRelease("Redis", "?"), "passed"),
    ],
)
def test_a_redis_that_is_out_of_support_is_warned_of(
    own_redis: OwnRedis, release: RedisRelease, state: str
) -> None:
    """It has known holes, and holds every result."""
    health = replace(redis_health(own_redis.url), release=release)

    found = redis_check(health)

    assert found.state == state
    assert str(release) in found.found


@pytest.mark.parametrize(
    ("release", "is_told"),
    [
        (RedisRelease("Redis", "6.2.14"), True),
        (RedisRelease("Redis", "7.4.11"), False),
        (RedisRelease("Valkey", "8.1.0"), False),
    ],
)
def test_a_redis_that_other_sites_cannot_use_is_told(
    own_redis: OwnRedis, release: RedisRelease, *, is_told: bool
) -> None:
    """Their workers call functions; the API of a file of sites starts without them."""
    health = replace(redis_health(own_redis.url), release=release, evicts=False)

    found = redis_check(health, has_sites=True)

    assert ("Redis 7 or newer" in found.advice) == is_told
    assert found.state == ("warning" if is_told else "passed")
    assert "functions" not in redis_check(health).found


def test_a_redis_without_workers_and_without_a_file_is_told(own_redis: OwnRedis) -> None:
    """Each of it would be noticed by its victims first."""
    with connect(own_redis.url) as redis:
        redis.config_set("appendonly", "no")
        redis.config_set("save", "")
        redis.config_set("maxmemory-policy", "allkeys-lru")
    settings = Settings.model_validate({"redis_url": own_redis.url})

    found = {check.name: check for check in service_checks(settings)}

    assert found["persistence"].state == "warning"
    assert found["redis"].state == "failed"
    assert "evicts jobs" in found["redis"].found
    assert found["interactive workers"].state == "failed"
    assert found["bulk workers"].state == "warning"
    assert found["clock"].state == "passed"


def test_name_servers_are_asked_one_by_one(tmp_path: Path) -> None:
    """The second one helps nobody whose resolver asks the first."""
    with name_server() as alive:
        assert resolver_check(alive, "").state == "passed"
    silent = resolver_check("127.0.0.1#1", "Open port 53.")

    assert (silent.state, silent.advice) == ("failed", "Open port 53.")


def test_a_machine_that_names_no_name_server_is_told(tmp_path: Path) -> None:
    """No name can be looked up then."""
    empty = tmp_path / "resolv.conf"
    empty.write_text("")

    found = {check.name: check for check in machine_checks(Settings(), empty)}

    assert found["resolver"].state == "failed"
    assert str(empty) in found["resolver"].found
    assert found["egress address"].state in ("passed", "warning")


def test_too_few_file_descriptors_are_told(tmp_path: Path) -> None:
    """Tests would fail with a cause that looks like a fault of the network."""
    settings = Settings.model_validate({"worker_slots": 2000})
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    found = {c.name: c for c in machine_checks(settings, tmp_path / "none")}["file descriptors"]

    assert found.state == ("warning" if hard < 6100 else "passed")
    assert "6100" in found.found + found.advice
