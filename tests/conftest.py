import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.certificates.authority import Authority
from tests.running.own_redis import OwnRedis
from tests.running.rabbitmq import SERVER, WHY_NOT, running_rabbitmq
from tests.running.service import Service, running_service
from tests.stand_ins.zstack import ZstackNode, zstack_node

# An example that takes long has found a busy machine.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


# Else a `conncheck login` of the developer would count.
os.environ["XDG_CONFIG_HOME"] = "/nonexistent"


def pytest_configure() -> None:
    """Heed the signals that a job in the background ignores, and so would all that tests start."""
    for number, usual in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGQUIT, signal.SIG_DFL),
        (signal.SIGHUP, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)


def pytest_collection_finish() -> None:
    """Leave the thousands of collected tests out of every garbage collection to come.

    A full one takes 0.2 s of CPU time with them, and a millisecond without.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a running conncheck that all tests of this process share, and nobody harms."""
    # A test opens 2,000 streams, and those of another test may not have ended yet.
    settings = {"CONNCHECK_MAX_STREAMS": "5000"}
    with running_service(tmp_path_factory.mktemp("service"), **settings) as running:
        yield running


@pytest.fixture
def node() -> Iterator[tuple[ZstackNode, str]]:
    """Give a healthy ZStack node and its endpoint."""
    with zstack_node() as (healthy, port):
        yield healthy, f"127.0.0.1:{port}"


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    """Give a Redis server of the test's own, to be harmed."""
    server = OwnRedis(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def authority() -> Authority:
    """Give a certificate authority."""
    return Authority()


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of a RabbitMQ."""
    if not SERVER.exists():
        pytest.skip(WHY_NOT)
    with running_rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as url:
        yield url
