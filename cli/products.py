"""The command `conncheck products`: what can be tested, and what it wants to know."""

import json
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.ending import refuse
from cli.options import AsJson, complete_product
from shared.text import printable

if TYPE_CHECKING:
    from shared.products import AnyProduct

Name = Annotated[
    str | None,
    typer.Argument(metavar="NAME", help="A product type.", autocompletion=complete_product),
]


def show_products(name: Name = None, as_json: AsJson = False) -> None:
    """List the products that can be tested, or what one of them wants to know."""
    from shared.products import PRODUCTS

    if name is not None and name not in PRODUCTS:
        refuse(f"product {printable(name)!r} is unknown; choose {', '.join(PRODUCTS)}")
    wanted = [PRODUCTS[name]] if name else [*PRODUCTS.values()]
    if as_json:
        told = [_as_mapping(product) for product in wanted]
        sys.stdout.write(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    elif name:
        _explain(wanted[0])
    else:
        _list(wanted)


def _as_mapping(product: "AnyProduct") -> dict[str, Any]:
    return {
        "name": product.name,
        "title": product.title,
        "accessKeyIs": product.access_key_is,
        "secretKeyIs": product.secret_key_is,
        "defaultScheme": product.default_scheme,
        "defaultPort": product.default_port,
        "options": [
            {"name": name, "type": kind, "default": default, "description": text}
            for name, kind, default, text in _options(product)
        ],
    }


def _options(product: "AnyProduct") -> Iterator[tuple[str, str, Any, str]]:
    """Give each option's name, type, default and what it is for."""
    for name, schema in product.options.model_json_schema().get("properties", {}).items():
        kinds = [one.get("type", "") for one in schema.get("anyOf", [schema])]
        kind = " or ".join(kind for kind in kinds if kind not in ("", "null"))
        yield name, kind, schema.get("default"), schema.get("description", "")


def _list(products: "Sequence[AnyProduct]") -> None:
    from rich.table import Table

    from cli.screen import FAINT, plain, screen

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(style=FAINT)
    table.add_row("", "", "")
    for product in products:
        default = f"{product.default_scheme}, port {product.default_port}"
        table.add_row(f"  {product.name}", plain(product.title), plain(default))
    screen().print(table)


def _explain(product: "AnyProduct") -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from cli.screen import FAINT, plain, screen

    console = screen()
    console.print(Text("\n  ").append_text(plain(product.title, "bold")))
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(style=FAINT)
    rows.add_column(overflow="fold")
    rows.add_row("product", plain(product.name))
    rows.add_row("access key", plain(product.access_key_is))
    rows.add_row("secret key", plain(product.secret_key_is))
    usual = f"{product.default_scheme}, port {product.default_port}, unless the endpoint says more"
    rows.add_row("default", plain(usual))
    for name, _, default, text in _options(product):
        shown = "" if default is None else f" Default: {default}."
        rows.add_row(Text(f"-o {name}=", FAINT), plain(f"{text}{shown}"))
    console.print(Padding(rows, (0, 0, 0, 4)))
    command = f"conncheck test {product.name} ENDPOINT --access-key ID"
    console.print(Text("\n    ").append_text(plain(command)))
