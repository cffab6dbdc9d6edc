import shlex
from typing import get_args

import pytest

from shared.diagnosis.outcomes import Fact
from shared.platform.http import HttpRequest
from shared.reporting.commands import command_for, request_facts
from shared.request import JobRequest
from shared.steps import StepName
from worker.journaled_run import known_facts

ADDRESS = {"address": "192.0.2.7"}


def facts(endpoint: str, **options: object) -> dict[str, Fact]:
    """Return what is known of a job."""
    request = JobRequest.model_validate(
        {
            "productType": "zstack",
            "endpoint": endpoint,
            "accessKey": "AKID",
            "secretKey": "the-secret-key",
            "options": options,
        }
    )
    return dict(known_facts(request))


@pytest.mark.parametrize(
    ("step", "command"),
    [
        ("dns_lookup", "dig +noall +comments +answer a.example A a.example AAAA"),
        ("tcp_connect", "nc -vz -w 3 192.0.2.7 8443"),
        (
            "tls_handshake",
            "openssl s_client -connect 192.0.2.7:8443 -servername a.example "
            "-verify_hostname a.example -showcerts </dev/null",
        ),
        (
            "http_response",
            "curl -v --max-time 10 --resolve a.example:8443:192.0.2.7 "
            "https://a.example:8443/p/zstack/v1/management-nodes/ready",
        ),
        (
            "product_identify",
            "curl -v --max-time 10 --resolve a.example:8443:192.0.2.7 "
            "https://a.example:8443/p/zstack/v1/management-nodes/ready",
        ),
        ("authenticate", ""),
        ("authorize", ""),
    ],
)
def test_a_step_is_seen_again_at_the_address_that_was_tested(step: StepName, command: str) -> None:
    """Another of the name's addresses may be fine; what needs the key pair has no command."""
    assert command_for(step, "x", {**facts("https://a.example:8443/p"), **ADDRESS}) == command


def test_an_address_is_neither_resolved_nor_sent_as_a_name() -> None:
    """Curl would look it up in vain, and SNI holds names alone (RFC 6066 3)."""
    known = {**facts("https://[2001:db8::7]:8443"), "address": "2001:db8::7"}

    curl, openssl = (command_for(s, "x", known) for s in ("http_response", "tls_handshake"))

    assert "--resolve" not in curl
    assert "'https://[2001:db8::7]:8443/zstack/" in curl
    assert "-connect '[2001:db8::7]':8443 -verify_ip 2001:db8::7 " in openssl
    assert "-servername" not in openssl


def test_the_certificate_is_checked_unless_the_caller_does_not() -> None:
    """A command that is pasted must not teach people to look away."""
    unchecked = facts("https://a.example", tls={"verify": False})

    assert " -k " in command_for("http_response", "x", unchecked)
    assert " -k " not in command_for("http_response", "x", facts("https://a.example"))


def test_a_first_request_with_a_body_is_made_with_it() -> None:
    """Some products are asked with POST."""
    request = HttpRequest.with_json("POST", "/api", {"a": "it's"})
    known = {**facts("http://a.example"), **request_facts(request, verifies=True)}

    words = shlex.split(command_for("http_response", "x", known))

    assert words[words.index("-X") + 1] == "POST"
    assert words[words.index("--data-raw") + 1] == '{"a":"it\'s"}'
    assert "Content-Type: application/json" in words


@pytest.mark.parametrize("code", ["auth.clock_skew", "api.clock_off"])
def test_two_clocks_can_be_compared_without_a_key_pair(code: str) -> None:
    """The sign-in can't be shown without it, but what it failed of can."""
    command = command_for("authenticate", code, facts("http://a.example"))

    assert command.startswith("date -u; curl -v")
    assert "the-secret-key" not in command


@pytest.mark.parametrize("step", get_args(StepName))
def test_a_command_that_is_pasted_holds_no_surprise(step: StepName) -> None:
    """Names come from the caller, and some facts from the platform."""
    evil = "x; touch evil $(id) `id` 'y"
    known: dict[str, Fact] = {
        "host": evil,
        "port": 80,
        "url": f"http://{evil}",
        "address": evil,
        "method": evil,
    }

    command = command_for(step, "x", known)

    for word in shlex.split(command):
        assert "touch" not in word or evil in word


def test_what_is_not_known_is_left_out() -> None:
    """Before the connection there is no address."""
    assert command_for("tcp_connect", "x", facts("http://a.example")) == ""
    assert "--resolve" not in command_for("http_response", "x", facts("http://a.example"))
