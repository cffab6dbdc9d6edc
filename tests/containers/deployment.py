"""The service as docker-compose.yml runs it, in a copy of this tree."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import trustme

from tests.containers.engine import Engine
from tests.running.service import CALL, a_request, poll

ROOT: Final = Path(__file__).parents[2]
HOST: Final = "cloud.example.com"
PLATFORM: Final = f"https://{HOST}:8443"
API: Final = "http://127.0.0.1:8000"
STAND_INS: Final = "tests/containers/stand-ins.yml"
_COMMAND: Final = re.compile(r"#   (?:  )?((?:umask|docker|echo|install) .*)")
# The suite has docker-compose 1.29, which neither is a plugin of the client nor knows --wait.
_AS_HERE: Final = {
    "docker build ": "docker build --build-arg BASE=stand-in/base ",
    "docker compose up --wait": "docker-compose up --detach --no-build",
    "docker compose ": "docker-compose ",
}


class Deployment:
    """A directory with a compose file and .env, and what runs by them."""

    def __init__(self, engine: Engine, directory: Path) -> None:
        self.engine = engine
        self.directory = directory
        self.overrides: tuple[str, ...] = ()
        """Compose files that stand over docker-compose.yml, as COMPOSE_FILE in .env names them."""
        self._logged = ""
        copy_tree(directory)
        self._certify()

    def compose(self, *arguments: str) -> str:
        """Return what `docker-compose` prints."""
        if "up" in arguments:  # it may replace containers, and their logs with them
            self._logged = self.logs()
        return self._run(["docker-compose", *arguments])

    def logs(self) -> str:
        """Return what the containers have logged, also those that were replaced since."""
        return self._logged + self._run(["docker-compose", "logs", "--no-color"])

    def follow(self, *beginnings: str) -> str:
        """Run those commands of the compose file's head that begin so; return what they print."""
        text = (self.directory / "docker-compose.yml").read_text()
        commands = [one for one in _COMMAND.findall(text) if one.startswith(beginnings)]
        assert len(commands) >= len(beginnings), f"{beginnings} are not in the head"
        return self.run("\n".join(commands))

    def run(self, script: str) -> str:
        """Return what commands of a document print, in the directory of the compose file."""
        return self._run(["sh", "-ec", as_here(script)])

    def up(self, *services: str, profile: str = "") -> None:
        """Start what isn't as the files say, and return when it is healthy."""
        profiles = ["--profile", profile] if profile else []
        self.compose(*profiles, "up", "--detach", "--no-build", *services)
        self.wait_until_healthy()

    def wait_until_healthy(self) -> None:
        """Return when every container that has a health check is healthy, as --wait would."""
        with self.engine.events("event=health_status") as changes:
            while not self._is_healthy():
                assert next(changes, None), self.engine.docker("ps", "--all")

    def containers(self, service: str) -> list[str]:
        """Return the containers of a service."""
        label = f"label=com.docker.compose.service={service}"
        return self.engine.docker("ps", "--quiet", "--filter", label).split()

    def inspect(self, container: str) -> dict[str, Any]:
        """Return what the engine knows of a container."""
        (found,) = json.loads(self.engine.docker("inspect", container))
        return dict(found)

    def restarts(self, service: str) -> int:
        """Return how often the engine has started a service's containers again."""
        return sum(int(self.inspect(one)["RestartCount"]) for one in self.containers(service))

    def address(self, service: str) -> str:
        """Return an address of a service, which the engine's network reaches without a port."""
        (container,) = self.containers(service)
        networks = self.inspect(container)["NetworkSettings"]["Networks"].values()
        return str(next(one["IPAddress"] for one in networks))

    def settings(self) -> Mapping[str, str]:
        """Return what .env sets."""
        lines = (self.directory / ".env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def write_settings(self, **settings: str) -> None:
        """Set something in .env, which the next `up` heeds."""
        lines = [f"{name}={value}\n" for name, value in {**self.settings(), **settings}.items()]
        (self.directory / ".env").write_text("".join(lines))

    def client(self, token: str = "", url: str = API) -> httpx.Client:
        """Return a client in the engine's network, signed in as the operator or by `token`."""
        token = token or self.settings()["CONNCHECK_TOKENS"].removeprefix("me:")
        return httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            transport=_Inside(self.engine),
            timeout=60,
        )

    def test(self, **changes: Any) -> dict[str, Any]:
        """Return the answer to the documented call."""
        with self.client() as client:
            answer = client.post(CALL, json=a_request(PLATFORM, **changes))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def submit(self) -> str:
        """Return the address of a new job."""
        with self.client() as client:
            answer = client.post(f"{CALL}/jobs", json=a_request(PLATFORM))
        assert answer.status_code == 202, answer.text
        return str(answer.headers["location"])

    def look(self, job: str) -> dict[str, Any]:
        """Return what is known of a job, nothing while the API is away."""
        try:
            with self.client() as client:
                return dict(client.get(job).json())
        except httpx.TransportError:
            return {}

    def closed(self, job: str) -> dict[str, Any]:
        """Return a job when it is closed."""
        poll(lambda: bool(self.look(job).get("finishedAt")), within_s=60)
        return self.look(job)

    def _is_healthy(self) -> bool:
        states = self.engine.docker("ps", "--all", "--format", "{{.Status}}").splitlines()
        ill = ("(unhealthy)", "(health: starting)")
        return all(state.startswith("Up") and not state.endswith(ill) for state in states)

    def _run(self, command: list[str]) -> str:
        files = ":".join(["docker-compose.yml", *self.overrides, STAND_INS])
        return self.engine.run(command, environment={"COMPOSE_FILE": files}, cwd=self.directory)

    def _certify(self) -> None:
        authority = trustme.CA()
        leaf = authority.issue_cert(HOST)
        for name in ("platform", "certificates"):
            (self.directory / name).mkdir()
        leaf.cert_chain_pems[0].write_to_path(str(self.directory / "platform" / "chain.pem"))
        leaf.private_key_pem.write_to_path(str(self.directory / "platform" / "key.pem"))
        authority.cert_pem.write_to_path(str(self.directory / "certificates" / "ca.pem"))


class _Inside(httpx.HTTPTransport):
    """Opens its connections in the engine's network."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._engine.inside(lambda: super(_Inside, self).handle_request(request))


def as_here(script: str) -> str:
    """Return commands of a document as this suite runs them."""
    for there, here in _AS_HERE.items():
        script = script.replace(there, here)
    return script


def copy_tree(directory: Path) -> None:
    """Copy what git would commit, as it is now."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout
    copying = ["tar", "--create", "--null", "--files-from=-", "--ignore-failed-read"]
    tree = subprocess.run(copying, cwd=ROOT, input=files, capture_output=True, check=True).stdout
    directory.mkdir()
    subprocess.run(["tar", "--extract"], cwd=directory, input=tree, check=True)
