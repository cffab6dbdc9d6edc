"""Whatever a server repeats of our own request proves nothing about who it is."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import escape
from urllib.parse import quote

import pytest

from shared.diagnosis.outcomes import Failed
from shared.endpoint import Endpoint
from shared.platform.answers import fingerprints, firewalls, icp_filing, relatives
from shared.platform.answers.fingerprints import Mark
from shared.platform.answers.not_the_product import WRONG_PORT_ROLE, may_be_refused_alone
from shared.platform.http import HttpRequest, HttpResponse
from shared.products import PRODUCTS, AnyProduct
from tests.shared.products.conversation import NOW, Platform, answer

STATUSES = (200, 302, 401, 403, 404, 503)
LEFT_TO_THE_SIGN_IN = ("kubernetes", "proxmox", "s3")
TESTED = [product for product in PRODUCTS.values() if product.needs_key_pair]
MARKS = [
    mark
    for module in (fingerprints, firewalls, icp_filing, relatives)
    for table in vars(module).values()
    if isinstance(table, tuple)
    for mark in table
    if isinstance(mark, Mark)
]

Repeating = Callable[[HttpRequest, str], tuple[str, str]]
"""Returns the Content-Type and the body that repeat a request and its URL."""


def _lines(request: HttpRequest) -> list[str]:
    return [f"{name}: {value}" for name, value in request.headers.items()]


def _as_text(request: HttpRequest, url: str) -> tuple[str, str]:
    lines = [f"Cannot {request.method} {request.path} at {url}", *_lines(request)]
    return "text/plain", "\n".join([*lines, "", request.body.decode()])


def _as_json(request: HttpRequest, url: str) -> tuple[str, str]:
    said = {"timestamp": 1, "method": request.method, "path": request.path, "url": url}
    try:
        content = json.loads(request.body)
    except ValueError:
        content = None
    inner = content if isinstance(content, dict) else {}
    return "application/json", json.dumps({**said, "headers": request.headers, **inner})


def _as_page(request: HttpRequest, url: str) -> tuple[str, str]:
    title = f"<title>404 {escape(url)}</title>"
    body = f"<pre>Cannot GET {escape(request.path)}</pre><a href={quote(url, safe='')}>x</a>"
    sent = escape("\n".join([*_lines(request), request.body.decode()]))
    return "text/html", f"<!DOCTYPE html><html>{title}{body}<p>{sent}</html>"


def _as_xml(request: HttpRequest, url: str) -> tuple[str, str]:
    body = escape(request.body.decode())
    return "application/xml", (
        f"<Error><Resource>{escape(request.path)}</Resource><Host>{escape(url)}</Host>"
        f"<Message>{body}</Message></Error>"
    )


def _raw(request: HttpRequest, url: str) -> tuple[str, str]:
    return request.headers.get("Content-Type", "text/html"), request.body.decode() or url


STYLES: tuple[Repeating, ...] = (_as_text, _as_json, _as_page, _as_xml, _raw)


def echo(request: HttpRequest, host: str, status: int, style: Repeating) -> HttpResponse:
    """Return the answer of a server that repeats all of `request`, in headers too."""
    url = f"https://{host}{request.path}"
    kind, body = style(request, url)
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers |= {"location": url, "server": host, "via": request.path, "set-cookie": f"u={url}"}
    headers |= {"www-authenticate": f'Basic realm="{url}"', "content-type": kind}
    return HttpResponse(status, request.path, headers, body.encode(), NOW, url, request)


def echoes(host: str, path: str) -> Iterator[HttpResponse]:
    """Give all such answers to the first request of every product."""
    for product in TESTED:
        request = product.hello(Endpoint(host, 443, "https", path))
        yield from (echo(request, host, status, style) for status in (200, 404) for style in STYLES)


def words() -> list[str]:
    """Return all that a mark or a product is known by."""
    known = [text for mark in MARKS for text in (mark.page, mark.title, mark.titled, mark.value)]
    more = ["Nutanix", "Nutanix Web Console", "Prism Central", "urn:vim25", "/ovirt-engine/"]
    return sorted({text for text in [*known, *more] if text})


@pytest.mark.parametrize("path", ["", "/ovirt-engine/nutanix"])
@pytest.mark.parametrize("host", ["cloud.example.com", "nutanix.example.com"])
def test_no_product_is_recognized_by_its_own_question(host: str, path: str) -> None:
    """A 404 that repeats /ovirt-engine/ made every web server an oVirt engine."""
    for response in echoes(host, path):
        found = [product.name for product in TESTED if product.recognizes(response)]
        assert found == [], f"{response.status} {response.text[:200]}"


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.__name__)
def test_no_mark_counts_that_was_part_of_the_request(style: Repeating) -> None:
    """The endpoint's path and name are the caller's, and error pages show them."""
    for word in words():
        for path in (f"/{quote(word, safe='')}", f"/x?y={word}"):
            response = echo(HttpRequest("GET", path), "host", 403, style)
            assert [mark for mark in MARKS if replace(mark, statuses=()).is_on(response)] == []
            assert not any(product.recognizes(response) for product in TESTED)


@pytest.mark.parametrize("product", TESTED, ids=lambda product: product.name)
@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.__name__)
@pytest.mark.parametrize("path", ["", "/ovirt-engine/nutanix"])
def test_no_key_is_sent_to_a_server_that_repeats_requests(
    product: AnyProduct, style: Repeating, path: str
) -> None:
    """What is not identified is not signed to, and is called by no other name."""
    endpoint = Endpoint("cloud.example.com", 9443, "https", path)
    for status in STATUSES:

        def rule(request: HttpRequest, status: int = status) -> HttpResponse:
            return echo(request, "cloud.example.com:9443", status, style)

        hello = rule(product.hello(endpoint))
        platform = Platform(rule=rule)
        failed = platform.failure(product.identify(endpoint, hello))

        assert failed.cause.code.startswith(("http.", "auth.scheme", "api.wrong_product"))
        assert failed.cause is not WRONG_PORT_ROLE


@pytest.mark.parametrize("product", TESTED, ids=lambda product: product.name)
@pytest.mark.parametrize(
    "constant",
    [
        answer(200, {"version": "1.0", "status": "ok"}),
        answer(200, {}),
        answer(200, {"kind": "Status", "status": "UP"}),
        answer(403, {"message": "Missing Authentication Token"}, x_amzn_requestid="R"),
        answer(200, {"message": "ok"}, x_amzn_requestid="R", server="nginx"),
        answer(200, {"versions": [{"id": "v1.0"}]}),
        answer(401, {"error": "unauthorized"}, www_authenticate="Bearer"),
        answer(200, "<html><title>Prism</title></html>", server="nginx"),
        answer(401, "<html><title>Prismatic</title></html>"),
    ],
    ids=lambda response: f"{response.status} {response.text[:30]}",
)
def test_no_key_is_sent_to_what_anything_could_have_answered(
    product: AnyProduct, constant: HttpResponse
) -> None:
    """One header or a version that many services send is no proof of a platform."""
    if may_be_refused_alone(constant) and product.name in LEFT_TO_THE_SIGN_IN:
        pytest.skip("such a refusal hides what it is, and the sign-in decides")
    endpoint = Endpoint("cloud.example.com", 443, "https")
    platform = Platform(rule=lambda _: constant)

    failed = platform.failure(product.identify(endpoint, constant))

    assert isinstance(failed, Failed)
    assert failed.cause.code.startswith(("http.", "auth.scheme", "api.wrong_product"))
