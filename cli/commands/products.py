"""The command `conncheck products`: the products, and the fields that each needs."""

import json
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from cli.arguments import check_product
from cli.commands.options import AsJson, complete_product

if TYPE_CHECKING:
    from shared.wire.product_types import ProductType

Name = Annotated[
    str | None,
    typer.Argument(metavar="NAME", help="A product type.", autocompletion=complete_product),
]


def show_products(name: Name = None, as_json: AsJson = False) -> None:
    """List the products that can be tested, or the fields that one of them needs."""
    from shared.products import PRODUCTS
    from shared.wire.product_types import ProductType

    if name is not None:
        check_product(name)
    wanted = [ProductType.of(PRODUCTS[one]) for one in ([name] if name else PRODUCTS)]
    if as_json:
        told = [one.model_dump(mode="json", by_alias=True) for one in wanted]
        sys.stdout.write(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    elif name:
        _explain(wanted[0])
    else:
        _list(wanted)


def _options(product: "ProductType") -> Iterator[tuple[str, str, str]]:
    """Yield each option's name, how it is given, and what it is for."""
    from shared.wire.product_types import choices_of

    for name, schema in product.options.get("properties", {}).items():
        kinds = [one.get("format") for one in schema.get("anyOf", [schema])]
        way = f"--option-file {name}=FILE" if "password" in kinds else f"--option {name}=VALUE"
        default = schema.get("default")
        shown = "" if default is None else f" Default: {default}."
        choices = f" One of: {', '.join(chosen)}." if (chosen := choices_of(schema)) else ""
        yield name, way, f"{schema.get('description', '')}{choices}{shown}"


def _list(products: "Sequence[ProductType]") -> None:
    from rich.table import Table

    from cli.terminal.screen import FAINT, plain, screen

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(style=FAINT)
    table.add_row("", "", "")
    for product in products:
        table.add_row(f"  {product.product_type}", plain(product.title), plain(_default(product)))
    screen().print(table)


def _explain(product: "ProductType") -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from cli.terminal.screen import FAINT, plain, screen

    console = screen()
    console.print(Text("\n  ").append_text(plain(product.title, "bold")))
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(style=FAINT, no_wrap=True)
    rows.add_column(overflow="fold")
    for name, text in _facts(product):
        rows.add_row(plain(name), plain(text))
    console.print(Padding(rows, (0, 0, 0, 4)))
    key = " --access-key ID" if product.needs_key_pair else ""
    command = f"conncheck test {product.product_type} {product.example['endpoint']}{key}"
    console.print(Text("\n    ").append_text(plain(command)))


def _default(product: "ProductType") -> str:
    """Return the scheme and the port that an endpoint has if it names none."""
    scheme = f"{product.default_scheme}, " if "http_response" in product.steps else ""
    return f"{scheme}port {product.default_port}"


def _facts(product: "ProductType") -> Iterator[tuple[str, str]]:
    yield "product", product.product_type
    if product.aliases:
        yield "also called", ", ".join(product.aliases)
    if product.needs_key_pair:
        yield "access key", product.access_key
        yield "secret key", product.secret_key
    yield "endpoint", f"default {_default(product)}; for example {product.example['endpoint']}"
    yield "ports", ", ".join(map(str, product.ports))
    yield "steps", ", ".join(product.steps)
    if product.minimum_version:
        yield "oldest version", product.minimum_version
    for part, means in product.identity.items():
        yield f"--expect {part}=VALUE", f"It must be the key pair of this {part}: {means}."
    for _, way, text in _options(product):
        yield way, text
