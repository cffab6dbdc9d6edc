"""Write the template as a workbook, which explains itself."""

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import xlsxwriter

from shared.diagnosis.sentences import Sentence
from shared.diagnosis.translations import Language
from shared.products import PRODUCTS
from shared.wire.product_types import ProductType
from shared.wire.sheets.template import MEANINGS, options_of

_MADE_AT = datetime(1980, 1, 1, tzinfo=UTC)  # so that it is the same each time
_LAST_ROW = 1_048_575  # from 0
_WIDTH, _WIDE = 18, 42  # characters
_PLATFORMS, _PRODUCTS = Sentence("Platforms"), Sentence("Products")
_TITLES = (
    "productType",
    Sentence("Product"),
    Sentence("endpoint, an example"),
    Sentence("what accessKey is"),
    Sentence("what secretKey is"),
    Sentence("further columns"),
)


def template_xlsx(language: Language = "en") -> bytes:
    """Return the template: a sheet to fill in, with comments, and one that explains the products.

    Its cells are texts: a spreadsheet neither rounds a reference of 20 digits nor takes 007 for 7.
    Read as an upload it has no rows.
    """
    file = io.BytesIO()
    with xlsxwriter.Workbook(
        file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        book.set_properties({"created": _MADE_AT})
        sheet = book.add_worksheet(_PLATFORMS.in_language(language))
        products = book.add_worksheet(_PRODUCTS.in_language(language))
        text = book.add_format({"num_format": "@"})
        header = book.add_format({"num_format": "@", "bold": True})
        for number, (column, meaning) in enumerate(MEANINGS.items()):
            sheet.set_column(number, number, max(_WIDTH, len(column) + 2), text)
            sheet.write_string(0, number, column, header)
            sheet.write_comment(0, number, meaning.in_language(language), {"author": ""})
        sheet.freeze_panes(1, 0)
        _explain(products, header, language)
        _offer(sheet, products.get_name())
    return file.getvalue()


def _explain(sheet: Any, header: Any, language: Language) -> None:
    shown = [ProductType.of(product, language) for product in PRODUCTS.values()]
    titles = [one if isinstance(one, str) else one.in_language(language) for one in _TITLES]
    rows: list[Sequence[str]] = [titles]
    for product in shown:
        pair = (product.access_key, product.secret_key)
        options = ", ".join(options_of(product))
        rows.append(
            (product.product_type, product.title, product.example["endpoint"], *pair, options)
        )
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            sheet.write_string(number, column, cell, None if number else header)
    sheet.set_column(0, 1, _WIDTH)
    sheet.set_column(2, len(titles) - 1, _WIDE)
    sheet.freeze_panes(1, 0)


def _offer(sheet: Any, products: str) -> None:
    """Let the spreadsheet offer what two of the columns take."""
    columns = [*MEANINGS]
    choices: dict[str, object] = {
        "productType": f"='{products}'!$A$2:$A${len(PRODUCTS) + 1}",
        "options.tls.verify": ["TRUE", "FALSE"],
    }
    for column, source in choices.items():
        at = columns.index(column)
        # Aliases and the names that people give products are read as well.
        wanted = {"validate": "list", "source": source, "show_error": False}
        sheet.data_validation(1, at, _LAST_ROW, at, wanted)
