from dataclasses import replace

import pytest

from shared.endpoint import Scheme, parse_endpoint
from shared.products import PRODUCTS

TLS_PRODUCT = replace(
    PRODUCTS["zstack"], default_scheme="https", default_port=8443, scheme_by_port={9080: "http"}
)


@pytest.mark.parametrize(
    ("endpoint", "scheme", "port"),
    [
        ("h", "https", 8443),
        ("h:9080", "http", 9080),
        ("h:1234", "https", 1234),
        ("h:80", "http", 80),
        ("h:443", "https", 443),
        ("http://h", "http", 80),
        ("https://h", "https", 443),
        ("http://h:8443", "http", 8443),
    ],
)
def test_what_the_caller_left_out_is_the_products_to_say(
    endpoint: str, scheme: Scheme, port: int
) -> None:
    """An explicit scheme means what it means in a browser; a bare host means the product."""
    completed = TLS_PRODUCT.complete(parse_endpoint(endpoint))

    assert (completed.scheme, completed.port) == (scheme, port)


def test_the_usual_ports_begin_with_the_apis() -> None:
    """It is the one that is tried first where another one is closed."""
    assert TLS_PRODUCT.usual_ports == (8443, 9080)
    assert PRODUCTS["zstack"].usual_ports == (8080, 5000, 5443)
