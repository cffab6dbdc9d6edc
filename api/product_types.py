"""List the product types with their steps, ports, field meanings and an example."""

from functools import cache
from typing import Any

from fastapi import APIRouter, Security
from fastapi.responses import JSONResponse

from api.access.dependencies import bearer
from api.language import LanguageDep, headers_of
from api.openapi import problems
from shared.diagnosis.translations import Language
from shared.products import PRODUCTS
from shared.wire.product_types import ProductType, ProductTypes

product_types_api = APIRouter(
    prefix="/api/v1/product-types", tags=["Product types"], dependencies=[Security(bearer)]
)


@cache
def _all(language: Language) -> dict[str, Any]:
    items = tuple(ProductType.of(product, language) for product in PRODUCTS.values())
    return ProductTypes(items=items).model_dump(mode="json", by_alias=True)


@product_types_api.get(
    "", summary="List product types", response_model=ProductTypes, responses=problems(401, 429)
)
async def list_product_types(language: LanguageDep) -> JSONResponse:
    """List all product types with their steps, ports, field meanings, options and an example."""
    return JSONResponse(_all(language), headers=headers_of(language))
