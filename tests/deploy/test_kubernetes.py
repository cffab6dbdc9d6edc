"""The Kubernetes manifests: what kubectl makes of them, and what they promise."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.queue.queued_job import QUEUES
from shared.settings import PREFIX, setting_names
from shared.stop_signals import MARGIN_S
from tests.deploy.settings_read import API, ROOT, WORKER, directories_for

MANIFESTS = ROOT / "deploy" / "kubernetes"
LONGEST_TEST_S = 120  # what options.timeoutSeconds may be
KUBECTL = shutil.which("kubectl")
OURS = {"api": "conncheck-api"} | {f"worker-{queue}": "conncheck-worker" for queue in QUEUES}
PARTS = {name: API if name == "api" else WORKER for name in OURS}

needs_kubectl = pytest.mark.skipif(
    KUBECTL is None, reason="no kubectl (Debian: apt-get install kubernetes-client)"
)


def rendered(name: str) -> list[dict[str, Any]]:
    """Return the objects that `kubectl kustomize` makes of a directory."""
    assert KUBECTL
    done = subprocess.run(
        [KUBECTL, "kustomize", MANIFESTS / name], capture_output=True, text=True, check=True
    )
    return list(yaml.safe_load_all(done.stdout))


def by_kind(objects: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    """Return the objects of one kind by their names."""
    return {one["metadata"]["name"]: one for one in objects if one["kind"] == kind}


def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the pod of each workload by the workload's name."""
    kinds = ("Deployment", "StatefulSet")
    return {
        one["metadata"]["name"]: one["spec"]["template"] for one in objects if one["kind"] in kinds
    }


@needs_kubectl
@pytest.mark.parametrize("name", ["base", "redis", "keda"])
def test_each_directory_renders_and_stays_in_its_namespace(name: str) -> None:
    """An object that lands in `default` is found by nobody."""
    objects = rendered(name)

    assert {"api", "worker-interactive", "worker-bulk"} <= set(pods(objects))
    for one in objects:
        assert one["kind"] == "Namespace" or one["metadata"]["namespace"] == "conncheck"


@needs_kubectl
def test_no_pod_has_rights_that_it_does_not_need() -> None:
    """The namespace enforces the restricted standard; a pod that breaks it would not start."""
    for name, pod in pods(rendered("redis")).items():
        spec = pod["spec"]
        (container,) = spec["containers"]
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_kubernetes_and_compose_run_the_same_redis() -> None:
    """Its digest is pinned in both, and a release is tested once."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["redis"]
    manifests = yaml.safe_load_all((MANIFESTS / "redis" / "redis.yaml").read_text())
    (container,) = pods(list(manifests))["redis"]["spec"]["containers"]

    assert container["image"] == compose["image"]


@needs_kubectl
def test_each_part_gets_its_own_secret_and_no_other() -> None:
    """The API never has the private key, a worker never the tokens."""
    found = pods(rendered("base"))
    for name, secret in OURS.items():
        (container,) = found[name]["spec"]["containers"]
        sources = [source for source in container["envFrom"] if "secretRef" in source]
        assert sources == [{"secretRef": {"name": secret}}]
        assert all("value" in one for one in container.get("env", []))  # from nowhere else


@needs_kubectl
def test_each_part_gets_every_setting_that_there_is() -> None:
    """No list of names stands between the settings and the parts, so none can be forgotten."""
    for name, pod in pods(rendered("base")).items():
        (container,) = pod["spec"]["containers"]
        assert {"configMapRef": {"name": "settings"}} in container["envFrom"], name
        fixed = {one["name"] for one in container.get("env", [])}
        assert fixed <= {f"{PREFIX}DRAIN_S"}  # it is longer for the API


@needs_kubectl
def test_each_part_sees_the_files_that_its_settings_name() -> None:
    """What it needs no file for starts without: the volumes are optional."""
    found = pods(rendered("base"))
    for name, part in PARTS.items():
        spec = found[name]["spec"]
        (container,) = spec["containers"]
        files = [one for one in container["volumeMounts"] if one.get("readOnly")]
        sources = {
            one["name"]: one.get("secret") or one.get("configMap") for one in spec["volumes"]
        }

        assert {one["mountPath"] for one in files} == directories_for(part), name
        assert all(sources[one["name"]]["optional"] for one in files)


@needs_kubectl
def test_each_part_is_watched_and_outlives_a_drained_node() -> None:
    """What hangs is restarted, and an upgrade of the cluster takes one at a time."""
    objects = rendered("redis")
    budgets = by_kind(objects, "PodDisruptionBudget")
    for name, pod in pods(objects).items():
        (container,) = pod["spec"]["containers"]
        assert "livenessProbe" in container
        if name in OURS:
            selected = budgets[name]["spec"]["selector"]["matchLabels"].items()
            assert selected <= pod["metadata"]["labels"].items()


def worker_probe(queue: str, kind: str) -> str:
    """Return the Python code of a worker's probe."""
    path = MANIFESTS / "base" / f"worker-{queue}.yaml"
    deployment = next(yaml.safe_load_all(path.read_text()))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    python, option, source = container[kind]["exec"]["command"]
    assert (python, option) == ("python", "-c")
    assert container["args"][-2:] == ["--alive-file", "/tmp/alive"]  # noqa: S108 -- the container's
    return str(source)


@pytest.mark.parametrize("queue", QUEUES)
@pytest.mark.parametrize(("age_s", "status"), [(0, 0), (120, 1)])
def test_a_worker_lives_while_it_touches_its_file(
    queue: str, age_s: int, status: int, tmp_path: Path
) -> None:
    """One that hangs is started again; one whose Redis is away is left alone."""
    alive = tmp_path / "alive"
    alive.touch()
    then_s = alive.stat().st_mtime - age_s
    os.utime(alive, (then_s, then_s))
    probe = worker_probe(queue, "livenessProbe").replace("/tmp/alive", str(alive))  # noqa: S108

    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == status


@pytest.mark.parametrize("queue", QUEUES)
def test_a_worker_is_ready_when_redis_has_its_queues_sign(queue: str) -> None:
    """A roll-out that went on without would leave a queue without workers."""
    assert f'sign_of_queue("{queue}")' in worker_probe(queue, "readinessProbe")
    assert "CONNCHECK_REDIS_URL" in worker_probe(queue, "readinessProbe")


@needs_kubectl
def test_only_named_ways_lead_in_and_out() -> None:
    """Redis is reached by our own pods alone, and the API connects to no platform."""
    policies = by_kind(rendered("redis"), "NetworkPolicy")

    assert policies["nothing-else"]["spec"]["podSelector"] == {}
    assert "ingress" not in policies["workers"]["spec"]
    assert not any("ipBlock" in str(rule) for rule in policies["api"]["spec"]["egress"])
    assert [rule["ports"] for rule in policies["redis"]["spec"]["ingress"]] == [[{"port": 6379}]]


@needs_kubectl
def test_workers_are_scaled_by_the_queue_that_they_serve() -> None:
    """A misspelt list is always empty, and nothing would ever be scaled."""
    scalers = by_kind(rendered("keda"), "ScaledObject")
    for queue in QUEUES:
        spec = scalers[f"worker-{queue}"]["spec"]
        assert spec["scaleTargetRef"]["name"] == f"worker-{queue}"
        assert spec["triggers"][0]["metadata"]["listName"] == queue


def test_the_config_map_names_settings_that_exist() -> None:
    """A misspelt setting is ignored without a word."""
    settings = yaml.safe_load((MANIFESTS / "base" / "settings.yaml").read_text())["data"]

    assert set(settings) <= set(setting_names())
    secret = tuple(PREFIX + name for name in ("TOKENS", "SEALING", "SIGNING"))
    assert not any(name.startswith(secret) for name in settings)


def test_workers_know_the_api_as_their_own() -> None:
    """Its address is a private one like those of platforms, but callers have no business there."""
    settings = yaml.safe_load((MANIFESTS / "base" / "settings.yaml").read_text())["data"]
    objects = list(yaml.safe_load_all((MANIFESTS / "base" / "api.yaml").read_text()))
    (port,) = by_kind(objects, "Service")["api"]["spec"]["ports"]

    assert settings[f"{PREFIX}OWN_SERVICES"] == f"api:{port['port']}"


def test_a_pod_has_longer_to_end_than_a_worker_takes() -> None:
    """SIGKILL in the middle of a sign-in makes a job lost."""
    settings = yaml.safe_load((MANIFESTS / "base" / "settings.yaml").read_text())["data"]
    for queue in QUEUES:
        deployment = next(
            yaml.safe_load_all((MANIFESTS / "base" / f"worker-{queue}.yaml").read_text())
        )
        grace_s = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        assert grace_s > float(settings[f"{PREFIX}DRAIN_S"]) + MARGIN_S


def test_a_pod_has_longer_to_end_than_an_api_takes() -> None:
    """Whoever waits for the longest test gets its answer, also during a roll-out."""
    api = next(yaml.safe_load_all((MANIFESTS / "base" / "api.yaml").read_text()))
    pod = api["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    settings = {one["name"]: one["value"] for one in container["env"]}
    *_, pause = container["lifecycle"]["preStop"]["exec"]["command"]
    drain_s, pause_s = float(settings[f"{PREFIX}DRAIN_S"]), int(re.sub(r"\D", "", pause))

    assert drain_s >= LONGEST_TEST_S
    assert pod["terminationGracePeriodSeconds"] > pause_s + drain_s + MARGIN_S
