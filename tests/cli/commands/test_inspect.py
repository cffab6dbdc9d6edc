import json
import ssl
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from shared.policy.service_policy import INTERNAL_NAME
from tests.certificates import written as by_hand
from tests.certificates.authority import Authority
from tests.cli.commanding import LOOPBACK
from tests.network.servers import serving
from tests.running.service import Service
from tests.stand_ins.zstack import zstack_node
from tests.zoo.tls_servers import answering_bytes
from worker.tcp.connection import fingerprint


def inspect(*arguments: str, **settings: str) -> tuple[int, str]:
    env = {"COLUMNS": "100", **settings}
    result = CliRunner().invoke(app, ["inspect", *arguments], env=env)
    return result.exit_code, result.output


def by_service(service: Service) -> dict[str, str]:
    return {"CONNCHECK_SERVER": service.url, "CONNCHECK_TOKEN": service.token}


def lasting(answer: str) -> dict[str, Any]:
    """Return what two inspections of the same host have in common."""
    told: dict[str, Any] = json.loads(answer)
    told["jobId"] = len(told["jobId"])
    for item in told["items"]:
        item["latencyMs"] = ""
    return told


def der_of(port: int) -> bytes:
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port)))


def test_a_trusted_host_is_shown_with_names_dates_and_sha256(
    authority: Authority, tmp_path: Path
) -> None:
    """All that is compared before a certificate is pinned."""
    file = tmp_path / "ca.pem"
    file.write_text(authority.pem)
    with zstack_node(tls=authority.server("127.0.0.1", "cloud.example.com")) as (node, port):
        status, shown = inspect(f"127.0.0.1:{port}", "--ca-file", str(file), *LOOPBACK)
        sha256 = fingerprint(der_of(port))

    assert status == 0
    assert "cloud.example.com" in shown
    assert "days left" in shown
    assert f"--fingerprint {sha256}" in shown
    assert "✓ trusted as 127.0.0.1" in shown
    assert node.requests == []


def test_why_a_host_is_not_trusted_is_told(authority: Authority) -> None:
    """With the cause and the remedies of a test."""
    with zstack_node(tls=authority.server("127.0.0.1")) as (_, port):
        status, shown = inspect(f"127.0.0.1:{port}", *LOOPBACK)

    assert status == 1
    assert "tls.private_ca" in shown
    assert "options.tls.caCertificate" in shown


def test_a_name_that_clients_ignore_is_shown_apart_with_the_reason(tmp_path: Path) -> None:
    """Beside a cross, an address in the list of names would be a riddle."""
    file, ours = tmp_path / "ca.pem", by_hand.authority()
    file.write_text(ours.pem)
    names = by_hand.alternatives(by_hand.dns("127.0.0.1"), by_hand.dns("cloud.example.com"))
    leaf = by_hand.written(names, above=ours)
    with serving(answering_bytes(by_hand.first_flight(leaf.der))) as server:
        status, shown = inspect(f"127.0.0.1:{server.port}", "--ca-file", str(file), *LOOPBACK)

    rows = [line.strip().split(maxsplit=1) for line in shown.splitlines()]
    assert status == 1
    assert ["names", "cloud.example.com"] in rows
    assert ["ignored", "DNS:127.0.0.1 (an address must be an IP entry)"] in rows


def test_the_whole_chain_is_shown_as_it_is_sent(authority: Authority) -> None:
    """A missing intermediate is the fault that is hardest to see."""
    with zstack_node(tls=authority.server("127.0.0.1")) as (_, port):
        _, shown = inspect(f"127.0.0.1:{port}", "--json", *LOOPBACK)

    told = json.loads(shown)
    assert told["trusted"] is False
    assert told["reason"]["cause"] == "tls.private_ca"
    assert len(told["certificates"]) == 1
    assert told["certificates"][0]["names"] == ["127.0.0.1"]


def test_json_is_what_the_service_answers(
    service: Service, authority: Authority, tmp_path: Path
) -> None:
    """Whoever reads one of them reads the other, and a service gives the command its own."""
    file = tmp_path / "ca.pem"
    file.write_text(authority.pem)
    with zstack_node(tls=authority.server("127.0.0.1")) as (_, port):
        asked = [f"127.0.0.1:{port}", "--ca-file", str(file), "--json"]
        status, here = inspect(*asked, *LOOPBACK)
        status_there, there = inspect(*asked, **by_service(service))
        body = {"endpoint": asked[0], "options": {"tls": {"caCertificate": authority.pem}}}
        with service.client() as client:
            answer = client.post("/api/v1/platforms/inspect-certificate", json=body).text

    assert status == status_there == 0
    assert lasting(here) == lasting(there) == lasting(answer)
    assert [*json.loads(here)] == [*json.loads(there)] == [*json.loads(answer)]


def test_a_service_inspects_as_this_process_does(service: Service, authority: Authority) -> None:
    """It shows the causes too, which the answer of the call leaves to the job."""
    with zstack_node(tls=authority.server("127.0.0.1")) as (_, port):
        untrusted = inspect(f"127.0.0.1:{port}", **by_service(service))
    with zstack_node() as (_, port):
        plain = inspect(f"127.0.0.1:{port}", **by_service(service))
    refused = inspect("platform.internal", **by_service(service))

    assert (untrusted[0], plain[0], refused[0]) == (1, 1, 3)
    assert "tls.private_ca" in untrusted[1]
    assert "--fingerprint" in untrusted[1]
    assert "tls.plain_http_port" in plain[1]


def test_what_speaks_no_tls_is_named() -> None:
    """Most often it is the right host with the wrong port."""
    with zstack_node() as (_, port):
        status, shown = inspect(f"127.0.0.1:{port}", *LOOPBACK)

    assert status == 1
    assert "tls.plain_http_port" in shown


def test_an_internal_name_is_refused_before_it_is_looked_up() -> None:
    """The lookup alone would tell whoever runs the DNS what is inside."""
    status, shown = inspect("platform.internal", "--json")

    told = json.loads(shown)
    assert status == 3
    assert told["trusted"] is None
    assert [item["name"] for item in told["items"]] == ["dns_lookup"]
    assert told["items"][0]["errorMsg"] == INTERNAL_NAME.summary.format(host="platform.internal")


def test_loopback_is_refused_as_in_a_test() -> None:
    """One policy for everything that opens a connection."""
    status, shown = inspect("127.0.0.1:1")

    assert status == 3
    assert "policy.address_blocked" in shown


@pytest.mark.parametrize("host", ["h:0", "http://h", "", "a b"])
def test_what_is_no_host_is_refused(host: str) -> None:
    """Two is for usage."""
    assert inspect(host)[0] == 2
