"""List the product types with their steps, ports, field meanings and an example."""

from fastapi import APIRouter, Security

from api.access.dependencies import bearer
from api.openapi import problems
from shared.products import PRODUCTS
from shared.wire.product_types import ProductType, ProductTypes

product_types_api = APIRouter(
    prefix="/api/v1/product-types", tags=["Product types"], dependencies=[Security(bearer)]
)


_ALL = ProductTypes(items=tuple(ProductType.of(product) for product in PRODUCTS.values()))


@product_types_api.get(
    "", summary="List product types", response_model=ProductTypes, responses=problems(401)
)
async def list_product_types() -> ProductTypes:
    """List all product types with their steps, ports, field meanings, options and an example."""
    return _ALL
