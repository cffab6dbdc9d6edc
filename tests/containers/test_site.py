"""docs/sites.md, followed in containers: a second site on a machine of its own."""

import json
import re
import shutil
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.containers.deployment import ROOT, Deployment, as_here

pytestmark = pytest.mark.timeout(600)

_BLOCK: Final = re.compile(r"```sh\n(.*?)```", re.DOTALL)
OF_THE_ENGINE: Final = {"resolver", "egress address"}
"""What the engine of the suite has no network for."""


def steps() -> list[str]:
    """Return the blocks of commands of the guide, in order."""
    guide = (ROOT / "docs" / "sites.md").read_text().partition("## A second site")[2]
    return _BLOCK.findall(guide)


class SiteMachine:
    """A directory with the three files of a site, beside the core's."""

    def __init__(self, core: Deployment) -> None:
        self._engine = core.engine
        (redis,) = core.containers("redis")
        networks = core.inspect(redis)["NetworkSettings"]["Networks"]
        self._redis = str(networks["conncheck_sites"]["IPAddress"])
        self.directory = core.engine.directory / "site"
        (self.directory / "certificates").mkdir(parents=True)
        for source, target in (
            ("site.env", "site.env"),
            ("deploy/site/compose.yml", "compose.yml"),
            ("redis/redis.crt", "certificates/redis.crt"),
            ("certificates/ca.pem", "certificates/ca.pem"),
        ):
            shutil.copy(core.directory / source, self.directory / target)
        with (self.directory / "site.env").open("a") as settings:
            settings.write("CONNCHECK_CA_FILE=/certificates/ca.pem\n")
        self._write_stand_ins(self.directory / "stand-ins.yml")

    def _write_stand_ins(self, path: Path) -> None:
        """Let the containers find the core by its name, and the platform of the suite.

        One engine keeps its networks apart, also at published ports: they share one with Redis.
        """
        names = {"sites": "conncheck_sites", "platforms": "conncheck_outside"}
        networks = {name: {"external": {"name": real}} for name, real in names.items()}
        hosts = [f"redis.example.com:{self._redis}"]
        found = {"extra_hosts": hosts, "networks": [*names]}
        services = {"worker": found, "bulk-worker": found}
        path.write_text(yaml.safe_dump({"services": services, "networks": networks}))

    def run(self, script: str) -> str:
        """Return what commands print there."""
        files = {"COMPOSE_FILE": "compose.yml:stand-ins.yml"}
        return self._engine.run(
            ["sh", "-ec", as_here(script)], environment=files, cwd=self.directory
        )


def test_the_guide_leads_to_a_second_site(deployment: Deployment) -> None:
    """Its commands are what an operator types; the site reaches the core by one port alone."""
    redis, declare, check, _, *_ = steps()
    deployment.overrides = ("deploy/site/core.yml",)
    deployment.write_settings(CONNCHECK_CA_FILE="/certificates/ca.pem")
    deployment.run(redis)
    deployment.run(declare)
    deployment.wait_until_healthy()
    machine = SiteMachine(deployment)
    looked, start = check.strip().splitlines()

    found = json.loads(machine.run(f"{looked} --json || true"))
    failed = {one["name"]: one["found"] for one in found if one["state"] == "fail"}
    assert {name: why for name, why in failed.items() if name not in OF_THE_ENGINE} == {}

    machine.run(start)
    deployment.wait_until_healthy()
    tested = deployment.test(options={"site": "fra1"})
    machine.run("docker compose down")

    assert tested["success"], tested
