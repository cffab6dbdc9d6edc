"""Run the real service and its targets, each part a process of its own, on 127.0.0.1 alone."""

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
from redis import Redis

from bench.load import Calls
from bench.process import children_of, command_of, cpu_s, environment_of, first_line, running

POLL_S = 0.05
_READY = re.compile(r"conncheck ready url=http://\S+:(\d+) token=(\S+)")
_PARTS = {
    "api": "-m cli api",
    "worker": "-m cli worker --queue interactive",
    "bulk worker": "-m cli worker --queue bulk",
    "redis": "redis.sock",
}


class NotReadyError(Exception):
    """Raised where a process ends instead of saying that it is ready."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """An authority of our own and a server's chain, as files."""

    authority: Path
    chain: Path

    @classmethod
    def made_in(cls, directory: Path) -> "Certificates":
        """Return new certificates for 127.0.0.1."""
        ca, made = trustme.CA(), cls(directory / "ca.pem", directory / "chain.pem")
        ca.cert_pem.write_to_path(made.authority)
        ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(made.chain)
        return made


@dataclass(frozen=True, slots=True)
class Service:
    """A running `conncheck up`."""

    port: int
    token: str
    pids: Mapping[str, int]
    """The API, the worker and Redis as they were started."""
    parent: int

    def part(self, name: str) -> int:
        """Return the process id that a part has now, as soon as it runs."""
        while name not in (pids := _pids(self.parent)):
            time.sleep(POLL_S)
        return pids[name]

    def is_listening(self) -> bool:
        """Return whether the API accepts connections."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def cpu_s(self) -> dict[str, float]:
        """Return the CPU seconds used so far by the API, the worker and Redis."""
        return {part: cpu_s(pid) for part, pid in self.pids.items()}

    @contextmanager
    def calling(
        self, endpoints: Sequence[str], callers: int, count: int, pause_s: float = 0
    ) -> Iterator[subprocess.Popen[str]]:
        """Call the facade while the block runs, and stop calling after it."""
        command = ["-m", "bench.load", "--port", str(self.port)]
        command += ["--callers", str(callers), "--count", str(count)]
        command += ["--pause-s", str(pause_s)]
        with running(command) as load:
            if load.stdin:  # no token on a command line
                load.stdin.write(f"{' '.join([self.token, *endpoints])}\n")
                load.stdin.flush()
            yield load

    def call(self, endpoints: Sequence[str], callers: int, count: int, pause_s: float = 0) -> Calls:
        """Return what came of `count` calls of the facade by `callers` at once."""
        with self.calling(endpoints, callers, count, pause_s) as load:
            line = first_line(load)
        return Calls.from_json(line)


@contextmanager
def targets(certificates: Certificates, count: int, *options: str) -> Iterator[Sequence[str]]:
    """Run `count` platforms while the block runs; gives their endpoints."""
    command = ["-m", "bench.target", "--chain", str(certificates.chain), "--count", str(count)]
    with running([*command, *options]) as process:
        ports = first_line(process).split()
        if not ports:
            raise NotReadyError("the targets ended while starting")
        yield [f"https://127.0.0.1:{port}" for port in ports]


@contextmanager
def service(
    certificates: Certificates, directory: Path, changed: Mapping[str, str] | None = None
) -> Iterator[Service]:
    """Run `conncheck up` while the block runs, with its log in a file of `directory`.

    Settings that are not to be the default ones are `changed`.
    """
    settings = {
        "CONNCHECK_ALLOWED_NETWORKS": "127.0.0.0/8",
        "CONNCHECK_CA_FILE": str(certificates.authority),
        **(changed or {}),
    }
    command = [str(Path(sys.executable).parent / "conncheck"), "up", "--port", "0"]
    log = directory / "log"
    with (
        log.open("w") as stderr,
        running([*command, "--data-dir", str(directory / "data")], settings, stderr) as up,
    ):
        ready = _READY.fullmatch(first_line(up))
        if not ready:
            raise NotReadyError(f"conncheck up ended while starting: {log.read_text()[-2000:]}")
        yield Service(int(ready[1]), ready[2], _pids(up.pid), up.pid)


def redis_of(up: Service) -> Redis:
    """Return a client of the service's own Redis."""
    settings = environment_of(up.pids["worker"])
    return Redis.from_url(settings["CONNCHECK_REDIS_URL"])  # type: ignore[no-untyped-call,no-any-return,unused-ignore]


def _pids(parent: int) -> dict[str, int]:
    """Return the process ids of the parts that run at the moment."""
    commands = {pid: command_of(pid) for pid in children_of(parent)}
    return {
        part: pid
        for part, mark in _PARTS.items()
        for pid, command in commands.items()
        if mark in command
    }
