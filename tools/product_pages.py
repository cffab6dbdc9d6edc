"""Write the part of a product's page that follows from the code into what was written by hand."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import ModuleInfo, iter_modules
from types import ModuleType
from typing import Any

from shared import products
from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import in_plural
from shared.products import PRODUCTS, AnyProduct
from shared.wire.product_types import choices_of

BEGIN, END = "<!-- product -->\n", "<!-- /product -->\n"


def product_pages(directory: Path) -> Iterator[tuple[Path, str]]:
    """Give each product's page with its text; the part between BEGIN and END is ours."""
    for module in _modules():
        for product in module.PRODUCTS:
            page = directory / f"{product.name}.md"
            text = page.read_text() if page.exists() else f"# {product.title}\n\n{BEGIN}{END}"
            before, _, rest = text.partition(BEGIN)
            _, _, after = rest.partition(END)
            yield page, before + BEGIN + _facts(product, module) + END + after
    yield directory / "README.md", _index()


def _modules() -> Iterator[ModuleType]:
    for found in iter_modules(products.__path__):
        yield import_module(f"{products.__name__}.{found.name}")


def _index() -> str:
    rows = [f"- [`{name}`]({name}.md): {product.title}" for name, product in PRODUCTS.items()]
    return "\n".join(["# Products", "", "What can be tested, by `productType`:", "", *rows, ""])


def _facts(product: AnyProduct, module: ModuleType) -> str:
    sections = [_request(product), _options(product), _identity(product), _versions(product)]
    sections.append(_causes(module))
    return "\n".join("\n".join(section) + "\n" for section in sections if section)


def _request(product: AnyProduct) -> list[str]:
    steps = ", ".join(f"`{step}`" for step in product.steps_over(product.default_scheme))
    aliases = ", ".join(f"`{alias}`" for alias in product.aliases)
    lines = [
        f"- `productType`: `{product.name}`{f' (or {aliases})' if aliases else ''}",
        f"- `endpoint`: for example `{product.example}`; {_default(product)} if none is given",
        f"- Known ports: {', '.join(str(port) for port in product.ports)}",
        f"- `accessKey`: {product.access_key_is}",
        f"- `secretKey`: {product.secret_key_is}",
        f"- Steps: {steps}",
    ]
    if product.sign_in_attempts is not None:
        lines.append(
            f"- Rejected secrets of one account before further ones are withheld: "
            f"{product.sign_in_attempts} in 15 minutes"
        )
    return lines


def _default(product: AnyProduct) -> str:
    scheme = f"{product.default_scheme} and " if product.speaks_http else ""
    return f"{scheme}port {product.default_port}"


def _options(product: AnyProduct) -> list[str]:
    fields = product.options.model_json_schema()["properties"] if _has_options(product) else {}
    rows = [f"- `options.{name}`: {_meaning(field)}" for name, field in fields.items()]
    return ["Options of this product:", "", *rows] if rows else []


def _meaning(option: Mapping[str, Any]) -> str:
    choices = ", ".join(f"`{value}`" for value in choices_of(option))
    return f"{option['description']} One of {choices}." if choices else str(option["description"])


def _has_options(product: AnyProduct) -> bool:
    return bool(product.options.model_fields)


def _identity(product: AnyProduct) -> list[str]:
    rows = [f"- `options.expect.{part}`: {told.means}" for part, told in product.identity.items()]
    return ["Whose key pair it must be, if that is to be checked:", "", *rows] if rows else []


def _versions(product: AnyProduct) -> list[str]:
    oldest = [f"- Oldest supported: {product.minimum_version}"]
    rows = oldest if product.minimum_version else []
    rows += [f"- {version}: supported until {end}" for version, end in product.end_of_life.items()]
    return ["Versions:", "", *rows] if rows else []


def _causes(module: ModuleType) -> list[str]:
    parts = [import_module(f"{module.__name__}.{part.name}") for part in _parts(module)]
    values = [value for one in (module, *parts) for value in vars(one).values()]
    causes = {value.code: value for value in values if isinstance(value, Cause)}
    rows = [f"- `{code}`: {in_plural(cause.summary)}" for code, cause in sorted(causes.items())]
    head = "Causes of this product, in addition to [those of all products](../causes.md):"
    return [head, "", *rows] if rows else []


def _parts(module: ModuleType) -> Iterator[ModuleInfo]:
    """Yield the modules of a product that is a package of its own."""
    yield from iter_modules(getattr(module, "__path__", ()))
