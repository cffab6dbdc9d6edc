"""What can be tested: every product with its steps, ports, field meanings and an example."""

from datetime import date
from typing import Any

from fastapi import APIRouter, Security
from pydantic import Field

from api.access.dependencies import bearer
from api.openapi import problems
from shared.endpoint import Scheme
from shared.products import PRODUCTS, AnyProduct
from shared.diagnosis.report import WireModel
from shared.steps import StepName

EXAMPLE_KEY, EXAMPLE_SECRET = "AKID1234567890", "secret-value-xyz"

product_types_api = APIRouter(
    prefix="/api/v1/product-types", tags=["Product types"], dependencies=[Security(bearer)]
)


class ProductType(WireModel):
    """One kind of platform, as a form or a program needs it."""

    product_type: str = Field(description="The value of `productType`", examples=["zstack"])
    title: str = Field(examples=["ZStack Cloud"])
    steps: tuple[StepName, ...] = Field(
        description="The steps over `defaultScheme`; over http there is no tls_handshake."
    )
    default_scheme: Scheme
    default_port: int = Field(description="Where the endpoint names none.")
    ports: tuple[int, ...] = Field(description="All ports that it is known by.")
    needs_key_pair: bool = Field(description="Whether accessKey and secretKey are required.")
    access_key: str = Field(description="What `accessKey` means.")
    secret_key: str = Field(description="What `secretKey` means.")
    options: dict[str, Any] = Field(
        description="JSON Schema of the product's own `options`, beside those of all."
    )
    minimum_version: str | None = Field(description="The oldest version that can be tested.")
    end_of_life: dict[str, date] = Field(
        description="Until when its maker supports a version, where that is known."
    )
    sign_in_attempts: int | None = Field(
        description="How many secrets of one account may be rejected before tests of it stop."
    )
    example: dict[str, Any] = Field(description="A request.")

    @classmethod
    def of(cls, product: AnyProduct) -> "ProductType":
        """Return the product as it is shown."""
        return cls(
            product_type=product.name,
            title=product.title,
            steps=product.steps_over(product.default_scheme),
            default_scheme=product.default_scheme,
            default_port=product.default_port,
            ports=product.ports,
            needs_key_pair=product.needs_key_pair,
            access_key=product.access_key_is,
            secret_key=product.secret_key_is,
            options=product.options.model_json_schema(),
            minimum_version=product.minimum_version or None,
            end_of_life=dict(product.end_of_life),
            sign_in_attempts=product.sign_in_attempts,
            example=_example(product),
        )


class ProductTypes(WireModel):
    """All of them, in alphabetical order."""

    items: tuple[ProductType, ...]


def _example(product: AnyProduct) -> dict[str, Any]:
    request = {"productType": product.name, "endpoint": product.example}
    pair = {"accessKey": EXAMPLE_KEY, "secretKey": EXAMPLE_SECRET}
    return {**request, **pair} if product.needs_key_pair else request


_ALL = ProductTypes(items=tuple(ProductType.of(product) for product in PRODUCTS.values()))


@product_types_api.get(
    "", summary="What can be tested", response_model=ProductTypes, responses=problems(401)
)
async def list_product_types() -> ProductTypes:
    """List all product types with their steps, ports, field meanings, options and an example."""
    return _ALL
