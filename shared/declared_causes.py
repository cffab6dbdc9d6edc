"""Find every cause that the code declares, for catalogues of them."""

from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise
from pkgutil import walk_packages
from types import ModuleType

from shared.causes import Cause


class AmbiguousCauseError(Exception):
    """Raised where two causes have one code, which a reader could not tell apart."""


def declared_causes(*packages: ModuleType) -> list[Cause]:
    """Return every cause that a module of `packages` declares, by code.

    Raises:
        AmbiguousCauseError: two of them have the same code.
    """
    modules = _modules(packages)
    found = {id(v): v for m in modules for v in vars(m).values() if isinstance(v, Cause)}
    causes = sorted(found.values(), key=lambda cause: cause.code)
    for one, other in pairwise(causes):
        if one.code == other.code:
            raise AmbiguousCauseError(f"two causes have the code {one.code}")
    return causes


def _modules(packages: tuple[ModuleType, ...]) -> Iterator[ModuleType]:
    for package in packages:
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            yield import_module(module.name)
