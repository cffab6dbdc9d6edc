from collections.abc import Iterator

import pytest

from tests.running.service import Service, running_service


@pytest.fixture(scope="session")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a service as it comes: it tests no loopback address."""
    with running_service(
        tmp_path_factory.mktemp("strict"), CONNCHECK_ALLOWED_NETWORKS=""
    ) as service:
        yield service
