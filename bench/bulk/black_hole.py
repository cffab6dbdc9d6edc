"""Addresses that answer nothing: packets to them end in a network namespace of our own."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.bulk.process import MissingError, program, program_running

# Out of 198.18.0.0/15, which RFC 2544 keeps for benchmarks.
HERE, THERE, LOST = "198.18.0.1", "198.18.0.2", "198.18.4.0/22"
NETWORK = "198.18.0.0/21"
MOST = 1000
START_S = 5.0


@dataclass(frozen=True, slots=True)
class BlackHoles:
    """Endpoints that answer nothing, and how that is brought about."""

    endpoints: Sequence[str]
    how: str


@contextmanager
def black_holes(count: int) -> Iterator[BlackHoles]:
    """Have `count` endpoints that never answer while the block runs."""
    with ExitStack() as stack:
        try:
            stack.enter_context(_namespace())
        except MissingError as error:
            holes = stack.enter_context(_full_backlogs(count))
            yield BlackHoles(holes, f"listeners whose backlog is full ({error})")
            return
        lost = [f"https://198.18.{4 + n // 250}.{1 + n % 250}" for n in range(min(count, MOST))]
        yield BlackHoles(lost, "addresses in a network namespace that drops every packet")


@contextmanager
def _namespace() -> Iterator[None]:
    """Route LOST into a namespace that forwards nothing, while the block runs.

    The namespace is that of a process which ends with its standard input, so the kernel takes
    it, its link and the route away however this process ends.

    Raises:
        MissingError: it can't be made.
    """
    unshare, nsenter = program("unshare", "util-linux"), program("nsenter", "util-linux")
    cat, ip = program("cat", "coreutils"), program("ip", "iproute2")
    if os.geteuid():
        raise MissingError("a network namespace takes root")
    if LOST.partition("/")[0].rpartition(".")[0] in _run(ip, "route"):
        raise MissingError(f"{LOST} is routed already")
    ours = f"ccb{os.getpid()}"
    with program_running([unshare, "--net", cat]) as holder:
        _until_apart(holder)
        inside = (nsenter, "--target", str(holder.pid), "--net", ip)
        _run(ip, "link", "add", ours, "type", "veth", "peer", "far", "netns", str(holder.pid))
        try:
            _run(*inside, "address", "add", f"{THERE}/30", "dev", "far")
            _run(*inside, "link", "set", "far", "up")
            # Without it the namespace would say "no route" where this machine forwards packets.
            _run(*inside, "route", "add", "blackhole", LOST)
            _run(ip, "address", "add", f"{HERE}/30", "dev", ours)
            _run(ip, "link", "set", ours, "up")
            _run(ip, "route", "add", LOST, "via", THERE, "dev", ours)
            yield
        finally:
            _run(ip, "link", "delete", ours)


def _until_apart(holder: subprocess.Popen[bytes]) -> None:
    """Return when the process has a network of its own."""
    until_s = time.monotonic() + START_S
    while holder.poll() is None and time.monotonic() < until_s:
        if _network_of(str(holder.pid)) != _network_of("self"):
            return
        time.sleep(0.01)
    raise MissingError("no network namespace may be made here")


def _network_of(process: str) -> str:
    try:
        return str(Path(f"/proc/{process}/ns/net").readlink())
    except OSError:
        return _network_of("self")


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise MissingError(f"{' '.join(command[-6:])}: {done.stderr.strip()}")
    return done.stdout


@contextmanager
def _full_backlogs(count: int) -> Iterator[Sequence[str]]:
    """Keep listeners that accept nobody, and as many connections as each has room for."""
    with ExitStack() as stack:
        endpoints = []
        for _ in range(count):
            listener = stack.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            first = stack.enter_context(socket.socket())
            first.connect(listener.getsockname())  # Linux keeps one more than it was told
            endpoints.append(f"https://127.0.0.1:{listener.getsockname()[1]}")
        yield endpoints
