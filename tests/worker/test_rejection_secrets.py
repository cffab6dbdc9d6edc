from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from fakeredis import FakeRedis, FakeServer
from redis import Redis

from shared.rejection_secrets import EPOCH, issued
from shared.sealing import Opener, Sealer, new_key_pair
from shared.signing import Signer, Verifier, new_signing_pair
from shared.store.round_trips import RoundTrips
from shared.store.site_keys import SiteKeys
from worker.rejection_secrets import RejectionSecrets

KEYS = SiteKeys.of("fra1")
PRIVATE, PUBLIC = new_key_pair()
SIGNING, VERIFYING = new_signing_pair()
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


class Memory:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.shared: list[Sequence[bytes]] = []

    def share(self, secrets: Sequence[bytes]) -> None:
        """Keep the secrets."""
        self.shared.append(secrets)


class Worker:
    """A worker that looks for secrets in Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self.memory = Memory()
        opener, verifier = Opener([PRIVATE], "fra1"), Verifier([VERIFYING])
        self._secrets = RejectionSecrets(RoundTrips(redis), KEYS, verifier, opener, self.memory)

    def finds(self, text: str) -> int:
        """Return how often the memory was given secrets once this is issued."""
        self._redis.set(KEYS.rejection_secrets, text)
        self._secrets.look()
        return len(self.memory.shared)

    def looks(self) -> int:
        """Return how often the memory was given secrets by now."""
        self._secrets.look()
        return len(self.memory.shared)


@pytest.fixture
def worker() -> Worker:
    """Give a worker for which nothing is issued yet."""
    return Worker(FakeRedis(server=FakeServer()))


def text(at: datetime = NOW, signing: str = SIGNING) -> str:
    """Return what the API issues at that time."""
    signer = Signer([signing])
    return issued(signer, Sealer(PUBLIC, "fra1"), "fra1", at, timedelta(minutes=15))


def test_a_worker_uses_what_the_api_has_issued(worker: Worker) -> None:
    """At its start, and when the secret is replaced."""
    assert worker.looks() == 0
    assert worker.finds(text()) == 1
    assert worker.looks() == 1
    assert worker.finds(text(NOW + EPOCH)) == 2
    assert worker.memory.shared[0] != worker.memory.shared[1]


def test_a_worker_goes_on_with_what_it_has_where_others_issue_something(worker: Worker) -> None:
    """Whoever can write to Redis must not choose the secret."""
    worker.finds(text(NOW + EPOCH))

    assert worker.finds(text(signing=new_signing_pair()[0])) == 1
    assert worker.finds("nonsense") == 1
    assert worker.finds(text()) == 1  # of the day before
    assert worker.finds(text(NOW + EPOCH)) == 2
