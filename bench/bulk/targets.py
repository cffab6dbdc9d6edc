"""Platforms for a bulk test: healthy ones on nginx, and ports that refuse every connection."""

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.bulk.process import program, program_running
from bench.service import Certificates, NotReadyError
from bench.target import BODY_BY_PATH

FIRST_PORT = 20_000  # below those that Linux gives to outgoing connections
START_S = 10.0
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@dataclass(frozen=True, slots=True)
class Platforms:
    """Healthy platforms, all of one nginx process."""

    endpoints: Sequence[str]
    pid: int


@contextmanager
def nginx(certificates: Certificates, count: int, directory: Path) -> Iterator[Platforms]:
    """Run one nginx with a port for each of `count` platforms while the block runs.

    Each answers the three requests of a ZStack test, whatever their signature.

    Raises:
        MissingError: it is not installed.
    """
    path = program("nginx", "nginx-light")
    home = directory / "nginx"
    home.mkdir()
    ports = free_ports(count)
    config = home / "nginx.conf"
    config.write_text(_config(certificates, ports))
    command = [path, "-p", str(home), "-c", str(config), "-e", str(home / "error.log")]
    with program_running(command) as process:
        until_open(ports[-1], process)
        yield Platforms([f"https://127.0.0.1:{port}" for port in ports], process.pid)


@contextmanager
def refusing(count: int) -> Iterator[Sequence[str]]:
    """Keep ports on which nobody listens while the block runs; gives their endpoints."""
    with ExitStack() as stack:
        kept = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in kept:
            one.bind(("127.0.0.1", 0))
        yield [f"https://127.0.0.1:{one.getsockname()[1]}" for one in kept]


def _config(certificates: Certificates, ports: Sequence[int]) -> str:
    listen = "\n".join(f"    listen 127.0.0.1:{port} ssl;" for port in ports)
    answers = "\n".join(
        f"    location = {path.decode()} {{ return 200 '{body.decode()}'; }}"
        for path, body in BODY_BY_PATH.items()
    )
    temporary = "\n".join(f"  {name}_temp_path {name};" for name in _TEMPORARY)
    return f"""
daemon off;
master_process off;
pid nginx.pid;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
{temporary}
  access_log off;
  default_type application/json;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_certificate {certificates.chain};
  ssl_certificate_key {certificates.chain};
  server {{
{listen}
{answers}
  }}
}}
"""


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 on which nobody listens at the moment."""
    found: list[int] = []
    for port in range(FIRST_PORT, 2**15):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if _can_bind(probe, port):
                found.append(port)
        if len(found) == count:
            return found
    raise NotReadyError(f"there are not {count} free ports")


def _can_bind(probe: socket.socket, port: int) -> bool:
    try:
        probe.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def until_open(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return when a server accepts connections on a port of 127.0.0.1.

    Raises:
        NotReadyError: it ended, or took too long.
    """
    until_s = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < until_s:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise NotReadyError("a server did not come up")
