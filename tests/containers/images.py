"""Images made of this machine's own programs: nothing is fetched from a registry.

They stand in for those that the Dockerfile and docker-compose.yml name, and keep what those
promise: paths, users, and what the first process is.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tests.containers.engine import Engine
from tests.containers.root import Root, found

WHEELS: Final = "/var/cache/wheels"  # the Dockerfile leaves nothing of /var/cache
RABBITMQ: Final = Path("/usr/lib/rabbitmq")
PROGRAMS: Final = {
    "redis-cli": "redis-tools",
    "redis-check-rdb": "redis-tools",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "openssl": "openssl",
    "setpriv": "util-linux",
}
"""The Debian package of each program that the images and the commands need."""

_FOR_SCRIPTS: Final = (
    *("awk", "basename", "cat", "chown", "dirname", "env", "expr", "grep", "head", "hostname"),
    *("id", "ls", "mkdir", "mktemp", "readlink", "sed", "setpriv", "sleep", "tr", "uname"),
)
_NOT_OF_PYTHON: Final = {"__pycache__", "test", "site-packages", "idlelib", "tkinter", "turtledemo"}
_DEBIANS_PIP: Final = Path("/usr/share/python-wheels")  # its venv looks there
_START_RABBITMQ: Final = """#!/bin/sh
set -e
chown -R 998:998 /var/lib/rabbitmq /var/log/rabbitmq /etc/rabbitmq/conf.d
exec setpriv --reuid 998 --regid 998 --clear-groups "$@"
"""


def import_base(engine: Engine, constraints: Path) -> str:
    """Return an image with this machine's Python and the wheels of `constraints`."""
    wheels = engine.directory / "wheels"
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--require-hashes", "--no-deps", "--only-binary", ":all:"),
            *("--dest", wheels, "--requirement", constraints),
        ],
        check=True,
        capture_output=True,
    )
    offline = [f"ENV PIP_FIND_LINKS={WHEELS}", "ENV PIP_NO_INDEX=1"]
    return _import(engine, "base", lambda root: _add_python(root, wheels), offline)


def import_redis(engine: Engine) -> str:
    """Return an image with Redis; Debian's server is named for what else it can do."""

    def fill(root: Root) -> None:
        root.programs("redis-cli", "cat")
        root.program(Path(found("redis-check-rdb")), "usr/bin/redis-server")
        root.directory("data", owner=999)

    return _import(engine, "redis", fill)


def import_rabbitmq(engine: Engine) -> str:
    """Return an image with RabbitMQ, which starts as root and drops root."""

    def fill(root: Root) -> None:
        root.programs(*_FOR_SCRIPTS)
        root.tree(Path("/usr/lib/erlang"), "usr/lib/erlang")
        root.libraries(Path("/usr/lib/erlang").glob("erts-*/bin/*"))
        root.tree(RABBITMQ, "usr/lib/rabbitmq")
        for name in ("erl", "erlc", "escript", "epmd"):
            root.link(f"usr/bin/{name}", f"../lib/erlang/bin/{name}")
        for name in ("var/lib/rabbitmq", "var/log/rabbitmq", "etc/rabbitmq/conf.d"):
            root.directory(name, owner=998)
        root.text("entrypoint", _START_RABBITMQ, mode=0o755)

    # Its scripts look for the rest beside themselves.
    (scripts,) = RABBITMQ.glob("lib/rabbitmq_server-*/sbin")
    path = f"ENV PATH={scripts}:/usr/bin"
    settings = ["ENV HOME=/var/lib/rabbitmq", "ENV LANG=C.UTF-8", path]
    start = ['ENTRYPOINT ["/entrypoint"]', 'CMD ["rabbitmq-server"]']
    return _import(engine, "rabbitmq", fill, [*settings, *start])


def import_prometheus(engine: Engine) -> str:
    """Return an image with Prometheus."""

    def fill(root: Root) -> None:
        root.programs("prometheus", "promtool")
        root.directory("prometheus", owner=65534)

    return _import(engine, "prometheus", fill, ["USER 65534", "WORKDIR /prometheus"])


def _add_python(root: Root, wheels: Path) -> None:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = Path(os.__file__).parent
    root.program(Path(sys.base_prefix, "bin", version), f"usr/local/bin/{version}")
    for name in ("python3", "python"):
        root.link(f"usr/local/bin/{name}", version)
    root.tree(
        library,
        f"usr/local/lib/{version}",
        lambda name: name in _NOT_OF_PYTHON or name.startswith("config-"),
    )
    root.tree(wheels, WHEELS.lstrip("/"))
    if _DEBIANS_PIP.exists():
        root.tree(_DEBIANS_PIP, str(_DEBIANS_PIP).lstrip("/"))


def _import(
    engine: Engine, name: str, fill: Callable[[Root], None], changes: Sequence[str] = ()
) -> str:
    file = engine.directory / f"{name}.tar"
    root = Root(file)
    fill(root)
    root.close()
    options = [word for change in changes for word in ("--change", change)]
    engine.docker("import", *options, str(file), f"stand-in/{name}")
    file.unlink()
    return f"stand-in/{name}"
