"""The products that can be tested: every module in this package that declares some."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from shared.platform.product import Product

AnyProduct = Product[Any, Any, Any]


class _Products(Mapping[str, AnyProduct]):
    """All products by productType, in alphabetical order.

    A module is imported when one of its products is asked for, because all of them take 50 ms, and
    a command that tests one platform needs one.
    """

    def __init__(self) -> None:
        self._modules = [module.name for module in iter_modules(__path__)]
        self._imported: dict[str, AnyProduct] = {}

    def __getitem__(self, name: str) -> AnyProduct:
        # Most modules have the name of their product, and the plain ones are quickly imported.
        for module in (name, "plain", *self._modules):
            if name in self._imported:
                break
            self._import(module)
        return self._imported[name]

    def __iter__(self) -> Iterator[str]:
        self.import_all()
        return iter(sorted(self._imported))

    def __len__(self) -> int:
        self.import_all()
        return len(self._imported)

    def import_all(self) -> None:
        """Import all products, for a process that should not do so while it tests or answers."""
        for module in self._modules:
            self._import(module)

    def _import(self, module: str) -> None:
        if module in self._modules:
            declared = import_module(f"{__name__}.{module}").PRODUCTS
            self._imported.update({product.name: product for product in declared})


PRODUCTS = _Products()
