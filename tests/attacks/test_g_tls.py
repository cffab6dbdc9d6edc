"""G: TLS handshakes that are meant to crash, stall, trick or track the client.

test_neighbours.py has some of them beside healthy platforms.
"""

import ssl
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from shared.diagnosis.entries import StepEnded
from shared.request.inspection import InspectionRequest
from tests.attacks.traps.attacking import ACCESS, SECRET, SITE, Story, attacked
from tests.attacks.traps.hostile_tls import (
    RANDOM,
    big_chain,
    malformed,
    stall_after_hello,
    updating_keys,
    with_big_keys,
    with_many_names,
)
from tests.attacks.traps.trap import trap
from tests.certificates.authority import Authority
from tests.certificates.crafted import Authority as FaultyAuthority
from tests.certificates.crafted import self_signed
from tests.network.namespaces import in_own_network, own_files
from tests.network.servers import (
    Peer,
    Script,
    ScriptedServer,
    hang_up_after_reading,
    hold,
    reply,
    serving,
)
from tests.worker.jobs import queued_job
from worker.deadline import Deadline
from worker.journaled_run import run_inspection

BUDGET_S = 1.0
MOST_KEPT_BYTES = 6500  # docs/operations.md: 4 KB are usual
UNVERIFIED = {"tls": {"verify": False}}


def met(*scripts: Script, tls: ssl.SSLContext | None = None, **changes: Any) -> Story:
    """Return what a worker makes of a server, after what holds for all of them."""
    with serving(*scripts, tls=tls) as server:
        story = attacked(f"https://127.0.0.1:{server.port}", budget_s=BUDGET_S, **changes)
    assert story.cause != "self.internal_error"
    assert SECRET not in story.shown
    assert len(story.shown) < 20_000
    return story


@pytest.mark.parametrize("number", range(len(RANDOM)))
def test_g1_random_bytes_are_no_tls(number: int) -> None:
    """Of any length, also where they begin like a record."""

    def script(peer: Peer) -> None:
        peer.read_some()
        peer.send(RANDOM[number])
        peer.hold()

    assert met(script).last.step == "tls_handshake"


def test_g2_a_stall_after_the_hello_ends_at_the_budget() -> None:
    """The handshake has begun well, and never goes on."""
    assert met(stall_after_hello).cause in ("tls.handshake_timeout", "job.budget_exhausted")


def test_g3_a_chain_of_megabytes_is_not_read() -> None:
    """OpenSSL takes 100 KiB; what is longer costs nothing but its refusal."""
    before_s = process_time()
    story = met(hold, tls=big_chain())

    assert story.last.step == "tls_handshake"
    assert process_time() - before_s < 2


def test_g3_thousands_of_names_are_shown_as_a_few() -> None:
    """They are evidence, which is kept for a day."""
    story = met(hold, tls=with_many_names(3000).server_context())

    assert story.last.step == "tls_handshake"


def test_g3_a_hostile_chain_keeps_little_more_than_a_usual_one() -> None:
    """A result is kept for a day, and a token may inspect hundreds of times a minute."""
    hostile = [self_signed("127.0.0.1", *long_names(n)) for n in range(10)]
    first, *others = hostile
    sent = replace(first, sent_with=tuple(one.certificate for one in others))
    jobs = queued_job()
    with serving(hold, tls=sent.server_context()) as server:
        request = InspectionRequest.model_validate({"endpoint": f"127.0.0.1:{server.port}"})
        run_inspection(request, SITE, jobs.begin(), Deadline.after(10))

    (ended,) = [e for e in jobs.entries() if isinstance(e, StepEnded) and "certificate" in e.step]
    assert ended.facts["certificates"] == 10
    assert ended.facts["0.sha256"] == sha256(first.der).hexdigest()
    assert ended.facts["9.sha256"] == sha256(others[-1].der).hexdigest()
    assert len(jobs.raw()) < MOST_KEPT_BYTES


def long_names(number: int) -> list[str]:
    """Return 30 names that are as long as a name can be."""
    label = "a" * 62
    return [f"{label}.{label}.{label}.n{number}x{n}{'b' * 40}.c" for n in range(30)]


def test_g3_a_key_of_16000_bits_takes_no_time() -> None:
    """It is the client that computes with it; 300 of them would stop a worker."""
    before_s = process_time()
    story = met(hold, tls=with_big_keys().server_context())

    assert story.last.step == "tls_handshake"
    assert process_time() - before_s < 3


@pytest.mark.parametrize("name", malformed())
def test_g4_a_malformed_certificate_is_one_that_is_not_trusted(name: str) -> None:
    """Negative serials, years without an end, NULs in names, lengths that lie."""
    issued, der = malformed()[name]
    tls = issued.server_context(der)

    trusted = met(hang_up_after_reading, tls=tls)
    looked_at = met(hang_up_after_reading, tls=tls, options=UNVERIFIED)

    assert trusted.last.step == looked_at.ended[-2].step == "tls_handshake"
    assert not any(character in trusted.shown for character in ("\\\\x00", "\\\\x1b"))


def test_g5_nothing_that_a_certificate_names_is_called() -> None:
    """Issuers, revocation lists and responders stand in it as URLs of the platform's choice."""
    with trap() as listening:
        url = f"http://127.0.0.1:{listening.port}/ca.cer"
        issued = FaultyAuthority().issue("127.0.0.1", issuer_url=url)
        story = met(hold, tls=issued.server_context())

    assert story.last.step == "tls_handshake"
    assert listening.caught == []


def test_g6_a_flood_of_key_updates_ends_within_the_budget(tmp_path: Path) -> None:
    """Each of them is valid, costs the client a computation, and brings no answer nearer."""
    with updating_keys(tmp_path) as port:
        story = attacked(f"https://127.0.0.1:{port}", budget_s=BUDGET_S, options=UNVERIFIED)

    assert story.last.step == "http_response"
    # It may be too busy sending to read what it is answered.
    taken = ("http.header_timeout", "job.budget_exhausted", "tls.broke_off", "tcp.unacknowledged")
    assert story.cause in taken


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_g7_an_old_version_is_not_agreed_to(version: ssl.TLSVersion) -> None:
    """Whoever is in between would choose it."""
    tls = self_signed("127.0.0.1").server_context()
    tls.maximum_version = version

    story = met(hold, tls=tls, options=UNVERIFIED)

    assert story.cause == "tls.version_unsupported"


def test_g8_no_client_certificate_is_shown_to_whoever_asks(authority: Authority) -> None:
    """There is none to show, whatever the machine has for others."""
    tls = authority.server("127.0.0.1")
    tls.verify_mode = ssl.CERT_OPTIONAL
    tls.load_verify_locations(cadata=authority.pem)
    shown: list[bytes | None] = []

    def script(peer: Peer) -> None:
        shown.append(peer.client_certificate)

    with serving(script, tls=tls) as server:
        options = {"tls": {"caCertificate": authority.pem}}
        attacked(f"https://127.0.0.1:{server.port}", options=options)

    assert shown
    assert set(shown) == {None}


def test_g9_a_certificate_that_changes_in_the_midst_of_a_test_is_noticed() -> None:
    """A pin holds whenever a connection is opened, not only at the first handshake.

    tests/end_to_end/test_inspection.py has the change between look and test.
    """
    seen, other = self_signed("127.0.0.1"), self_signed("127.0.0.1")
    options = {"tls": {"fingerprintSha256": sha256(seen.der).hexdigest()}}
    contexts = [seen.server_context(), other.server_context()]

    def choose(secured: ssl.SSLObject, *_: object) -> None:
        secured.context = contexts.pop(0) if len(contexts) > 1 else contexts[0]

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(reply(b"{}", "Connection: close"))

    tls = self_signed("127.0.0.1").server_context()
    tls.sni_callback = choose
    with serving(script, tls=tls) as server:
        story = attacked(f"https://127.0.0.1:{server.port}", options=options)

    assert story.cause == "tls.pin_changed"
    assert not any(ACCESS.encode() in request for request in server.requests)


def test_g10_no_session_is_taken_up_again() -> None:
    """A ticket would tell a platform that two tenants' tests come from one place."""
    resumed: list[bool] = []

    def script(peer: Peer) -> None:
        resumed.append(peer.is_resumed)
        peer.read_request()
        peer.send(reply(b"{}", "Connection: close"))

    tls = self_signed("127.0.0.1").server_context()
    with serving(script, tls=tls) as server:
        for _ in range(3):
            attacked(f"https://127.0.0.1:{server.port}", options=UNVERIFIED)

    assert len(resumed) >= 3
    assert set(resumed) == {False}


STS, EC2 = "sts.us-east-1.amazonaws.com", "ec2.us-east-1.amazonaws.com"
UNSIGNED = b"<ErrorResponse><Error><Type>Sender</Type><Code>MissingAuthenticationToken</Code>"
UNSIGNED += b"</Error></ErrorResponse>"
OWNER = b"<GetCallerIdentityResponse><Arn>arn:aws:iam::123456789012:user/me</Arn>"
OWNER += b"<Account>123456789012</Account></GetCallerIdentityResponse>"


def answer_as_aws(peer: Peer) -> None:
    """Answer as STS and as EC2, whatever the key pair is."""
    while request := peer.read_request():
        if b"Authorization" not in request:
            peer.send(reply(UNSIGNED, status="403 Forbidden"))
        elif f"Host: {STS}".encode() in request:
            peer.send(reply(OWNER))
        else:
            dry_run = b"<Response><Errors><Error><Code>DryRunOperation</Code></Error></Errors>"
            peer.send(reply(dry_run + b"<RequestID>r</RequestID></Response>", status="412 No"))


@pytest.mark.parametrize("verify", [True, False])
def test_g11_a_pin_vouches_for_no_other_host(verify: bool) -> None:
    """AWS has a second host, which is sent a signature as well."""
    by_name = {name: self_signed(name) for name in (STS, EC2)}
    contexts = {name: issued.server_context() for name, issued in by_name.items()}
    pin = sha256(by_name[STS].der).hexdigest()

    def choose(secured: ssl.SSLObject, name: str, *_: object) -> None:
        secured.context = contexts[name]

    def look() -> tuple[Story, ScriptedServer]:
        tls = self_signed("x").server_context()
        tls.sni_callback = choose
        options = {"tls": {"verify": verify, "fingerprintSha256": pin}}
        with (
            own_files(hosts=f"127.0.0.1 localhost {STS} {EC2}\n"),
            serving(answer_as_aws, tls=tls, port=443) as server,
        ):
            return attacked(f"https://{STS}", productType="aws", options=options), server

    story, server = in_own_network(look)

    assert story.last.step == "authorize"
    assert story.cause == "tls.self_signed"
    assert [b"Authorization" in request for request in server.requests] == [False, True]
    assert not any(f"Host: {EC2}".encode() in request for request in server.requests)
