import io
import zipfile
from typing import Any, get_args

import openpyxl
import pytest

from shared.diagnosis.translations import Language
from shared.products import PRODUCTS
from shared.wire.sheets.template import MEANINGS
from shared.wire.sheets.template_xlsx import template_xlsx
from tests.shared.uploads.uploading import contents, error

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def opened(language: Language = "en") -> Any:
    return openpyxl.load_workbook(io.BytesIO(template_xlsx(language)))


@pytest.mark.parametrize("language", get_args(Language))
def test_the_template_is_read_and_has_no_rows(language: Language) -> None:
    """The products are on a sheet of their own."""
    assert error(template_xlsx(language), XLSX).detail == "The upload has no rows."


def test_a_filled_template_is_read() -> None:
    """Its cells are texts, so that digits stay as they were typed."""
    book = opened()
    platforms = book.worksheets[0]
    for column, value in {"A": "Site 1", "B": "007", "C": "tcp", "D": "10.0.0.5:22"}.items():
        platforms[f"{column}2"] = value
    file = io.BytesIO()
    book.save(file)

    assert platforms.column_dimensions["A"].number_format == "@"
    assert contents(file.getvalue(), XLSX) == [
        {"name": "Site 1", "ref": "007", "productType": "tcp", "endpoint": "10.0.0.5:22"}
    ]


def test_each_column_is_explained_where_it_is() -> None:
    """In the caller's language."""
    platforms = opened("zh-CN").worksheets[0]
    told = {cell.value: cell.comment.text for cell in platforms[1]}

    assert told == {name: said.in_language("zh-CN") for name, said in MEANINGS.items()}
    assert platforms.freeze_panes == "A2"
    assert platforms["A1"].font.b


def test_each_product_is_explained() -> None:
    """With what its keys are called there."""
    book = opened("zh-CN")
    rows = {row[0]: row for row in book.worksheets[1].iter_rows(min_row=2, values_only=True)}

    assert book.sheetnames == ["平台", "产品"]
    assert [*rows] == [product.name for product in PRODUCTS.values()]
    assert rows["zstack"][2] == PRODUCTS["zstack"].example
    assert rows["openstack"][5].startswith("options.signInWith")


def test_the_spreadsheet_offers_the_products() -> None:
    """And takes others: an alias is read as well."""
    validations = opened().worksheets[0].data_validations.dataValidation
    (products,) = [one for one in validations if "Products" in (one.formula1 or "")]

    assert str(products.sqref) == "C2:C1048576"
    assert products.formula1 == f"'Products'!$A$2:$A${len(PRODUCTS) + 1}"
    assert not products.showErrorMessage


def test_nothing_tells_who_made_it_and_when() -> None:
    """It is the same file each time."""
    content = template_xlsx()

    assert content == template_xlsx()
    assert b"1980-01-01" in zipfile.ZipFile(io.BytesIO(content)).read("docProps/core.xml")
