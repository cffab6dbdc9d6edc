"""What docs/sites.md says, done: from nothing to a site that serves, with a real Redis over TLS."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from cli.service.up import free_port
from shared.sealing import new_key_pair
from shared.signing import new_signing_pair
from tests.deploy.settings_read import ROOT
from tests.running.service import CALL, a_request, poll, start
from tests.stand_ins.zstack import zstack_node

PASSWORD, TOKEN = "hunter2-hunter2", "a-token-of-the-test"
CORE: Final = ROOT / "deploy" / "site" / "core.yml"
GUIDE: Final = ROOT / "docs" / "sites.md"
SERVER: Final = shutil.which("redis-server")

pytestmark = [
    pytest.mark.skipif(SERVER is None, reason="no redis-server (Debian: apt-get install it)"),
]


@dataclass
class Core:
    """The core's machine, with everything in one directory."""

    directory: Path
    redis_port: int
    api_port: int
    settings: Mapping[str, str]

    @property
    def redis_url(self) -> str:
        """How everybody reaches Redis, who trusts its certificate alone."""
        certificate = self.directory / "redis" / "redis.crt"
        return f"rediss://localhost:{self.redis_port}/0?ssl_ca_certs={certificate}"

    def client(self) -> httpx.Client:
        """Return a client of the API."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"http://127.0.0.1:{self.api_port}"
        return httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60)

    def sites(self) -> Mapping[str, Any]:
        """Return what the API tells of its sites, by name; nothing while it is away."""
        try:
            with self.client() as client:
                return {one["name"]: one for one in client.get("/api/v1/sites").json()["items"]}
        except httpx.TransportError:
            return {}

    @contextmanager
    def redis(self) -> Iterator[None]:
        """Run Redis by the script of core.yml while the block runs."""
        *_, script = yaml.safe_load(CORE.read_text())["services"]["redis"]["command"]
        for there, here in {
            "$$": "$",
            "--dir /data": f"--dir {self.directory}",
            "/redis/": f"{self.directory}/redis/",
            "tls-port 6380": f"port 0\ntls-port {self.redis_port}",
        }.items():
            script = script.replace(there, here)
        environment = {"REDISCLI_AUTH": PASSWORD, "PATH": "/usr/bin:/bin"}
        process = subprocess.Popen(
            ["/bin/sh", "-c", script], env=environment, stdout=subprocess.DEVNULL
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)

    @contextmanager
    def api(self) -> Iterator[None]:
        """Run the API while the block runs."""
        settings = {
            **self.settings,
            "CONNCHECK_REDIS_URL": self.redis_url.replace("//", f"//:{PASSWORD}@"),
            "CONNCHECK_TOKENS": f"me:{TOKEN}",
            "CONNCHECK_SITES_FILE": str(self.directory / "sites.json"),
        }
        with running(["api", "--port", str(self.api_port)], settings):
            yield


@contextmanager
def running(arguments: list[str], settings: Mapping[str, str]) -> Iterator[None]:
    """Run a command while the block runs."""
    with start(arguments, settings, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def guided(directory: Path, beginning: str, **changes: str) -> str:
    """Run those commands of the guide's blocks that begin so; return what they print."""
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", GUIDE.read_text(), re.DOTALL))
    commands = re.findall(rf"^{beginning}(?:.*\\\n)*.*$", blocks, re.MULTILINE)
    assert commands, f"the guide has no {beginning}"
    script = "\n".join(commands)
    for there, here in changes.items():
        script = script.replace(there, here)
    done = subprocess.run(
        ["/bin/sh", "-ec", script], cwd=directory, capture_output=True, text=True, check=True
    )
    return done.stdout


def printed(arguments: list[str], settings: Mapping[str, str]) -> str:
    """Return what a command prints."""
    with start(arguments, settings) as process:
        said, _ = process.communicate(timeout=60)
    return str(said)


@pytest.fixture
def core(tmp_path: Path) -> Core:
    """Give a core whose Redis has a certificate and the user of a site, as the guide says."""
    _, sealing = new_key_pair()
    signing, _ = new_signing_pair()
    settings = {"CONNCHECK_SEALING_PUBLIC_KEY": sealing, "CONNCHECK_SIGNING_PRIVATE_KEYS": signing}
    core = Core(tmp_path, free_port("127.0.0.1"), free_port("127.0.0.1"), settings)
    (tmp_path / "redis").mkdir()
    guided(tmp_path, "openssl", **{"redis.example.com": "localhost"})
    guided(tmp_path, "touch")
    add = [
        "sites",
        "add",
        "fra1",
        "--file",
        str(tmp_path / "sites.json"),
        "--egress",
        "203.0.113.7",
    ]
    (tmp_path / "fra1.txt").write_text(printed([*add, "--redis-url", core.redis_url], settings))
    guided(tmp_path, "sed -n")
    return core


def environment_in(file: Path) -> dict[str, str]:
    """Return what a file of NAME=VALUE lines sets."""
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


def checked(site: Mapping[str, str]) -> dict[str, str]:
    """Return the states that `site check` finds, by what was checked."""
    found = json.loads(printed(["site", "check", "--json"], site))
    return {one["name"]: one["state"] for one in found}


def test_the_guide_leads_to_a_site_that_tests(core: Core) -> None:
    """Certificate, user, settings, check, worker, test: each by the command that is printed."""
    site = environment_in(core.directory / "site.env")
    worker = ["worker", "--queue", "interactive"]
    here = {"CONNCHECK_ALLOWED_NETWORKS": "127.0.0.0/8"}

    with core.redis(), core.api(), zstack_node() as (_, port):
        poll(lambda: "fra1" in core.sites())
        found = checked(site)
        with running(worker, {**site, **here}):
            poll(lambda: core.sites()["fra1"]["workers"]["interactive"] == 1)
            poll(lambda: core.sites()["fra1"]["versions"])
            with core.client() as client:
                request = a_request(f"127.0.0.1:{port}", options={"site": "fra1"})
                answer = client.post(CALL, json=request).json()

    of_the_machine = {"resolver", "egress address", "file descriptors"}
    bad = {name for name, state in found.items() if state == "fail"} - of_the_machine
    assert not bad
    assert found["encryption"] == found["rights"] == found["rights of others"] == "ok"
    assert answer["success"], answer


def test_the_user_of_a_site_outlives_a_restart_of_redis(core: Core) -> None:
    """Redis forgets what ACL SETUSER said; the file that the guide writes does not."""
    site = environment_in(core.directory / "site.env")
    for _ in range(2):
        with core.redis():
            poll(lambda: checked(site).get("redis") == "ok")
