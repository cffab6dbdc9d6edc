"""D: URLs that two parsers read differently."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.traps.attacking import attacked
from tests.attacks.traps.hostile import ready, version
from tests.attacks.traps.trap import trap
from tests.network.servers import answering, reply, serving
from tests.running.service import CALL, Service, a_request


def causes(service: Service, **changes: Any) -> list[tuple[str, str | None]]:
    """Return which fields of a request are refused, and by which cause; nothing is sent."""
    with trap() as listening:
        request = {**a_request(f"http://127.0.0.1:{listening.port}"), **changes}
        with service.client() as client:
            answer = client.post(CALL, content=json.dumps(request), headers=JSON)
    assert listening.caught == []
    assert answer.status_code == 422, answer.text
    return [(error["field"], error.get("cause")) for error in answer.json()["errors"]]


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "endpoint",
    ["http://good.com@127.0.0.1", "http://user:pw@127.0.0.1:80@good.com/", "good.com@127.0.0.1"],
)
def test_d1_user_information_is_refused(service: Service, endpoint: str) -> None:
    """Parsers differ on which @ counts."""
    assert causes(service, endpoint=endpoint) == [("endpoint", "input.userinfo_in_url")]


@pytest.mark.parametrize(
    "endpoint", ["http://good.com\\@127.0.0.1/", "http:\\\\127.0.0.1", "http://good.com\\.evil.com"]
)
def test_d2_a_backslash_is_refused(service: Service, endpoint: str) -> None:
    """Browsers take it for a slash, others for a part of the host."""
    ((field, cause),) = causes(service, endpoint=endpoint)

    assert field == "endpoint"
    assert cause in ("input.userinfo_in_url", "input.url_malformed", "input.port_invalid")


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1#@good.com/", "http://good.com/#@127.0.0.1"])
def test_d3_a_fragment_is_refused(service: Service, endpoint: str) -> None:
    """It hides the host from one of two parsers."""
    ((field, _),) = causes(service, endpoint=endpoint)

    assert field == "endpoint"


@pytest.mark.parametrize("break_", ["\r\nX-Injected: 1", "\n", "\r", "\u2028", "\x00", "\x85"])
@pytest.mark.parametrize("field", ["endpoint", "accessKey", "secretKey"])
def test_d4_a_line_break_is_refused_wherever_it_stands(
    service: Service, field: str, break_: str
) -> None:
    """The access key goes into a header; a line break would begin another one."""
    ((refused, _),) = causes(service, **{field: f"value{break_}more"})

    assert refused == field


def test_d4_a_key_of_printable_characters_stays_within_its_header() -> None:
    """Whatever is taken arrives as one line."""
    key = 'AKID: x, "y"; é'
    with serving(answering(ready(), version(), reply(b"{}"))) as server:
        attacked(f"http://127.0.0.1:{server.port}", accessKey=key)
        requests = list(server.requests)

    names = [line.partition(b":")[0] for r in requests for line in r.split(b"\r\n")[1:] if line]
    assert names.count(b"Authorization") == 1
    assert set(names) <= KNOWN_HEADERS


KNOWN_HEADERS = {
    *(b"Host", b"User-Agent", b"Accept", b"Accept-Encoding", b"Content-Length"),
    *(b"Content-Type", b"Date", b"Authorization", b'{"getVersion"', b'{"getCurrentTime"'),
}


@pytest.mark.parametrize(
    "endpoint", [" http://127.0.0.1", "ht\ntp://127.0.0.1", "http://127.0.\t0.1", "h\u200bost"]
)
def test_d5_what_a_parser_would_strip_is_refused(service: Service, endpoint: str) -> None:
    """Urlsplit takes tabs and line breaks out after a filter has looked."""
    assert causes(service, endpoint=endpoint) == [("endpoint", "input.hidden_character")]


@pytest.mark.parametrize("path", ["%2e%2e/x", "%252e%252e/x", "a%2525b", "%00"])
def test_d6_an_encoded_path_is_refused(service: Service, path: str) -> None:
    """Who decodes twice reads something else than who decodes once."""
    assert causes(service, endpoint=f"http://127.0.0.1/{path}") == [
        ("endpoint", "input.url_malformed")
    ]


@pytest.mark.parametrize(
    "endpoint",
    [
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "dict://127.0.0.1:11211/stat",
        "ftp://127.0.0.1/",
        "unix:///var/run/docker.sock",
        "http+unix://%2Fvar%2Frun%2Fdocker.sock/x",
        "jar:http://127.0.0.1!/",
        "javascript://x",
    ],
)
def test_d7_other_schemes_are_refused(service: Service, endpoint: str) -> None:
    """Each of them is a way to files, sockets or other protocols."""
    ((field, cause),) = causes(service, endpoint=endpoint)

    assert field == "endpoint"
    assert cause in ("input.scheme_unsupported", "input.port_invalid", "input.url_malformed")


@pytest.mark.parametrize("endpoint", ["//127.0.0.1", "///127.0.0.1", "://127.0.0.1"])
def test_d8_a_url_without_a_scheme_is_refused(service: Service, endpoint: str) -> None:
    """It takes the scheme of whatever it stands in."""
    ((field, _),) = causes(service, endpoint=endpoint)

    assert field == "endpoint"


@pytest.mark.parametrize("port", ["0", "65536", "-1", "0x50", "+80", "٨٠", "080", "80 ", "9" * 400])
def test_d9_an_odd_port_is_refused(service: Service, port: str) -> None:
    """int() reads more than a port has."""
    ((field, cause),) = causes(service, endpoint=f"127.0.0.1:{port}")

    assert field == "endpoint"
    assert cause in ("input.port_invalid", "input.hidden_character")


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize(
    "host",
    [
        "a" * 64 + ".com",
        ".".join(["a" * 60] * 5),
        "xn--" + "9" * 1500,
        "ü" * 1500,
        "a\u202egpj.com",
    ],
)
def test_d10_a_name_that_can_not_be_one_is_refused_at_once(service: Service, host: str) -> None:
    """Punycode takes quadratic time, and bidi marks turn what is read."""
    before_s = cpu_s(service.part("cli api"))
    ((field, _),) = causes(service, endpoint=host)

    assert field == "endpoint"
    assert cpu_s(service.part("cli api")) - before_s < 1


def test_d10_a_homograph_is_shown_as_what_it_is(strict: Service) -> None:
    """A Cyrillic letter in a Latin name is written in its ASCII form wherever it is shown."""
    with strict.client() as client:
        location = client.post(
            f"{CALL}/jobs", json=a_request("http://p\u0430ypal.invalid:1")
        ).headers["location"]

    assert strict.closed(location)["endpoint"] == "http://xn--pypal-4ve.invalid:1"


def test_d11_a_url_of_a_megabyte_is_refused_and_not_repeated(service: Service) -> None:
    """Neither into the answer nor into a log."""
    endpoint = "http://" + "a" * 900_000
    with service.client() as client:
        answer = client.post(CALL, json=a_request(endpoint))
        too_much = client.post(CALL, json=a_request(endpoint * 2))

    assert (answer.status_code, too_much.status_code) == (422, 413)
    assert len(answer.content) < 1000
    assert "a" * 1000 not in service.log_text()


@pytest.mark.parametrize("path", ["..;/api", "../x", "a/../../x", "./x", "a//b", "a;b/c"])
def test_d12_a_path_out_of_the_product_s_api_is_refused(service: Service, path: str) -> None:
    """Proxies and servlet containers disagree on what it leads to."""
    assert causes(service, endpoint=f"http://127.0.0.1/{path}") == [
        ("endpoint", "input.url_malformed")
    ]
