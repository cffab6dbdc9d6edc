"""The products that can be tested: every module in this package that declares some."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from shared.platform.product import Product

AnyProduct = Product[Any, Any, Any]

_LONGEST = 40  # of a word that may resemble a product's name


class _Products(Mapping[str, AnyProduct]):
    """All products by productType, in alphabetical order; an alias finds its product too.

    A module is imported when one of its products is asked for, because all of them take 50 ms, and
    a command that tests one platform needs one.
    """

    def __init__(self) -> None:
        self._modules = [module.name for module in iter_modules(__path__)]
        self._unimported = set(self._modules)
        self._imported: dict[str, AnyProduct] = {}
        self._aliases: dict[str, str] = {}

    def __getitem__(self, name: str) -> AnyProduct:
        if found := self._imported.get(self._aliases.get(name, name)):
            return found
        # Most modules have the name of their product, and the plain ones are quickly imported.
        for module in (name, "plain", *self._modules):
            if name in self._imported or name in self._aliases:
                break
            self._import(module)
        return self._imported[self._aliases.get(name, name)]

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
        if module in self._unimported:
            declared = import_module(f"{__name__}.{module}").PRODUCTS
            self._imported.update({product.name: product for product in declared})
            self._aliases.update({alias: one.name for one in declared for alias in one.aliases})
            self._unimported.discard(module)


PRODUCTS = _Products()


def nearest_products(name: str) -> tuple[str, ...]:
    """Return at most three products with a name, else a word of its title, like `name`."""
    typed = name[:_LONGEST].lower()
    names = {alias: one.name for one in PRODUCTS.values() for alias in (one.name, *one.aliases)}
    if nearest := get_close_matches(typed, names, n=3):
        return tuple(dict.fromkeys(names[one] for one in nearest))
    titles = {product.name: product.title.lower().split() for product in PRODUCTS.values()}
    words = get_close_matches(typed, {word for title in titles.values() for word in title})
    return tuple(product for product, title in titles.items() if set(words) & set(title))[:3]
