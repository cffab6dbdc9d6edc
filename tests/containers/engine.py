"""A Docker engine of the tests' own, of which nothing is left when it ends."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final, TypeVar

import pytest

from tests.running.service import children_of, poll

T = TypeVar("T")

PROGRAMS: Final = {
    "dockerd": "docker.io",
    "docker": "docker.io",
    "docker-compose": "docker-compose",
    "iptables": "iptables",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "unshare": "util-linux",
}
"""The Debian package of each program that an engine needs."""

_TOLD: Final = 4000  # characters of what a command said that failed
_CLONE_NEWNET: Final = 0x40000000  # sched.h
_NAMESPACES: Final = ("--pid", "--fork", "--kill-child", "--mount-proc", "--net", "--mount")
# What dockerd writes outside of its directories is written over copies: /etc/docker, /run/docker,
# /opt/containerd. Its bridges and its packet filter are in a network of its own. Images and
# containers are in memory, 2 GB of it. The shell is process 1: when it ends, so does everything,
# containers included. It ends with the engine, which ends when the standard input does: with us.
_START: Final = """
set -e
cp -a /etc etc && mount --bind etc /etc
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /opt
mkdir data && mount -t tmpfs tmpfs data
ip link set lo up
exec 3<&0
dockerd "$@" &
engine=$!
{ cat <&3; kill -KILL $engine; } &
wait $engine
"""


class Engine:
    """A running engine, and commands in its network."""

    def __init__(self, directory: Path, network_of: int) -> None:
        self.directory = directory
        self._network_of = network_of
        self._inside = ThreadPoolExecutor(1, initializer=_enter_network, initargs=(network_of,))
        path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
        self._environment = {
            "PATH": path,
            "HOME": str(directory),  # nobody's configuration of the client
            "DOCKER_HOST": f"unix://{directory}/socket",
            "DOCKER_BUILDKIT": "0",  # it is a plugin of the client's, which Debian has not
        }

    def docker(self, *arguments: str, **options: Any) -> str:
        """Return what `docker` prints."""
        return self.run(["docker", *arguments], **options)

    def run(
        self, command: list[str], *, environment: Mapping[str, str] | None = None, **options: Any
    ) -> str:
        """Return what a command prints that runs in the engine's network, with its address.

        Raises:
            AssertionError: it failed; the message is what it said.
        """
        done: subprocess.CompletedProcess[str] = subprocess.run(
            ["nsenter", f"--net=/proc/{self._network_of}/ns/net", *command],
            env={**self._environment, **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
            **options,
        )
        said = f"{done.stdout}\n{done.stderr}"
        assert done.returncode == 0, f"{command}\n{said[-_TOLD:]}"
        return done.stdout

    def inside(self, action: Callable[[], T]) -> T:
        """Return what `action` returns in a thread that is in the engine's network."""
        return self._inside.submit(action).result()

    @contextmanager
    def events(self, *filters: str, within_s: int = 180) -> Iterator[Iterator[str]]:
        """Give a line for each event of a container from now on; they end in `within_s`."""
        now = datetime.now(UTC)
        times = (
            "--since",
            now.isoformat(),
            "--until",
            (now + timedelta(seconds=within_s)).isoformat(),
        )
        chosen = (word for one in filters for word in ("--filter", one))
        with subprocess.Popen(
            ["docker", "events", *times, *chosen],
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout
            try:
                yield iter(process.stdout)
            finally:
                process.kill()

    @contextmanager
    def crashing(self, container: str) -> Iterator[Callable[[], object]]:
        """Give what kills a container's first process; Docker has started it again at the end."""
        process = self.docker("inspect", "--format", "{{.State.Pid}}", container).strip()
        kill = ["nsenter", f"--target={self._network_of}", "--pid", "kill", "-KILL", process]
        with self.events(f"container={container}", "event=start") as starts:
            yield lambda: subprocess.run(kill, check=True)
            assert next(starts, None), "it was not started again"

    def is_up(self) -> bool:
        """Return whether it answers."""
        try:
            return bool(self.docker("info"))
        except AssertionError:
            return False

    def close(self) -> None:
        """Make no more calls."""
        self._inside.shutdown()


@contextmanager
def running_engine() -> Iterator[Engine]:
    """Run an engine while the block runs; then remove all that it made."""
    directory = Path(mkdtemp(prefix="engine-"))  # short: a socket's path has 107 characters
    (directory / "empty.json").write_text("{}")  # not the machine's /etc/docker/daemon.json
    arguments = [
        f"--host=unix://{directory}/socket",
        f"--data-root={directory}/data",
        f"--exec-root={directory}/exec",
        f"--pidfile={directory}/pid",
        f"--config-file={directory}/empty.json",
        f"--cgroup-parent=/{directory.name}",
    ]
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(
            ["unshare", *_NAMESPACES, "sh", "-c", _START, "dockerd", *arguments],
            cwd=directory,
            env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
    try:
        socket = directory / "socket"
        poll(lambda: socket.exists() or process.poll() is not None)
        if not socket.exists():
            *_, reason = (directory / "log").read_text().splitlines()
            pytest.skip(f"no Docker engine can run here: {reason}")
        engine = Engine(directory, children_of(process.pid)[0])
        poll(engine.is_up)
        yield engine
        engine.close()
    finally:
        process.communicate()
        _remove_cgroups(directory.name)
        shutil.rmtree(directory)


def _remove_cgroups(name: str) -> None:
    """Remove what the engine's containers were counted in, version 1 and 2."""
    for root in Path("/sys/fs/cgroup").glob(f"**/{name}"):
        for path in sorted(root.rglob("*/"), reverse=True):
            _remove_when_empty(path)
        _remove_when_empty(root)


def _remove_when_empty(cgroup: Path) -> None:
    def is_gone() -> bool:
        with suppress(OSError):  # a process that was killed has not ended yet
            cgroup.rmdir()
        return not cgroup.exists()

    poll(is_gone)


def _enter_network(process: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(f"/proc/{process}/ns/net", os.O_RDONLY)
    try:
        if libc.setns(descriptor, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(descriptor)
