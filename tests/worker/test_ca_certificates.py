from datetime import UTC, datetime

import pytest

from shared.ca_certificates import OtherCertificatesError, detached, digest_of, sealed_as
from shared.request import JobRequest
from shared.request.message import JobMessage
from shared.sealing import Opener, Sealer, new_key_pair
from shared.store.batches.batch_keys import ca_certificates_key, job_id_of
from tests.certificates.authority import Authority
from tests.running.service import a_request
from tests.worker.jobs import Jobs
from worker.ca_certificates import KEPT, CaCertificates, GoneError

PRIVATE_KEY, PUBLIC_KEY = new_key_pair()
BATCH = "b" * 24
JOB = job_id_of(BATCH, 7)


def messages(pem: str) -> tuple[JobMessage, JobMessage]:
    """Return a message with certificates, as it was sent and as it is sealed."""
    options = {"tls": {"caCertificate": pem}}
    request = JobRequest.model_validate(a_request("cloud.example.com", options=options))
    whole = JobMessage(request=request, budget_s=5, start_by=datetime.now(UTC))
    return whole, detached(whole)[0]


def keep(jobs: Jobs, pem: str, *, named: str = "", batch_id: str = BATCH) -> None:
    """Keep certificates as those that messages have `named`."""
    digest = named or digest_of(pem)
    sealed = Sealer(PUBLIC_KEY).seal(pem.encode(), sealed_as(digest))
    jobs.redis.hset(ca_certificates_key(batch_id), digest, sealed)


def test_a_batch_s_certificates_are_fetched_once(authority: Authority) -> None:
    """They are up to 256 KB, and a batch has 50,000 jobs."""
    jobs, (whole, bare) = Jobs(), messages(authority.pem)
    keep(jobs, authority.pem)
    certificates = CaCertificates(jobs.store, Opener([PRIVATE_KEY]))

    first = certificates.attached(bare, JOB)
    jobs.redis.flushall()
    second = certificates.attached(bare, job_id_of(BATCH, 8))

    assert first == second == whole


def test_certificates_that_are_gone_are_no_reason_to_test_without_them() -> None:
    """A platform with a private authority would be reported as untrusted."""
    _, bare = messages(Authority().pem)

    with pytest.raises(GoneError):
        CaCertificates(Jobs().store, Opener([PRIVATE_KEY])).attached(bare, JOB)


def test_another_batch_s_certificates_are_not_looked_for(authority: Authority) -> None:
    """A batch's own are deleted with it, and belong to its tenant."""
    jobs, (_, bare) = Jobs(), messages(authority.pem)
    keep(jobs, authority.pem, batch_id="c" * 24)

    with pytest.raises(GoneError):
        CaCertificates(jobs.store, Opener([PRIVATE_KEY])).attached(bare, JOB)


def test_changed_certificates_are_noticed(authority: Authority) -> None:
    """Anyone who writes to Redis can seal: only the digest in the job's own seal is believed."""
    jobs, (_, bare) = Jobs(), messages(authority.pem)
    certificates = CaCertificates(jobs.store, Opener([PRIVATE_KEY]))

    keep(jobs, Authority().pem, named=bare.ca_certificate_sha256)
    with pytest.raises(OtherCertificatesError):
        certificates.attached(bare, JOB)
    jobs.redis.hset(ca_certificates_key(BATCH), bare.ca_certificate_sha256, "no seal")
    with pytest.raises(OtherCertificatesError):
        certificates.attached(bare, JOB)


def test_a_worker_keeps_few_certificates() -> None:
    """It runs for months, and each batch brings its own."""
    jobs, authorities = Jobs(), [Authority() for _ in range(KEPT + 1)]
    certificates = CaCertificates(jobs.store, Opener([PRIVATE_KEY]))
    for authority in authorities:
        keep(jobs, authority.pem)
        certificates.attached(messages(authority.pem)[1], JOB)
    jobs.redis.flushall()

    assert certificates.attached(messages(authorities[-1].pem)[1], JOB)
    with pytest.raises(GoneError):
        certificates.attached(messages(authorities[0].pem)[1], JOB)
