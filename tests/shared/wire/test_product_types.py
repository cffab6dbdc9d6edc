"""The product types as the API lists them; tests.end_to_end.test_product_types asks for them."""

import pytest

from shared.products import PRODUCTS, AnyProduct
from shared.request import JobRequest
from shared.wire.product_types import ProductType

EACH = pytest.mark.parametrize("product", PRODUCTS.values(), ids=lambda product: product.name)


@EACH
def test_the_example_is_a_request_that_is_taken(product: AnyProduct) -> None:
    """An example is copied, and has to work."""
    shown = ProductType.of(product)
    request = JobRequest.model_validate(shown.example)

    assert request.product is product
    assert request.steps[:2] == ("dns_lookup", "tcp_connect")
    assert ("accessKey" in shown.example) == shown.needs_key_pair == product.needs_key_pair


@EACH
def test_what_a_form_needs_is_there(product: AnyProduct) -> None:
    """A form asks for the fields by what they mean on that platform."""
    shown = ProductType.of(product)

    assert all((shown.title, shown.access_key, shown.secret_key))
    assert shown.default_port in shown.ports
    assert shown.steps == product.steps_over(product.default_scheme)
    assert shown.options["type"] == "object"
    assert shown.options["additionalProperties"] is False
