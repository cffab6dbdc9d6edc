from dataclasses import replace

import pytest

from shared.diagnosis.outcomes import Failed, Passed
from shared.endpoint import Endpoint, parse_endpoint
from shared.platform.http import Flow
from shared.platform.versions import API_VERSION_UNSUPPORTED
from shared.products import PRODUCTS
from shared.steps import Scheme
from tests.shared.products.conversation import NOW, Platform, answer

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


def test_the_usual_port_is_named_only_where_it_is_another_one() -> None:
    """Naming the port that was just tested as the usual one helps no reader."""
    here, elsewhere = Endpoint("h", 8443, "https"), Endpoint("h", 9999, "https")

    assert TLS_PRODUCT.port_facts(here) == {"default_port": 8443}
    assert TLS_PRODUCT.port_facts(elsewhere) == {"default_port": 8443, "usual_port": 8443}
    assert PRODUCTS["tcp"].port_facts(elsewhere) == {}


def test_the_ports_are_all_that_the_product_is_known_by() -> None:
    """A token may use them without being told, and the right one may be suggested."""
    product = replace(TLS_PRODUCT, service_ports=(9292, 8774))

    assert product.ports == (8443, 8774, 9080, 9292)


def test_only_a_product_with_services_has_their_step() -> None:
    """A step that can never come would be waited for."""
    assert TLS_PRODUCT.steps_over("https")[-1] == "authorize"
    several = replace(TLS_PRODUCT, service_endpoints=lambda _: ())
    assert several.steps_over("https")[-1] == "service_endpoints"


def test_a_product_that_ends_before_the_sign_in_needs_no_key_pair() -> None:
    """Nobody is asked for what nobody uses."""
    assert TLS_PRODUCT.needs_key_pair
    assert not replace(TLS_PRODUCT, ends_after="http_response").needs_key_pair


def test_the_version_that_identify_finds_is_judged() -> None:
    """No product can forget to do it."""

    def identify(*_: object) -> Flow[Passed[None]]:
        yield from ()
        return Passed(None, version="1.9")

    product = replace(TLS_PRODUCT, identify=identify, minimum_version="2.0")

    with pytest.raises(Failed) as caught:
        Platform().talk(product.as_of(NOW.date()).identify(Endpoint("h"), answer(200)))
    assert caught.value.cause is API_VERSION_UNSUPPORTED
