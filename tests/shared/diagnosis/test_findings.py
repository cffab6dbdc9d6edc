import pytest

from shared.diagnosis.causes import Cause
from shared.diagnosis.entries import Entry, FoundCause, StepEnded
from shared.diagnosis.outcomes import Facts, Finding, named_in
from shared.diagnosis.report import Job
from shared.platform.keys.input_checks import (
    CREDENTIAL_FORMAT,
    CREDENTIAL_SWAPPED,
    CREDENTIAL_WHITESPACE,
    PATH_UNEXPECTED,
)
from shared.platform.keys.key_pair import (
    ACCESS_KEY_NOT_FOUND,
    ACCOUNT_LOCKED,
    INVALID_CREDENTIALS,
    KEY_DISABLED,
    LOGIN_REFUSED,
    SECRET_MISMATCH,
)
from shared.products.nutanix import USERS_OF_EACH_PRISM
from shared.products.vsphere import USER_OF_A_VCENTER
from shared.reporting.fold import fold
from shared.steps import StepName
from tests.shared.diagnosis.stories import KNOWN, at, closed, queued, started
from worker.tcp.causes import TCP_REFUSED
from worker.tls.certificate_causes import (
    DEFAULT_VHOST_CERT,
    EXPIRED,
    HOSTNAME_MISMATCH,
    NODES_DIFFER,
    SELF_SIGNED,
)
from worker.tls.interception import TLS_INTERCEPTION
from worker.tls.known_issuers import DEFAULT_CERTIFICATE

FACTS: Facts = {
    **KNOWN,
    "date": "2026-11-01",
    "days": 22,
    "issuer": "CN=Lab",
    "subject": "CN=a",
    "default_subject": "CN=b",
    "product": "ZStack Cloud",
    "access_key_is": "AccessKey ID",
    "path": "/ui",
    "where": "db.example.com",
    "interceptor": "a proxy",
    "software": "ingress-nginx",
    "sha256": "ab" * 32,
    "looks_like": "40 letters and digits",
    "side": "ends",
}
BLANK = Finding(CREDENTIAL_WHITESPACE, {"field": "secretKey"})


def in_full(finding: Finding) -> FoundCause:
    """Return a finding with all facts that its texts need."""
    named = named_in(finding.cause.summary, *finding.cause.remedies) - KNOWN.keys()
    facts = {name: fact for name, fact in FACTS.items() if name in named}
    return FoundCause.of(Finding(finding.cause, {**facts, **finding.facts}), FACTS)


def failed_with(step: StepName, cause: Cause, *others: Finding) -> Job:
    """Return the job that `step` ends."""
    found = tuple(map(in_full, (Finding(cause), *others)))
    ended = StepEnded(at=at(3), step=step, outcome="failed", took_ms=1, causes=found)
    entries: list[Entry] = [queued(), started(), ended, closed()]
    job = fold(entries)
    assert job
    return job


def test_an_error_names_all_faults_of_a_certificate() -> None:
    """Whoever renews an expired certificate meets the wrong name next, and has to wait again."""
    job = failed_with("tls_handshake", EXPIRED, Finding(HOSTNAME_MISMATCH), Finding(SELF_SIGNED))

    (item,) = job.answer().items
    assert item.error_msg == (
        "The certificate of db.example.com expired on 2026-11-01, 22 days ago; also: The "
        "certificate of db.example.com is not valid for this name; The certificate of "
        "db.example.com is self-signed: no authority vouches for it"
    )
    chinese = job.in_language("zh-CN").answer().items[0].error_msg
    assert "另外" in chinese
    assert "; " not in chinese
    assert (
        job.made[0].summary
        == "The certificate of db.example.com expired on 2026-11-01, 22 days ago"
    )
    assert job.recommendation == "Renew the certificate of db.example.com, which CN=Lab issued."


@pytest.mark.parametrize(
    "other",
    [
        *(DEFAULT_VHOST_CERT, DEFAULT_CERTIFICATE, NODES_DIFFER, TLS_INTERCEPTION),
        *(TCP_REFUSED, EXPIRED),
    ],
)
def test_what_explains_a_fault_is_no_further_one(other: Cause) -> None:
    """Only what would stop the caller next is named with it."""
    facts: Facts = {"elsewhere": "a valid certificate", "sha256": "ab" * 32}
    job = failed_with("tls_handshake", EXPIRED, Finding(other, facts))

    assert "also" not in job.answer().items[0].error_msg


def test_rival_explanations_are_not_named_as_facts() -> None:
    """What an investigation knew before is no second fault."""
    job = failed_with("tcp_connect", TCP_REFUSED, Finding(EXPIRED))

    assert "also" not in job.answer().items[0].error_msg


@pytest.mark.parametrize("cause", [SECRET_MISMATCH, INVALID_CREDENTIALS])
def test_a_blank_at_the_end_of_a_rejected_secret_leads_the_recommendation(cause: Cause) -> None:
    """It is what one can see without the platform, and pasted keys often have it."""
    job = failed_with("authenticate", cause, BLANK)

    (item,) = job.made
    assert job.recommendation == "Enter the secretKey again without the whitespace."
    assert item.remedies[0] == job.recommendation
    always = [remedy for remedy in cause.remedies if not remedy.startswith("[")]
    assert len(item.remedies) == len(always) + 1
    assert (
        job.answer()
        .items[0]
        .error_msg.endswith("; also: The secretKey ends with whitespace, as pasted keys often do")
    )
    assert job.in_language("zh-CN").recommendation == job.in_language("zh-CN").made[0].remedies[0]
    assert [one.cause for one in item.contributing] == ["input.credential_whitespace"]


def test_a_swapped_pair_leads_whatever_part_the_platform_names() -> None:
    """It looks up the secret as if it were a key's ID."""
    swapped = {
        "secret_looks_like": "40 letters and digits",
        "access_looks_like": "20 letters and digits",
    }
    job = failed_with("authenticate", ACCESS_KEY_NOT_FOUND, Finding(CREDENTIAL_SWAPPED, swapped))

    assert job.recommendation == "Swap the accessKey and the secretKey."


@pytest.mark.parametrize("cause", [ACCOUNT_LOCKED, KEY_DISABLED, ACCESS_KEY_NOT_FOUND])
def test_a_blank_in_the_secret_explains_no_other_fault(cause: Cause) -> None:
    """A key that is disabled stays so, however its secret is typed."""
    job = failed_with("authenticate", cause, BLANK)

    assert "whitespace" not in job.recommendation
    assert "also" not in job.made[0].error_msg


def test_a_user_that_the_platform_cannot_know_leads_and_a_possibility_does_not() -> None:
    """A single ESXi host has no domain, and so no user of one, however the password is typed."""
    sure = failed_with("authenticate", LOGIN_REFUSED, Finding(USER_OF_A_VCENTER))
    open_ = failed_with("authenticate", LOGIN_REFUSED, Finding(USERS_OF_EACH_PRISM))

    assert sure.recommendation == USER_OF_A_VCENTER.remedies[0]
    assert open_.recommendation == LOGIN_REFUSED.remedies[0]


@pytest.mark.parametrize("field", ["accessKey", "secretKey"])
def test_the_part_that_the_platform_names_is_the_one_that_counts(field: str) -> None:
    """It knows the access key, which is therefore typed as it should be."""
    job = failed_with("authenticate", SECRET_MISMATCH, Finding(CREDENTIAL_FORMAT, {"field": field}))

    assert job.recommendation.startswith("Copy the whole") is (field == "secretKey")


def test_a_path_of_web_pages_is_no_fault_of_the_key_pair() -> None:
    """What the answer proves about the endpoint comes first."""
    job = failed_with("product_identify", SECRET_MISMATCH, Finding(PATH_UNEXPECTED))

    assert job.recommendation == SECRET_MISMATCH.remedies[0]
