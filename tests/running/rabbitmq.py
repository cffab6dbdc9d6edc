"""Run a RabbitMQ of our own, where one is installed."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.service.up import free_port

# Debian's wrapper in PATH would change to a user of its own.
SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
WHY_NOT = "no RabbitMQ on this machine (Debian: apt-get install rabbitmq-server)"

CONTROL = SERVER.with_name("rabbitmqctl")
_NODES: dict[str, dict[str, str]] = {}
"""The environment of each that is running, by its URL."""


def add_user(url: str, user: str, password: str, *permissions: str) -> str:
    """Add a user to a running RabbitMQ; return the URL that signs it in.

    The `permissions` are patterns of what it may configure, write and read.
    """
    _control(url, "add_user", user, password)
    _control(url, "set_permissions", user, *permissions)
    return url.replace("guest:guest", f"{user}:{password}")


def _control(url: str, *arguments: str) -> None:
    subprocess.run([CONTROL, *arguments], env=_NODES[url], check=True, capture_output=True)


@contextmanager
def running_rabbitmq(directory: Path) -> Iterator[str]:
    """Give the URL of a RabbitMQ on loopback while the block runs."""
    port, distribution, names = (free_port("127.0.0.1") for _ in range(3))
    config = directory / "rabbitmq.conf"
    config.write_text(f"listeners.tcp.local = 127.0.0.1:{port}\n")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "RABBITMQ_NODENAME": f"conncheck{port}@localhost",
        "RABBITMQ_CONFIG_FILE": str(config),
        "RABBITMQ_MNESIA_BASE": str(directory / "data"),
        "RABBITMQ_LOG_BASE": str(directory / "log"),
        "RABBITMQ_PID_FILE": str(directory / "pid"),
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
        "ERL_EPMD_PORT": str(names),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
    }
    with subprocess.Popen(
        [str(SERVER)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        try:
            assert server.stdout
            said = []
            for line in server.stdout:
                said.append(line)
                if "completed with" in line or "Starting broker... completed" in line:
                    break
            else:
                raise AssertionError("RabbitMQ did not start:\n" + "".join(said))
            url = f"amqp://guest:guest@127.0.0.1:{port}//"
            _NODES[url] = environment
            yield url
        finally:
            server.terminate()
            server.communicate(timeout=60)
            # The port mapper outlives the node that started it.
            subprocess.run(["epmd", "-kill"], env=environment, check=False, capture_output=True)  # noqa: S607
