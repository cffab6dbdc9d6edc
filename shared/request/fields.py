"""The fields that a test and an inspection have in common, and how they are checked."""

import ssl
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from shared.bounds import beyond_bounds
from shared.diagnosis.outcomes import Failed
from shared.endpoint import Endpoint, parse_endpoint
from shared.platform.keys.input_checks import PRODUCT_UNKNOWN
from shared.platform.product import invalid, refused
from shared.products import PRODUCTS, nearest_products
from shared.text import title_of

LONGEST_CA_BUNDLE = 262_144
LONGEST_PRODUCT_TYPE = 64


class Wire(BaseModel):
    """Camel-case names outside, snake-case inside; no unknown fields, and immutable."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        field_title_generator=title_of,
        validate_by_name=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    def __copy__(self) -> Self:
        """Return a copy without what is cached: `model_copy` changes the fields it came from."""
        copied = super().__copy__()
        for name in self.__dict__.keys() - type(self).model_fields:
            del copied.__dict__[name]
        return copied


def _ca_certificate(pem: str) -> str:
    if not _are_certificates(pem):
        raise invalid("must be one or more certificates in PEM form")
    return pem


def _are_certificates(pem: str) -> bool:
    """Return whether `pem` is certificates; many rows have the same, and 200 KB take 20 ms."""
    text = hash(pem), len(pem)  # the text itself is not kept: it may hold a private key as well
    verdict = _VERDICTS.get(text)
    if verdict is None:
        if len(_VERDICTS) >= MOST_VERDICTS:
            _VERDICTS.clear()
        verdict = _VERDICTS[text] = _can_be_loaded(pem)
    return verdict


_VERDICTS: dict[tuple[int, int], bool] = {}
MOST_VERDICTS = 1000


def _can_be_loaded(pem: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError, TypeError):  # TypeError: not ASCII
        return False
    return True


def _product_type(name: str) -> str:
    if name not in PRODUCTS:
        similar = nearest_products(name)
        facts = {"similar": similar} if similar else {}
        raise refused(Failed(PRODUCT_UNKNOWN, known=tuple(PRODUCTS), **facts))
    return PRODUCTS[name].name


def is_plain(name: object) -> bool:
    """Return whether a productType is that of a product without a sign-in."""
    product = PRODUCTS.get(name) if isinstance(name, str) else None
    return product is not None and not product.needs_key_pair


def _product_type_if_any(name: str) -> str:
    return _product_type(name) if name else name


def within_bounds(content: Any) -> Any:
    """Return `content` if it is not larger or nested deeper than a request may be.

    Raises:
        PydanticCustomError: it is.
    """
    problem = beyond_bounds(content) if isinstance(content, dict) else None
    if problem:
        raise invalid(problem)
    return content


def _endpoint(value: Any) -> Endpoint:
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "must be a String")
    try:
        return parse_endpoint(value)
    except Failed as failed:
        raise refused(failed) from None


# In this order: what is too long is not looked at.
CaCertificate = Annotated[str, Field(max_length=LONGEST_CA_BUNDLE), AfterValidator(_ca_certificate)]
NamedProduct = Annotated[str, Field(max_length=LONGEST_PRODUCT_TYPE), AfterValidator(_product_type)]
NamedProductIfAny = Annotated[
    str, Field(max_length=LONGEST_PRODUCT_TYPE), AfterValidator(_product_type_if_any)
]
TypedEndpoint = Annotated[
    Endpoint,
    PlainValidator(_endpoint, json_schema_input_type=str),
    PlainSerializer(str, return_type=str),
]
