from collections.abc import Iterator

import pytest

from tests.certificates.authority import Authority
from tests.running.rabbitmq import SERVER, WHY_NOT, running_rabbitmq
from tests.running.service import Service, running_service
from tests.stand_ins.zstack import ZstackNode, zstack_node


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a running conncheck that all tests of this process share, and nobody harms."""
    with running_service(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture
def node() -> Iterator[tuple[ZstackNode, str]]:
    """Give a healthy ZStack node and its endpoint."""
    with zstack_node() as (healthy, port):
        yield healthy, f"127.0.0.1:{port}"


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
