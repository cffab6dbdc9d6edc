"""What the API answers when it does not make a test."""

import json
import re
import socket
from typing import Any

import httpx
import pytest

from tests.running.service import CALL, Service, a_request

CANARY = "canary-7f3a9-secret"


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """Return the problem, after checking that it is one (RFC 9457)."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    content: dict[str, Any] = response.json()
    assert content["status"] == status
    assert {"type", "title", "detail"} <= content.keys()
    return content


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", "Basic dXA6dXA="])
def test_without_a_valid_token_nothing_is_told(service: Service, header: str | None) -> None:
    """A stranger learns neither what is wrong with the body nor which paths exist."""
    headers = {} if header is None else {"Authorization": header}
    for path in (CALL, "/api/v1/nothing-here"):
        answer = httpx.post(service.url + path, content=b"not json", headers=headers)

        problem(answer, 401)
        assert answer.headers["www-authenticate"].startswith('Bearer realm="conncheck"')


def test_a_token_is_not_taken_from_the_query(service: Service) -> None:
    """Tokens in URLs end up in logs (RFC 6750 2.3)."""
    problem(httpx.post(f"{service.url}{CALL}?access_token={service.token}"), 401)


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_i10_only_json_is_read(service: Service, media_type: str) -> None:
    """A browser sends text/plain across origins without asking first."""
    with service.client() as client:
        body = json.dumps(a_request("127.0.0.1"))
        answer = client.post(CALL, content=body, headers={"Content-Type": media_type})

    problem(answer, 415)


def test_a_body_that_is_announced_too_large_is_not_read(service: Service) -> None:
    """The answer comes before the body, so a gigabyte costs nothing."""
    head = (
        f"POST {CALL} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {service.token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 9999999999\r\n\r\n"
    )
    url = httpx.URL(service.url)
    with socket.create_connection((url.host, url.port or 0)) as connection:
        connection.sendall(head.encode())

        assert connection.recv(65_536).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_grows_too_large_is_given_up(service: Service) -> None:
    """Chunked bodies announce nothing."""
    with service.client() as client:
        chunks = (b" " * 65_536 for _ in range(40))
        headers = {"Content-Type": "application/json"}
        answer = client.post(CALL, content=chunks, headers=headers)

    problem(answer, 413)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"productType": "vmwre"}, "productType"),
        ({"endpoint": "http://user:canary-7f3a9-secret@h"}, "endpoint"),
        ({"endpoint": "ftp://canary-7f3a9-secret"}, "endpoint"),
        ({"endpoint": 8080}, "endpoint"),
        ({"accessKey": ""}, "accessKey"),
        ({"accessKey": CANARY + "\r\nX: y"}, "accessKey"),
        ({"secretKey": CANARY + "\n"}, "secretKey"),
        ({"secretKey": [CANARY]}, "secretKey"),
        ({"secretKey": None}, "secretKey"),
        ({"password": CANARY}, "password"),
        ({"int": CANARY}, "int"),
        ({"options": {"timeoutSeconds": CANARY}}, "options.timeoutSeconds"),
        ({"options": {"timeoutSeconds": 0}}, "options.timeoutSeconds"),
        ({"options": {"timeoutSeconds": True}}, "options.timeoutSeconds"),
        ({"options": {"tls": {"verify": "no"}}}, "options.tls.verify"),
        ({"options": {"tls": {"caCertificate": CANARY}}}, "options.tls.caCertificate"),
        ({"options": {"tls": {"fingerprintSha256": CANARY}}}, "options.tls.fingerprintSha256"),
        ({"options": {"tls": {"pin": CANARY}}}, "options.tls.pin"),
        ({"options": {"timeZone": CANARY}}, "options.timeZone"),
        ({"options": {"region": CANARY}}, "options.region"),
        ({"options": CANARY}, "options"),
    ],
)
def test_an_invalid_field_is_named_and_never_repeated(
    service: Service, change: dict[str, Any], field: str
) -> None:
    """FastAPI's own answer would repeat the whole input, the secret in it."""
    with service.client() as client:
        body = {**a_request("127.0.0.1:1", secretKey=CANARY), **change}
        response = client.post(CALL, json=body)

    found = problem(response, 422)
    assert [error["field"] for error in found["errors"]] == [field]
    assert found["errors"][0]["reason"]
    assert CANARY not in response.text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"productType": "zstak"}, "未知"),
        ({"endpoint": "http://h?x"}, "不能包含查询参数"),
        ({"accessKey": " AKID"}, "开头"),
        ({"options": {"timeoutSeconds": 500}}, "不能大于 120"),
        ({"options": {"tls": {"verify": "yes"}}}, "必须是 true 或 false"),
        ({"options": {"timeZone": "Mars/Phobos"}}, "IANA"),
        ({"options": {"region": "x"}}, "不是该接口的字段"),
        ({"productType": "openstack", "options": {"interface": "x"}}, "public, internal, admin"),
        ({"options": {"mock": "input.url_malformed"}}, "endpoint"),
        ({"endpoint": "svc.cluster.local"}, "内部"),
    ],
)
def test_a_refusal_is_told_in_chinese(
    service: Service, change: dict[str, Any], reason: str
) -> None:
    """With Accept-Language: zh-CN, all texts are."""
    with service.client() as client:
        headers = {"Accept-Language": "zh-CN"}
        answer = client.post(CALL, json=a_request("127.0.0.1:1") | change, headers=headers)

    (error,) = answer.json()["errors"]
    assert answer.status_code in (403, 422)
    assert reason in error["reason"]
    assert error["reason"].rstrip("。") in answer.json()["detail"]
    assert not re.search("[a-z]{2,} [a-z]{2,}", answer.text), answer.text


def test_a_caller_without_a_token_is_told_so_in_chinese(service: Service) -> None:
    """The door answers before any route does."""
    headers = {"Accept-Language": "zh-CN"}
    answer = httpx.post(f"{service.url}{CALL}", json={}, headers=headers, trust_env=False)

    assert answer.json()["title"] == "未登录"
    assert answer.headers["content-language"] == "zh-CN"


def test_each_missing_field_is_named_with_an_example(service: Service) -> None:
    """The example shows what is expected."""
    with service.client() as client:
        found = problem(client.post(CALL, json={}), 422)

    assert {error["field"]: error["example"] for error in found["errors"]} == {
        "productType": "zstack",
        "endpoint": "192.168.1.100:8080",
        "accessKey": "AKID1234567890",
        "secretKey": "secret-value-xyz",
    }


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"text"', b"null", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000],
    ids=["empty", "cut", "list", "string", "null", "no-utf8", "deep-list", "deep-object"],
)
def test_what_is_no_json_object_is_refused(service: Service, body: bytes) -> None:
    """Whatever the bytes are, the answer is a problem and the process lives."""
    with service.client() as client:
        answer = client.post(CALL, content=body, headers={"Content-Type": "application/json"})
        problem(answer, 422)
        assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_i10_only_post_makes_a_test(service: Service, method: str) -> None:
    """A link or an image in a page must never start one."""
    with service.client() as client:
        answer = client.request(method, CALL, headers={"Content-Type": "application/json"})

    problem(answer, 405)


def test_the_openapi_document_is_the_contract(service: Service) -> None:
    """Client generators read it."""
    document = httpx.get(f"{service.url}/openapi.json").json()
    operation = document["paths"][CALL]["post"]
    schemas = document["components"]["schemas"]

    assert operation["operationId"] == "TestConnectionDetailed"
    assert operation["description"] == (
        "Run a step-by-step connection test and return per-step diagnostics."
    )
    assert {"200", "401", "413", "415", "422", "503", "504"} <= operation["responses"].keys()
    for status, response in operation["responses"].items():
        if status >= "400":
            assert list(response["content"]) == ["application/problem+json"]
    request = schemas["JobRequest"]
    assert request["required"] == ["productType", "endpoint"]
    assert request["anyOf"][0] == {"required": ["accessKey", "secretKey"]}
    described = {
        name: (field["type"], field["description"], field["examples"][0])
        for name, field in request["properties"].items()
        if name != "options"
    }
    assert described == {
        "productType": ("string", "Product type of the platform to test", "zstack"),
        "endpoint": ("string", "Endpoint URL or host:port of the platform", "192.168.1.100:8080"),
        "accessKey": ("string", "Access key ID for authentication", "AKID1234567890"),
        "secretKey": ("string", "Secret key for authentication", "secret-value-xyz"),
    }
    item = schemas["Item"]["properties"]
    assert {name: item[name]["examples"][0] for name in item} == {
        "name": "tcp_connect",
        "status": "success",
        "latencyMs": "45",
        "errorMsg": "connection refused",
    }
    assert schemas["Answer"]["properties"]["recommendation"]["examples"] == [
        "Check firewall rules for port 8080"
    ]
