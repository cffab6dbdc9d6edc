"""The products that can be tested: every module in this package that declares some."""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from shared.platform.product import Product

AnyProduct = Product[Any, Any, Any]


def _declared() -> dict[str, AnyProduct]:
    modules = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    products: list[AnyProduct] = [product for module in modules for product in module.PRODUCTS]
    return {product.name: product for product in sorted(products, key=lambda p: p.name)}


PRODUCTS = _declared()
"""By productType, in alphabetical order."""
