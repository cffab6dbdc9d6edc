import json
import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.platform.http import MAX_XML_BYTES, HttpRequest, HttpResponse

NOW = datetime(2026, 11, 23, 17, 43, 52, tzinfo=UTC)


def response(body: bytes = b"", **headers: str) -> HttpResponse:
    """Return a response with some headers, their names written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(200, "OK", named, body, NOW)


def test_a_json_request_has_a_compact_body_and_says_what_it_is() -> None:
    """ZStack answers 500 to an action without a body."""
    request = HttpRequest.with_json("PUT", "/x", {"getVersion": {}})

    assert request.body == b'{"getVersion":{}}'
    assert request.headers == {"Content-Type": "application/json"}
    assert request.presents_credentials is False


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Mon, 23 Nov 2026 17:43:52 GMT", NOW),
        ("Tue, 24 Nov 2026 01:43:52 +0800", NOW),
        ("Monday, 23-Nov-26 17:43:52 GMT", NOW),  # RFC 850, still allowed
        ("Mon, 23 Nov 2026 17:43:52 -0000", NOW),
        ("Mon, 23 Nov 2026 17:43:52", NOW),
        ("Mon Nov 23 17:43:50 2026 GMT", NOW - timedelta(seconds=2)),
    ],
)
def test_a_date_header_is_an_aware_moment(text: str, moment: datetime) -> None:
    """The clock of the platform is compared with ours."""
    assert response(date=text).date == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "soon",
        "x" * 9000,
        "Mon, 32 Nov 2026 17:43:52 GMT",
        "Mon, 23 Nov 2026 17:43:52 +9999",
        "Mon, 23 Nov 2026 17:43:52 +99999999999999999",
        "Mon, 23 Nov 99999999999999999999 17:43:52 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2300",
    ],
    ids=lambda text: text[-12:],
)
def test_a_date_header_that_is_none_is_ignored(text: str) -> None:
    """Half of the embedded web servers send nonsense there."""
    assert response(date=text).date is None


def test_a_response_without_a_date_has_none() -> None:
    """RFC 9110 lets a server without a clock leave it out."""
    assert response().date is None


@pytest.mark.parametrize(
    ("body", "content"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b'\n {"a": {"b": []}} ', {"a": {"b": []}}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        ('{"a": "云"}'.encode(), {"a": "云"}),
    ],
)
def test_a_json_object_is_read(body: bytes, content: object) -> None:
    """ZStack sends no dependable Content-Type, so the body decides."""
    assert response(body).json_object() == content


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"7",
        b'"{}"',
        b"{",
        b'{"a": 1} trailing',
        b"<html></html>",
        b"\xff\xfe\x00",
        b'{"a": "\xff"}',
        b"\x00" * 100,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"a": ' + b"9" * 1_000_000 + b"}",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_no_json_object_is_an_empty_one(body: bytes) -> None:
    """Hostile JSON (deep, huge, broken) must end as 'not what we expected', not as a crash."""
    assert response(body).json_object() == {}


def test_a_body_is_parsed_once_until_that_is_forgotten() -> None:
    """A dozen products look at an unknown answer, and a hostile one takes long to parse."""
    answer = response(b'{"inventories": []}')
    first = answer.json_value()
    assert answer.json_value() is first

    answer.forget_json()
    assert answer.json_value() is not first
    assert answer.json_value() == first


def test_a_number_that_is_none_does_no_harm() -> None:
    """Python's parser takes NaN; whoever reads a number has to look at its type."""
    assert math.isnan(response(b'{"a": NaN}').json_object()["a"])


@given(st.binary(max_size=200))
def test_any_body_can_be_read(body: bytes) -> None:
    """Every byte is the platform's."""
    hostile = response(body)

    assert isinstance(hostile.json_object(), dict)
    assert isinstance(hostile.text, str)
    assert hostile.looks_like_html in (True, False)


def test_json_written_by_us_is_read_back() -> None:
    """The two sides of a conversation must agree."""
    content = {"inventories": [{"name": "云"}], "total": 1}

    assert response(json.dumps(content).encode()).json_object() == content


def test_text_shows_bytes_that_are_no_utf8_as_replacements() -> None:
    """A body in another charset is still searched for what it says."""
    assert response(b"wrong \xff signature").text == "wrong \ufffd signature"


@pytest.mark.parametrize(
    ("page", "is_html"),
    [
        (response(b"<!DOCTYPE html><p>hi"), True),
        (response(b"\r\n  <HTML>"), True),
        (response(b"hi", content_type="text/html; charset=utf-8"), True),
        (response(b"hi", content_type="TEXT/HTML"), True),
        (response(b"{}", content_type="application/json"), False),
        (response(b"<?xml version='1.0'?><a/>"), False),
        (response(b" " * 300 + b"<html>"), False),
        (response(), False),
    ],
)
def test_a_page_for_a_browser_is_told_from_an_answer(page: HttpResponse, is_html: bool) -> None:
    """A web UI's page is the commonest answer of a wrong port."""
    assert page.looks_like_html is is_html


class TestXml:
    """XML as the platforms send it, and as an attacker would."""

    def test_elements_are_found_whatever_their_namespace(self) -> None:
        """SOAP has one for each layer, S3 has one, CloudStack has none."""
        root = response(b'<a:x xmlns:a="urn:a"><a:y>1</a:y></a:x>').xml()

        assert root is not None
        assert root.findtext("{*}y") == "1"

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{}",
            b"<a><b></a>",
            b"<!DOCTYPE a><a/>",
            b'<!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>',
            b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
            b'<?xml version="1.0" encoding="no-such-encoding"?><a/>',
            b'<?xml version="1.0" encoding="utf-7"?><a/>',
            b"\xff\xfe<\x00",
            b"<a>" + b"x" * MAX_XML_BYTES + b"</a>",
            b"<a>" * 80_000,
        ],
        ids=lambda body: repr(body[:24]),
    )
    def test_what_is_not_plain_xml_is_none(self, body: bytes) -> None:
        """Document types are how a small answer becomes gigabytes, or reads our files."""
        assert response(body).xml() is None

    def test_depth_does_not_exhaust_the_stack(self) -> None:
        """Each level of an answer costs the sender three bytes."""
        root = response(b"<a>" * 30_000 + b"</a>" * 30_000).xml()

        assert root is not None
        assert root.find(".//{*}b") is None
