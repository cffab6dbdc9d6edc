"""The product types as the API lists them; tests.end_to_end.test_product_types asks for them."""

import pytest

from shared.products import PRODUCTS, AnyProduct
from shared.request import JobRequest
from shared.wire.product_types import ProductType, choices_of

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
def test_every_option_has_a_title_in_words(product: AnyProduct) -> None:
    """Pydantic makes "Signinwith" of signInWith, and a form shows it as a label."""
    for name, option in ProductType.of(product).options["properties"].items():
        assert option["title"].replace(" ", "").lower() == name.lower()
        assert option["title"].count(" ") == sum(letter.isupper() for letter in name)


def test_the_values_of_an_option_are_known() -> None:
    """A form lets a visitor choose instead of guessing how they are spelled."""
    options = ProductType.of(PRODUCTS["openstack"]).options["properties"]

    assert choices_of(options["signInWith"]) == ("applicationCredential", "password")
    assert choices_of(options["interface"]) == ("public", "internal", "admin")
    assert choices_of(options["project"]) == ()


def test_the_texts_are_told_in_chinese() -> None:
    """A form shows them; the names of makers stay as they are."""
    shown = ProductType.of(PRODUCTS["openstack"], "zh-CN")

    assert shown.title == "OpenStack"
    assert shown.access_key == "应用凭证的 ID，或用户名"  # noqa: RUF001 -- a Chinese comma
    assert shown.options["properties"]["signInWith"]["title"] == "登录方式"
    assert ProductType.of(PRODUCTS["tcp"], "zh-CN").title == "TCP 端口"


@EACH
def test_what_a_form_needs_is_there(product: AnyProduct) -> None:
    """A form asks for the fields by what they mean on that platform."""
    shown = ProductType.of(product)

    assert all((shown.title, shown.access_key, shown.secret_key))
    assert shown.default_port in shown.ports
    assert shown.steps == product.steps_over(product.default_scheme)
    assert shown.options["type"] == "object"
    assert shown.options["additionalProperties"] is False


@EACH
def test_the_mandatory_steps_are_those_of_every_test(product: AnyProduct) -> None:
    """A portal that waits for them must not wait for a handshake over plain HTTP."""
    shown = ProductType.of(product)

    assert shown.mandatory_steps == tuple(s for s in shown.steps if s != "tls_handshake")
    assert set(shown.mandatory_steps) <= set(product.steps_over("https"))
