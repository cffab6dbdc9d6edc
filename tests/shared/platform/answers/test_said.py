"""What platforms and gateways say, each in the form of its own API."""

import json

import pytest

from shared.platform.answers.said import LONGEST_MESSAGE, Said
from tests.shared.platform.responses import response

NOT_ABLE = "not able to split"
_FORMS = [
    ({"error": {"code": 401, "message": NOT_ABLE, "title": "Unauthorized"}}, ""),  # Keystone
    ({"kind": "Status", "message": NOT_ABLE, "reason": "InvalidToken"}, "InvalidToken"),
    ({"message_list": [{"message": NOT_ABLE, "reason": "E_1"}], "state": "ERROR"}, "E_1"),
    ({"message": NOT_ABLE, "details": 'Basic realm="Intent Gateway"'}, ""),
    ({"listzonesresponse": {"errorcode": 432, "cserrorcode": 9999, "errortext": NOT_ABLE}}, ""),
    ({"Code": "Forbidden.Disabled", "Message": NOT_ABLE}, "Forbidden.Disabled"),
    ({"error_msg": NOT_ABLE, "error_code": "APIGW.0301"}, "APIGW.0301"),
    ({"error": {"code": "SYS.1000", "description": "An error", "details": NOT_ABLE}}, "SYS.1000"),
    ({"error": "invalid_grant", "error_description": NOT_ABLE}, "invalid_grant"),
    ({"fault": {"faultstring": NOT_ABLE, "detail": {"errorcode": "policies.X"}}}, "policies.X"),
    ({"errors": [{"code": "UNAUTHORIZED_KEY", "message": NOT_ABLE}]}, "UNAUTHORIZED_KEY"),
    ({"errors": {"tokenid": NOT_ABLE}, "data": None}, ""),
    ({"value": {"messages": [{"default_message": NOT_ABLE, "id": "vapi.x"}]}}, ""),
    ({"status": 401, "error": "Unauthorized", "message": NOT_ABLE, "path": "/"}, ""),  # Spring
    ({"type": "about:blank", "title": "Forbidden", "detail": NOT_ABLE}, "about:blank"),
    (NOT_ABLE, ""),
]


@pytest.mark.parametrize(("content", "code"), _FORMS)
def test_the_message_and_the_code_are_found_in_every_form(content: object, code: str) -> None:
    """A table of the products' forms would not know those of the gateways before them."""
    found = Said.of(response(403, json.dumps(content).encode()))

    assert (found.message, found.code) == (NOT_ABLE, code)


@pytest.mark.parametrize(
    "body",
    [
        b"<Error><Code>AccessDenied</Code><Message>not able to split</Message></Error>",
        b"<ErrorResponse xmlns='x'><Error><Type>Sender</Type><Code>AccessDenied</Code>"
        b"<Message>not able to split</Message></Error></ErrorResponse>",
        b"\xef\xbb\xbf<?xml version='1.0'?><e><faultcode>AccessDenied</faultcode>"
        b"<faultstring>not able\n to split</faultstring></e>",
    ],
)
def test_xml_is_read_like_json(body: bytes) -> None:
    """S3, AWS and SOAP answer in XML."""
    found = Said.of(response(403, body))

    assert (found.message, found.code) == (NOT_ABLE, "AccessDenied")


def test_plain_text_a_reason_phrase_and_a_challenge_are_words_too() -> None:
    """Proxmox has its words only in the status line, a token's judge only in its challenge."""
    bare = response(401)
    spoken = type(bare)(401, "no such user ('a@pve')", {}, b"", bare.received_at)
    challenge = 'Bearer realm="r", error="invalid_token", error_description="It expired"'
    challenged = response(401, www_authenticate=challenge)

    assert Said.of(response(500, b"\n not able to split\nat line 3")).message == NOT_ABLE
    assert Said.of(spoken).message == "no such user ('a@pve')"
    assert Said.of(challenged).facts == {"says": "It expired", "error_code": "invalid_token"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Unauthorized",
        b'{"message": "Unauthorized", "code": 401}',
        b'{"error": "Not Found", "status": "404"}',
        b"<html><title>Not for programs</title></html>",
        b"\x00\x01\x02binary",
        b"\xff\xfe\xfd",
        b'{"message": "' + b"x" * (LONGEST_MESSAGE + 1) + b'"}',
        b"[" * 100_000,
        b"12345",
    ],
)
def test_what_says_no_more_than_its_status_says_nothing(body: bytes) -> None:
    """A message that is cut could keep a part of a secret; a page is told by its title."""
    assert Said.of(response(401, body)).facts == {}


def test_a_success_says_only_what_is_marked_as_an_error() -> None:
    """An inventory has messages and codes too."""
    inventory = {"message": "hello", "code": "C1", "items": [{"description": "a zone"}]}
    refusal = {"Response": {"Error": {"Code": "AuthFailure", "Message": NOT_ABLE}}}

    assert Said.of(response(200, json.dumps(inventory).encode())).facts == {}
    found = Said.of(response(200, json.dumps(refusal).encode()))
    assert found.facts == {"says": NOT_ABLE, "error_code": "AuthFailure"}


def test_the_id_of_the_request_is_found_in_headers_or_in_the_body() -> None:
    """The platform's operators find the reason in their log by it."""
    body = b'{"RequestId": "4C-46", "Message": "no"}'

    assert Said.of(response(403, body)).reference == "4C-46"
    assert Said.of(response(500, x_openstack_request_id="req-7")).reference == "req-7"
    assert Said.of(response(500, x_request_id="r 1; <b>")).reference == ""


def test_a_huge_answer_is_not_searched_to_its_end() -> None:
    """A hostile platform chooses the size and the depth of what it sends."""
    wide = json.dumps({f"k{n}": {"x": {}} for n in range(20_000)} | {"z": {"message": "late"}})

    assert Said.of(response(403, wide.encode())).message == ""
