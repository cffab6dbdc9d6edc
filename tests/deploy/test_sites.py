"""A site's machine and the core beside it, as the files in deploy/site run them."""

import ast
from importlib import import_module
from typing import Any, Final

import pytest
import yaml

from shared.queue.queued_job import QUEUES
from tests.deploy.settings_read import ROOT
from tests.deploy.test_kubernetes import by_kind, needs_kubectl, pods, rendered

SITE_FILES: Final = ROOT / "deploy" / "site"
WORKERS: Final = dict(zip(("worker", "bulk-worker"), QUEUES, strict=True))


def services(name: str) -> dict[str, Any]:
    """Return the services of a compose file in deploy/site."""
    found: dict[str, Any] = yaml.safe_load((SITE_FILES / name).read_text())["services"]
    return found


@pytest.mark.parametrize(("name", "queue"), WORKERS.items())
def test_a_site_runs_workers_and_nothing_else(name: str, queue: str) -> None:
    """Nothing reaches the machine, and what was taken over there can gain nothing."""
    found = services("compose.yml")

    assert set(found) == set(WORKERS)
    assert "ports" not in found[name]
    assert found[name]["command"] == ["worker", "--queue", queue]
    assert f'sign_of_queue("{queue}")' in found[name]["healthcheck"]["test"][-1]
    assert found[name]["read_only"] is True
    assert found[name]["cap_drop"] == ["ALL"]
    assert found[name]["security_opt"] == ["no-new-privileges:true"]
    assert found[name]["restart"] == "unless-stopped"
    assert int(found[name]["user"].partition(":")[0]) > 0


@pytest.mark.parametrize("name", WORKERS)
def test_health_checks_find_what_they_import(name: str) -> None:
    """A health check that can't even begin reports a healthy worker as ill for ever."""
    source = services("compose.yml")[name]["healthcheck"]["test"][-1]

    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            module = import_module(str(node.module))
            assert all(hasattr(module, alias.name) for alias in node.names)


def test_the_core_changes_nothing_of_its_redis_but_the_way_in() -> None:
    """What keeps jobs from being lost must not get lost in an override."""
    base = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["redis"]
    core = services("core.yml")["redis"]
    added = [line for line in _lines(core) if line not in _lines(base)]

    assert [line for line in _lines(core) if line in _lines(base)] == _lines(base)
    assert [line.split()[0] for line in added] == [
        "tls-port",
        "tls-cert-file",
        "tls-key-file",
        "tls-auth-clients",
        "tls-protocols",
        "$$(cat",
    ]
    assert core["ports"] == ["6380:6380"]


def _lines(service: dict[str, Any]) -> list[str]:
    *_, script = service["command"]
    return [line.strip() for line in script.strip().splitlines()]


@needs_kubectl
def test_a_site_in_kubernetes_has_workers_that_nothing_reaches() -> None:
    """The API stays at the core; only names, Redis and platforms are reached from here."""
    objects = rendered("site")
    policies = by_kind(objects, "NetworkPolicy")

    assert set(pods(objects)) == {"worker-interactive", "worker-bulk"}
    assert not by_kind(objects, "Service")
    assert set(policies) == {"nothing-else", "workers"}
    for policy in policies.values():
        assert "ingress" not in policy["spec"]
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    redis, names, _ = policies["workers"]["spec"]["egress"]
    assert redis["ports"] == [{"port": 6380}]
    assert {one["port"] for one in names["ports"]} == {53}
