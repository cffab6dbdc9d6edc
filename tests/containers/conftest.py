import os
import shutil
import sys
from collections.abc import Iterator

import pytest

from tests.containers import images
from tests.containers.deployment import ROOT, Deployment
from tests.containers.engine import PROGRAMS, Engine, running_engine

_PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """Give a Docker engine of our own, where the machine lets one run."""
    if why := _why_there_is_none():
        pytest.skip(why)
    with running_engine() as running:
        yield running


@pytest.fixture(scope="session")
def deployment(engine: Engine) -> Deployment:
    """Give what the commands in the head of docker-compose.yml bring up."""
    images.import_base(engine, ROOT / "constraints" / "runtime.txt")
    images.import_redis(engine)
    running = Deployment(engine, engine.directory / "conncheck")
    running.follow(
        "umask", "docker build", "docker run --rm conncheck", "echo", "docker compose up"
    )
    running.wait_until_healthy()
    return running


def _why_there_is_none() -> str:
    if sys.platform != "linux" or os.geteuid() != 0:
        return "an engine of our own needs Linux and root"
    needed = PROGRAMS | images.PROGRAMS
    missing = [name for name in needed if not shutil.which(name, path=_PATH)]
    if missing:
        packages = dict.fromkeys(needed[name] for name in missing)
        return f"no {', '.join(missing)} (Debian: apt-get install {' '.join(packages)})"
    return ""
