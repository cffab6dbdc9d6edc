import asyncio
import re
import signal
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from shared.sealing import Opener, Sealer, public_key_of
from shared.settings import PREFIX, setting_names
from shared.signing import Signer, Verifier, new_signing_pair
from shared.stop_signals import STOP_SIGNALS
from shared.store.connection import connect, connect_async
from shared.store.gate import RedisGate
from shared.store.site_functions import SiteFunctions
from shared.store.site_keys import SiteKeys
from tests.running.own_redis import OwnRedis
from tests.running.service import poll, start

SECRET = "hunter2-hunter2"
REDIS = {"CONNCHECK_REDIS_URL": "redis://127.0.0.1:1"}
PRIVATE = b64encode(bytes(range(32))).decode()
PUBLIC = public_key_of(PRIVATE)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in setting_names():
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    """Have no later child of the tests deaf to SIGTERM: a part holds it, and children inherit."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, held)


def output_of(*arguments: str, **settings: str) -> str:
    """Return what the command prints, run in this process."""
    result = CliRunner().invoke(app, arguments, env={**settings})
    assert result.exit_code == 0, result.output
    return result.stdout


def refusal_of(command: str, settings: dict[str, str], *arguments: str) -> str:
    """Return the one sentence with which the real command ends, with status 2."""
    with start([command, *arguments], settings, stderr=subprocess.PIPE) as process:
        printed, said = process.communicate(timeout=60)
    assert process.returncode == 2, said
    assert printed == ""
    lines: list[str] = said.strip().splitlines()
    assert len(lines) == 1, said
    return lines[0]


def test_every_setting_is_shown_with_its_value() -> None:
    """An operator has to see what the process sees, defaults included."""
    lines = output_of("settings", CONNCHECK_JOB_DEADLINE_S="12").splitlines()

    assert [line.partition("=")[0] for line in lines] == list(setting_names())
    assert "CONNCHECK_JOB_DEADLINE_S=12.0" in lines
    assert "CONNCHECK_RESULT_TTL_S=86400" in lines
    assert "CONNCHECK_CA_FILE=" in lines


def test_the_version_is_told() -> None:
    """It is the first question of whoever is asked for help."""
    assert output_of("--version") == f"conncheck {version('conncheck')}\n"


def test_lists_are_shown_as_they_are_set() -> None:
    """What is printed can be put into an environment file as it is."""
    networks = "CONNCHECK_ALLOWED_NETWORKS=10.0.0.0/8,::1/128"

    shown = output_of("settings", CONNCHECK_ALLOWED_NETWORKS="10.0.0.0/8, ::1/128")

    assert networks in shown.splitlines()


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("REDIS_URL", f"redis://:{SECRET}@h", "**********"),
        ("BROKER_URL", f"amqp://guest:{SECRET}@h", "**********"),
        ("TOKENS", f"alice:{SECRET},bob:{SECRET}", "**********,**********"),
        ("SEALING_PRIVATE_KEYS", f"{PRIVATE},{PRIVATE}", "**********,**********"),
        ("SIGNING_PRIVATE_KEYS", PRIVATE, "**********"),
    ],
)
def test_a_secret_is_shown_to_be_set_and_no_more(name: str, value: str, shown: str) -> None:
    """The output is what people paste into tickets."""
    printed = output_of("settings", **{PREFIX + name: value})

    assert f"{PREFIX}{name}={shown}" in printed.splitlines()
    assert SECRET not in printed
    assert PRIVATE not in printed


def test_the_help_names_every_setting_and_says_what_it_is_for() -> None:
    """The program must explain itself on a machine without this repository."""
    words = re.sub(r"\s+", " ", output_of("settings", "--help"))

    for name, text in setting_names().items():
        assert name in words
        assert text[:20] in words


def test_the_help_names_every_command() -> None:
    """It is the first thing that anybody types."""
    shown = output_of("--help")

    for command in ("up", "api", "worker", "keys", "settings"):
        assert re.search(rf"\b{command}\b", shown)


def test_keys_are_a_pair_and_can_be_set_as_they_are_printed() -> None:
    """They go into two environment files, one for the API and one for the workers."""
    printed = dict(line.split("=", 1) for line in output_of("keys").splitlines())

    sealed = Sealer(printed["CONNCHECK_SEALING_PUBLIC_KEY"]).seal(b"content", "4f2a")
    opener = Opener([printed["CONNCHECK_SEALING_PRIVATE_KEYS"]])
    assert opener.open(sealed, "4f2a") == b"content"
    signature = Signer([printed["CONNCHECK_SIGNING_PRIVATE_KEYS"]]).sign(b"job")
    assert Verifier([printed["CONNCHECK_SIGNING_PUBLIC_KEYS"]]).is_signed(b"job", signature)
    assert printed.keys() <= setting_names().keys()


def test_keys_are_new_each_time() -> None:
    """A pair that two companies share opens the messages of both."""
    assert output_of("keys") != output_of("keys")


@pytest.mark.parametrize("command", ["api", "worker"])
def test_without_redis_a_part_says_what_to_set(command: str) -> None:
    """A stack trace would be searched for in vain."""
    said = refusal_of(command, {})

    assert "CONNCHECK_REDIS_URL" in said
    assert "conncheck up" in said


@pytest.mark.parametrize("key", [{}, {"CONNCHECK_SEALING_PUBLIC_KEY": ""}])
def test_the_api_needs_a_public_key(key: dict[str, str]) -> None:
    """Without it every call would fail instead of the start."""
    said = refusal_of("api", {**REDIS, **key})

    assert "CONNCHECK_SEALING_PUBLIC_KEY" in said
    assert "conncheck keys" in said


def test_the_api_needs_the_sites_that_rules_name(tmp_path: Path) -> None:
    """Else the endpoints of such a rule would be tested from elsewhere."""
    file = tmp_path / "sites.json"
    file.write_text("{}")
    key, rules = (
        {"CONNCHECK_SEALING_PUBLIC_KEY": PUBLIC},
        {"CONNCHECK_SITE_RULES": "fra1=10.0.0.0/8"},
    )

    without = refusal_of("api", {**REDIS, **key, **rules})
    undeclared = refusal_of("api", {**REDIS, **key, **rules, "CONNCHECK_SITES_FILE": str(file)})

    assert "the site fra1, but CONNCHECK_SITES_FILE is not set" in without
    assert f"the site fra1, but {file} does not declare it" in undeclared


@pytest.mark.parametrize("keys", [{}, {"CONNCHECK_SEALING_PRIVATE_KEYS": " , "}])
def test_the_worker_needs_private_keys(keys: dict[str, str]) -> None:
    """Without one it would take jobs and fail each of them."""
    said = refusal_of("worker", {**REDIS, **keys})

    assert "CONNCHECK_SEALING_PRIVATE_KEYS" in said
    assert "conncheck keys" in said


def test_a_worker_of_a_site_needs_the_keys_that_verify_jobs() -> None:
    """Its Redis is reached from elsewhere, and it must not test what others write there."""
    keys = {"CONNCHECK_SEALING_PRIVATE_KEYS": PRIVATE, "CONNCHECK_SITE": "fra1"}

    said = refusal_of("worker", {**REDIS, **keys})

    assert "CONNCHECK_SIGNING_PUBLIC_KEYS" in said
    assert "as `conncheck sites add` has printed it" in said


def test_a_worker_of_a_site_is_not_given_a_pair_of_its_own() -> None:
    """The API seals for the key that it was declared with, and for no other."""
    said = refusal_of("worker", {**REDIS, "CONNCHECK_SITE": "fra1"})

    assert "CONNCHECK_SEALING_PRIVATE_KEYS" in said
    assert "`conncheck sites add` has printed it" in said
    assert "creates a pair" not in said


def test_up_is_given_both_keys_that_sign_jobs_or_neither(tmp_path: Path) -> None:
    """Its workers would run nothing of what its API sends."""
    verifying = {"CONNCHECK_SIGNING_PUBLIC_KEYS": new_signing_pair()[1]}

    said = refusal_of("up", verifying, "--port", "0", "--data-dir", str(tmp_path))

    assert "CONNCHECK_SIGNING_PRIVATE_KEYS" in said


def test_the_worker_needs_a_file_that_it_can_touch() -> None:
    """Whoever looks at the file would restart the worker again and again."""
    keys = {"CONNCHECK_SEALING_PRIVATE_KEYS": PRIVATE}

    said = refusal_of("worker", {**REDIS, **keys}, "--alive-file", "/nowhere/alive")

    assert "/nowhere/alive" in said


def test_a_mistyped_site_is_refused() -> None:
    """A worker of a site that cannot exist would wait for jobs for ever."""
    said = refusal_of("worker", REDIS, "--site", "FRA 1")

    assert "--site: 'FRA 1' must be 1 to 32 of a-z, 0-9 and -" in said
    said = refusal_of("worker", {**REDIS, "CONNCHECK_SITE": "FRA 1"})
    assert "CONNCHECK_SITE: must be 1 to 32 of a-z, 0-9 and -" in said


async def load_functions(url: str) -> None:
    """Load what the workers of other sites call, as the API does."""
    async with connect_async(url) as redis:
        await SiteFunctions(RedisGate(redis)).load_missing()


def test_a_worker_serves_the_site_of_its_option(own_redis: OwnRedis) -> None:
    """One environment file may serve the workers of several sites of one machine."""
    settings = {
        "CONNCHECK_REDIS_URL": own_redis.url,
        "CONNCHECK_SEALING_PRIVATE_KEYS": PRIVATE,
        "CONNCHECK_SIGNING_PUBLIC_KEYS": new_signing_pair()[1],
        "CONNCHECK_SITE": "sin1",
    }
    arguments = ["worker", "--site", "fra1", "--queue", "bulk"]
    asyncio.run(load_functions(own_redis.url))

    with start(arguments, settings, stderr=subprocess.DEVNULL) as process:
        with connect(own_redis.url) as redis:
            poll(lambda: bool(redis.exists(SiteKeys.of("fra1").sign_of_queue("bulk"))))
            elsewhere = redis.keys("conncheck@sin1:*") + redis.keys("conncheck:*")
        process.terminate()

    assert not elsewhere


@pytest.mark.parametrize("command", ["api", "worker", "up"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SEALING_PUBLIC_KEY", SECRET),
        ("SEALING_PRIVATE_KEYS", SECRET),
        ("SEALING_PRIVATE_KEYS", f"{PRIVATE},{SECRET}"),
        ("SIGNING_PRIVATE_KEYS", f"{PRIVATE},{SECRET}"),
        ("SIGNING_PUBLIC_KEYS", SECRET),
        ("REDIS_URL", f"http://:{SECRET}@h"),
        ("REDIS_URL", f"redis://:{SECRET}/@h"),
        ("BROKER_URL", f"sqs://:{SECRET}@h"),
    ],
)
def test_a_malformed_setting_ends_the_start_and_is_not_shown(
    command: str, name: str, value: str
) -> None:
    """It may be a good one with a character too many, and the log is read by others."""
    said = refusal_of(command, {**REDIS, PREFIX + name: value})

    assert said.startswith(f"conncheck: {PREFIX}{name}: must be ")
    assert SECRET not in said


@pytest.mark.parametrize("tokens", [SECRET, f"a:sha256:{SECRET}", f"a: {SECRET}"])
def test_a_malformed_token_ends_the_start_and_is_not_shown(tokens: str) -> None:
    """Whoever has the right token would be refused, and nobody could say why."""
    settings = {"CONNCHECK_SEALING_PUBLIC_KEY": PUBLIC, "CONNCHECK_TOKENS": tokens}

    said = refusal_of("api", {**REDIS, **settings})

    assert "CONNCHECK_TOKENS" in said
    assert SECRET not in said


@pytest.mark.parametrize("port", ["0", "8000"])
@pytest.mark.parametrize("host", ["no-such-name.invalid", "192.0.2.1", "\N{SNOWMAN}..b"])
def test_a_host_that_is_not_here_ends_the_start(host: str, port: str) -> None:
    """RFC 5737 and RFC 6761 keep these addresses and names for nobody."""
    said = refusal_of("up", {}, "--host", host, "--port", port)

    assert said.startswith(f"conncheck: can't listen on {host}")


def test_a_port_that_is_taken_ends_the_start_with_what_to_do() -> None:
    """The first `make up` of somebody who tries the second one still runs."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refusal_of("up", {}, "--port", str(port))

    assert said.startswith(f"conncheck: can't listen on 127.0.0.1 port {port}: Address already in")
    assert "another --port" in said
    assert "attempting" not in said


def test_a_kept_key_that_is_none_ends_the_start(tmp_path: Path) -> None:
    """The machine may have lost its power while it was written."""
    (tmp_path / "sealing.key").touch()

    said = refusal_of("up", {}, "--port", "0", "--data-dir", str(tmp_path))

    assert str(tmp_path / "sealing.key") in said


@pytest.mark.parametrize("command", ["api", "worker", "settings", "up"])
@pytest.mark.parametrize(
    "name", ["JOB_DEADLINE_S", "RESULT_TTL_S", "MAX_QUEUED", "WORKER_SLOTS", "ALLOWED_NETWORKS"]
)
def test_a_bad_value_names_the_setting_and_not_the_value(command: str, name: str) -> None:
    """A secret that was put into the wrong variable must not end up in a log."""
    result = CliRunner().invoke(app, [command], env={PREFIX + name: SECRET})

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"conncheck: {PREFIX}{name}: ")
    assert SECRET not in result.stderr


@pytest.mark.parametrize("arguments", [["nonsense"], ["api", "--port", "65536"], ["up", "--tokn"]])
def test_what_is_no_command_is_refused(arguments: list[str]) -> None:
    """A misspelled option that is ignored would be a setting that does not hold."""
    assert CliRunner().invoke(app, arguments).exit_code == 2


TELLS_WHAT_IS_HELD = """
import os, signal, sys
from cli.main import app
class Finder:
    def find_spec(self, name, path, target=None):
        if name in ("api.app", "worker.consumer", "cli.service.up"):
            print(*map(int, sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ()))), flush=True)
            os._exit(0)
sys.meta_path.insert(0, Finder())
app(sys.argv[1:])
"""


@pytest.mark.parametrize("command", ["api", "worker", "up"])
def test_a_part_holds_stop_signals_before_it_loads_its_code(command: str) -> None:
    """That takes a second, in which the kernel keeps SIGTERM from process 1 of a container."""
    told = subprocess.run(
        [sys.executable, "-c", TELLS_WHAT_IS_HELD, command],
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout.split() == [str(int(number)) for number in sorted(STOP_SIGNALS)]
