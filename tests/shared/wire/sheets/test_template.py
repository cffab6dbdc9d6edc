import csv
import io
from typing import get_args

import pytest

from shared.diagnosis.translations import Language
from shared.products import PRODUCTS
from shared.uploads.field_names import KNOWN, field_of
from shared.wire.sheets.template import MEANINGS, template_csv
from tests.shared.uploads.uploading import CSV, contents, error

PLATFORM = [
    "Site 1",
    "007",
    "vsphere",
    "vcenter.example.com",
    "root",
    "s3cret",
    "Alice",
    "Berlin",
    "fra1",
]


def lines(language: Language) -> list[list[str]]:
    text = template_csv(language).decode("utf-8-sig")
    return [*csv.reader(io.StringIO(text, newline=""))]


@pytest.mark.parametrize("language", get_args(Language))
def test_the_template_is_read_and_has_no_rows(language: Language) -> None:
    """Its comments are no platforms."""
    assert error(template_csv(language), CSV).detail == "The upload has no rows."


def test_a_filled_template_is_read() -> None:
    """Below the comments, above them, or after a spreadsheet has made the rows equally long."""
    header, *comments = lines("en")
    width = len(header)
    wide = [[*row, *[""] * (width - len(row))] for row in [header, *comments, PLATFORM]]
    for rows in ([header, *comments, PLATFORM], [header, PLATFORM, *comments], wide):
        text = io.StringIO()
        csv.writer(text).writerows(rows)

        assert contents(text.getvalue().encode(), CSV) == [
            {
                "name": "Site 1",
                "ref": "007",
                "productType": "vsphere",
                "endpoint": "vcenter.example.com",
                "accessKey": "root",
                "secretKey": "s3cret",
                "labels": {"owner": "Alice", "location": "Berlin"},
                "options": {"site": "fra1"},
            }
        ]


def test_every_column_is_a_field_by_its_own_name() -> None:
    """Whoever takes the template needs no alias."""
    assert {*KNOWN} <= MEANINGS.keys()
    meanings = {column: field_of(column) for column in MEANINGS}
    assert {column: told and told.field for column, told in meanings.items()} == {
        column: column for column in MEANINGS
    }


@pytest.mark.parametrize("language", get_args(Language))
def test_each_product_has_a_comment(language: Language) -> None:
    """What its keys are called is what people look for."""
    comments = [row for row in lines(language)[1:] if row[0].startswith("# ")]

    assert len(comments) == len(PRODUCTS)
    for comment, product in zip(comments, PRODUCTS.values(), strict=True):
        assert product.name in comment[0]
        assert product.example in comment[0]
        assert ("accessKey" in comment[0]) == product.needs_key_pair


def test_excel_reads_it_as_utf_8() -> None:
    """Without the mark it takes the encoding of its Windows."""
    assert template_csv("zh-CN").startswith(b"\xef\xbb\xbf")
    assert "用户" in template_csv("zh-CN").decode()
