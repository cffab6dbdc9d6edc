from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from shared.ca_certificates import OtherCertificatesError, attached, detached, digest_of
from shared.request import JobRequest
from shared.request.inspection import InspectionRequest
from shared.request.message import JobMessage
from tests.certificates.authority import Authority
from tests.running.service import a_request

INSPECTION = {"endpoint": "cloud.example.com"}


@dataclass(frozen=True)
class Case:
    """A kind of request."""

    model: type[JobRequest | InspectionRequest]
    content: Mapping[str, object]


CASES = [Case(JobRequest, a_request("cloud.example.com")), Case(InspectionRequest, INSPECTION)]


def message(case: Case, pem: str | None) -> JobMessage:
    """Return the message for a worker that is to trust `pem`."""
    options = {"tls": {"caCertificate": pem}} if pem else {}
    request = case.model.model_validate({**case.content, "options": options})
    return JobMessage(request=request, budget_s=5, start_by=datetime.now(UTC))


@pytest.mark.parametrize("case", CASES, ids=["test", "inspection"])
def test_certificates_come_back_to_their_message(case: Case, authority: Authority) -> None:
    """The worker must trust what the caller sent, and the message must not contain it."""
    whole = message(case, authority.pem)

    bare, pem = detached(whole)

    assert pem == authority.pem
    assert bare.ca_certificate_sha256 == digest_of(authority.pem)
    assert authority.pem.encode()[50:100] not in bare.to_bytes()
    assert attached(JobMessage.from_bytes(bare.to_bytes()), authority.pem) == whole


def test_other_certificates_are_refused(authority: Authority) -> None:
    """Who could replace them would sign the certificate that receives the key pair's signature."""
    bare, _ = detached(message(CASES[0], authority.pem))

    with pytest.raises(OtherCertificatesError):
        attached(bare, Authority().pem)


def test_a_message_without_certificates_stays_as_it_is() -> None:
    """A worker of the version before reads it."""
    whole = message(CASES[0], None)

    assert detached(whole) == (whole, None)
    assert b"caCertificateSha256" not in whole.to_bytes()
