import json
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from api.jobs.rejection_sharing import RejectionSharing
from shared.queue.queued_job import QueuedJob
from shared.rejection_secrets import secrets_of
from shared.request import JobRequest
from shared.request.message import JobMessage, first_entry
from shared.sealing import Opener, Sealers, new_key_pair
from shared.signing import Signer, Verifier, new_signing_pair
from shared.store.connection import connect, connect_async
from shared.store.gate import RedisGate
from shared.store.jobs.job_creation import NewJob
from shared.store.jobs.job_store import JobStore
from shared.store.jobs.run_store import RunStore
from shared.store.limits.rejections import KEPT_S
from shared.store.limits.shared_rejections import SharedRejections
from shared.store.limits.sign_in_memory import SignInMemory
from shared.store.site_keys import SiteKeys
from tests.network.loopback import LOOPBACK_ALLOWED
from tests.running.service import a_request
from tests.shared.conftest import TTL_S, Backend, turn_limits
from tests.stand_ins.zstack import zstack_node
from worker.job import JobRunner
from worker.rejection_secrets import RejectionSecrets
from worker.sign_in_guard import SignInGuard
from worker.site import Site
from worker.tls.trust import Trust

WRONG = "not the secret"
HERE, THERE, ELSEWHERE = "default", "fra1", "nyc1"
SIGNING, VERIFYING = new_signing_pair()
KEYS = {site: new_key_pair() for site in (HERE, THERE, ELSEWHERE)}
SEALERS = Sealers(None, lambda site: KEYS[site][1])
SIGNER, VERIFIER = Signer([SIGNING]), Verifier([VERIFYING])


def request_for(port: int, secret: str) -> JobRequest:
    """Return a request for a platform of ours."""
    return JobRequest.model_validate(a_request(f"http://127.0.0.1:{port}", secretKey=secret))


class Worker:
    """A worker of a site, which tests what it is given."""

    def __init__(self, backend: Backend, url: str, site: str) -> None:
        self._backend = backend
        self.keys = SiteKeys.of(site)
        send = bool  # there is nobody to call
        redis = connect(url)
        self._store = RunStore(redis, TTL_S, f"{site}-1", turn_limits(), send, self.keys)
        opener, trips = Opener([KEYS[site][0]], site), self._store.round_trips
        self.memory = SignInMemory(trips, KEYS[site][0].encode(), self.keys)
        self.secrets = RejectionSecrets(trips, self.keys, VERIFIER, opener, self.memory)
        place = Site(LOOPBACK_ALLOWED, Trust(), name=site)
        self._runner = JobRunner(self._store, opener, place, SignInGuard(self.memory), VERIFIER)

    def test(self, job_id: str, port: int, secret: str = WRONG) -> str | None:
        """Return the cause that a new job for the platform ends with."""
        request, now = request_for(port, secret), datetime.now(UTC)
        start_by = now + timedelta(minutes=1)
        message = JobMessage(request=request, budget_s=10, start_by=start_by)
        site = self.keys.site
        entry = first_entry(request, now, tenant="me").model_copy(update={"site": site})
        sealed = SEALERS.at(site).seal(message.to_bytes(), job_id)
        job = NewJob(job_id, entry, sealed, start_by).signed(SIGNER)
        self._backend.api(lambda store: store.creation.create_all([job]))
        self._runner.run(QueuedJob(job_id, entry.target, site=site))
        found = self._backend.api(lambda store: store.reader.read(job_id))
        assert found
        return found.made[-1].cause


@pytest.fixture
def backend(real_redis: Redis, redis_url: str) -> Backend:
    """Give an empty Redis with the functions that sites call."""
    backend = Backend(real_redis, lambda: connect_async(redis_url))
    backend.load_functions()
    return backend


class Service:
    """All sites of a service on one Redis, and its API."""

    def __init__(self, backend: Backend, url: str, signer: Signer | None = SIGNER) -> None:
        self.backend = backend
        self._signer = signer
        self.here, self.there = Worker(backend, url, HERE), Worker(backend, url, THERE)
        self.elsewhere = Worker(backend, url, ELSEWHERE)

    def share(self, *sites: str) -> None:
        """Share once, as an API process does, between some of the sites or all of them."""

        async def look(redis: AsyncRedis) -> None:
            gate = RedisGate(redis)
            jobs = JobStore.of(gate, TTL_S, turn_limits())
            shared, known = SharedRejections(gate), sites or tuple(KEYS)
            await RejectionSharing(shared, jobs, self._signer, SEALERS, lambda: known).look()

        self.backend.run(look)
        for worker in (self.here, self.there, self.elsewhere):
            worker.secrets.look()

    def tell(self, worker: Worker, **changes: object) -> None:
        """Tell the API what a stolen worker may tell, instead of what it has just told."""
        told = self.backend.sync.lpop(worker.keys.rejections)
        assert isinstance(told, bytes)
        report = json.dumps({**json.loads(told), **changes})
        self.backend.sync.lpush(worker.keys.rejections, report)


@pytest.fixture
def service(backend: Backend, redis_url: str) -> Service:
    """Give a service whose workers have the secrets."""
    service = Service(backend, redis_url)
    service.share()
    return service


def test_what_one_site_s_platform_rejected_is_presented_by_no_other(service: Service) -> None:
    """A platform counts the attempts on an account from wherever they come, and locks it."""
    with zstack_node() as (node, port):
        first = service.there.test("a", port)
        service.share()
        others = [service.here.test("b", port), service.elsewhere.test("c", port)]

    assert [first, *others] == ["auth.secret_mismatch"] * 3
    assert node.judged == ["AKID"]


def test_a_site_whose_keys_hold_something_else_is_passed_over(service: Service) -> None:
    """All that was told at the same time would be lost for the other sites."""
    redis = service.backend.sync
    with zstack_node() as (_, port):
        service.here.test("a", port)
        service.share()
        for key in redis.keys("conncheck@nyc1:rejected:*"):
            redis.set(key, "nonsense")
        (account,) = redis.keys("conncheck@fra1:rejected:*[^s]")  # without its causes
        before = redis.zcard(account)

        service.here.test("b", port, "another one")
        service.share()

    assert redis.zcard(account) == before + 1


def test_another_secret_of_the_account_is_presented(service: Service) -> None:
    """Who corrects the secret must get a new verdict."""
    with zstack_node() as (node, port):
        service.there.test("a", port)
        service.share()

        assert service.here.test("b", port, "SECRET") is None
    assert node.judged == ["AKID", "AKID"]


def test_what_the_default_site_s_platform_rejected_is_presented_by_no_other(
    service: Service,
) -> None:
    """Its jobs are in no index."""
    with zstack_node() as (node, port):
        service.here.test("a", port)
        service.share()
        service.there.test("b", port)

    assert node.judged == ["AKID"]


def test_a_key_pair_that_was_accepted_is_accepted_everywhere(service: Service) -> None:
    """The platform's own count begins anew; so do the others'."""
    with zstack_node() as (node, port):
        service.there.test("a", port)
        service.share()
        service.there.test("b", port, "SECRET")
        service.there.memory.forget(request_for(port, "SECRET"), "b")
        service.share()
        service.here.test("c", port)

    assert node.judged == ["AKID"] * 3


def test_a_key_pair_that_was_rejected_is_not_told_to_be_accepted(service: Service) -> None:
    """A stolen worker would have the others lock the account."""
    with zstack_node() as (node, port):
        service.there.test("a", port)
        service.share()
        service.there.test("b", port, "also wrong")
        service.backend.sync.delete(service.there.keys.rejections)
        service.there.memory.forget(request_for(port, "also wrong"), "b")
        service.share()
        service.here.test("c", port)

    assert node.judged == ["AKID"] * 2


@pytest.mark.parametrize(
    "changes",
    [
        {"job": "another"},
        {"job": "x" * 100},
        {"cause": "tcp.refused"},
        {"cause": "auth.unknown_key"},
        {"cause": ""},
        {"pairs": [["x", "y"]]},
        {"pairs": [["0" * 64, "1" * 64]] * 100},
    ],
)
def test_a_report_that_does_not_fit_its_job_is_not_copied(
    service: Service, changes: dict[str, object]
) -> None:
    """A stolen worker withholds no key pair that it was not asked to test."""
    with zstack_node() as (_, port):
        service.there.test("a", port)
        service.tell(service.there, **changes)
        service.share()

    assert not [*service.backend.sync.scan_iter("conncheck:rejected:*")]


def test_a_report_about_another_site_s_job_is_not_copied(service: Service) -> None:
    """It would be told twice, or be made up."""
    with zstack_node() as (_, port):
        service.elsewhere.test("b", port)
        service.backend.sync.delete(service.elsewhere.keys.rejections)
        service.there.test("a", port)
        service.tell(service.there, job="b")
        service.share()

    assert not [*service.backend.sync.scan_iter("conncheck:rejected:*")]


def test_of_each_job_one_report_is_copied(service: Service) -> None:
    """Else one job would let a stolen worker fill the memories of all sites."""
    with zstack_node() as (_, port):
        service.there.test("a", port)
        told = service.backend.sync.lrange(service.there.keys.rejections, 0, -1)
        service.backend.sync.rpush(service.there.keys.rejections, *told)
        service.tell(service.there, pairs=[["0" * 64, "1" * 64]])
        service.share()

    (account,) = service.backend.sync.scan_iter("conncheck:rejected:*", _type="zset")
    assert b"0" * 64 not in account


def test_of_a_job_one_account_is_copied(service: Service) -> None:
    """A worker knows the secrets, so it could hash any accounts, and tell of all with one test."""
    forged = [[f"{n:064x}", "1" * 64] for n in range(16)]
    with zstack_node() as (_, port):
        service.there.test("a", port)
        service.tell(service.there, pairs=forged)
        service.share()

    copied = [*service.backend.sync.scan_iter("conncheck:rejected:*", _type="zset")]
    assert len(copied) == len(secrets_of(SIGNER, datetime.now(UTC), timedelta(seconds=KEPT_S)))


def test_what_a_stolen_worker_writes_instead_of_a_list_harms_no_other_site(
    service: Service,
) -> None:
    """Its Redis user may write anything under its prefix."""
    with zstack_node() as (node, port):
        service.there.test("a", port)
        service.backend.sync.delete(service.there.keys.rejections)
        service.backend.sync.set(service.there.keys.rejections, "no list")
        service.elsewhere.test("b", port)
        service.share()
        service.here.test("c", port)

    assert node.judged == ["AKID"] * 2


def test_a_service_with_one_site_tells_nothing(backend: Backend, redis_url: str) -> None:
    """It has no other one, and each test would pay for it."""
    service = Service(backend, redis_url)
    service.share(HERE)
    with zstack_node() as (_, port):
        service.here.test("a", port)

    assert not backend.sync.exists(service.here.keys.rejection_secrets)
    assert not backend.sync.exists(service.here.keys.rejections)


def test_without_a_signing_key_each_site_remembers_for_itself(
    backend: Backend, redis_url: str
) -> None:
    """An installation of an older version goes on as it did."""
    service = Service(backend, redis_url, signer=None)
    service.share()
    with zstack_node() as (node, port):
        for job_id in ("a", "b"):
            service.here.test(job_id, port)

    assert node.judged == ["AKID"]
    assert not backend.sync.exists(service.here.keys.rejection_secrets)
