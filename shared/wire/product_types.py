"""The models of the list of products."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import Field

from shared.diagnosis.report import WireModel
from shared.diagnosis.translations import Language, sentence
from shared.products import AnyProduct
from shared.steps import Scheme, StepName

EXAMPLE_KEY, EXAMPLE_SECRET = "AKID1234567890", "secret-value-xyz"


class ProductType(WireModel):
    """A product type, with what a form or a program needs to know about it."""

    product_type: str = Field(description="The value of `productType`", examples=["zstack"])
    aliases: tuple[str, ...] = Field(
        default=(), description="Further values of `productType` that name the same product."
    )
    title: str = Field(examples=["ZStack Cloud"])
    steps: tuple[StepName, ...] = Field(
        description="The steps over `defaultScheme`; over http there is no tls_handshake."
    )
    mandatory_steps: tuple[StepName, ...] = Field(
        default=(),
        description=(
            "The steps that every test makes and that must pass for `success`; over https "
            "tls_handshake is one of them too."
        ),
    )
    default_scheme: Scheme
    default_port: int = Field(description="The port if the endpoint has none.")
    ports: tuple[int, ...] = Field(description="The product's usual ports.")
    needs_key_pair: bool = Field(description="Whether accessKey and secretKey are required.")
    access_key: str = Field(description="What `accessKey` means.")
    secret_key: str = Field(description="What `secretKey` means.")
    options: dict[str, Any] = Field(
        description="JSON Schema of the product's own `options`, in addition to the common ones."
    )
    identity: dict[str, str] = Field(
        description="The parts of `options.expect` that the product tells, and what each is."
    )
    minimum_version: str | None = Field(description="The oldest version that can be tested.")
    end_of_life: dict[str, date] = Field(
        description="When the vendor's support of a version ends, where that is known."
    )
    sign_in_attempts: int | None = Field(
        description="How many secrets of an account may be rejected before its tests stop."
    )
    example: dict[str, Any] = Field(description="An example request.")

    @classmethod
    def of(cls, product: AnyProduct, language: Language = "en") -> "ProductType":
        """Return the public view of a product, with its texts in `language`."""
        return cls(
            product_type=product.name,
            aliases=product.aliases,
            title=sentence(language, product.title),
            steps=product.steps_over(product.default_scheme),
            mandatory_steps=product.steps_over("http"),
            default_scheme=product.default_scheme,
            default_port=product.default_port,
            ports=product.ports,
            needs_key_pair=product.needs_key_pair,
            access_key=sentence(language, product.access_key_is),
            secret_key=sentence(language, product.secret_key_is),
            options=_options(product, language),
            identity={
                part: sentence(language, told.means) for part, told in product.identity.items()
            },
            minimum_version=product.minimum_version or None,
            end_of_life=dict(product.end_of_life),
            sign_in_attempts=product.sign_in_attempts,
            example=_example(product),
        )


class ProductTypes(WireModel):
    """All product types in alphabetical order."""

    items: tuple[ProductType, ...]


def choices_of(option: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the values that an option with this JSON Schema may have; none if it is free."""
    kinds = option.get("anyOf", [option])
    return tuple(str(value) for kind in kinds for value in kind.get("enum", ()))


def _options(product: AnyProduct, language: Language) -> dict[str, Any]:
    schema: dict[str, Any] = product.options.model_json_schema()
    for option in schema.get("properties", {}).values():
        option |= {name: sentence(language, option[name]) for name in ("title", "description")}
    return schema


def _example(product: AnyProduct) -> dict[str, Any]:
    request = {"productType": product.name, "endpoint": product.example}
    pair = {"accessKey": product.example_access_key or EXAMPLE_KEY, "secretKey": EXAMPLE_SECRET}
    return {**request, **pair} if product.needs_key_pair else request
