"""Plain layers: a TCP port, a web server, a web server with a valid certificate."""

from typing import Any

from shared.endpoint import Endpoint
from shared.platform.answers.plain_answer import doubts_about_answer
from shared.platform.http import HttpRequest
from shared.platform.product import Product, ProductOptions
from shared.steps import Scheme, StepName

_NO_KEY = "not needed"


def hello(endpoint: Endpoint) -> HttpRequest:
    """Request the path of the endpoint."""
    return HttpRequest("GET", endpoint.path or "/")


def _plain(
    name: str, title: str, scheme: Scheme, port: int, ends_after: StepName, example: str
) -> Product[Any, Any, Any]:
    return Product(
        name=name,
        title=title,
        noun="the web server" if ends_after == "http_response" else "the service",
        access_key_is=_NO_KEY,
        secret_key_is=_NO_KEY,
        default_scheme=scheme,
        default_port=port,
        options=ProductOptions,
        hello=hello,
        doubts=doubts_about_answer,
        example=example,
        scheme_by_port={80: scheme, 443: scheme},
        ends_after=ends_after,
    )


PRODUCTS = (
    _plain("http", "Web server (HTTP)", "http", 80, "http_response", "http://intranet.example.com"),
    _plain(
        *("https", "Web server (HTTPS)", "https", 443, "http_response"),
        "https://www.example.com/health",
    ),
    _plain("tcp", "TCP port", "http", 443, "tcp_connect", "db.example.com:5432"),
)
