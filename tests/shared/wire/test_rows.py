from dataclasses import replace
from typing import Any

import pytest

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed
from shared.store.batches.batch import RejectedRow
from shared.uploads.reading import ReadColumn, Reading
from shared.uploads.row import Row, unreadable
from shared.uploads.wishes import Wishes
from shared.wire.batches import BatchRow
from shared.wire.rows import judged
from tests.running.service import a_request

REFUSED = Cause("policy.test", "caller", "{host} may not be tested", (), field="endpoint")
READING = Reading(
    columns=[
        ReadColumn(1, "Type", "productType"),
        ReadColumn(2, "Host", "host"),
        ReadColumn(3, "Port", "port"),
        ReadColumn(4, "Timeout", "options.timeoutSeconds"),
    ],
    separator=",",
)


def a_row(**changes: Any) -> Row:
    """Return line 17 of a table."""
    return Row("line 17", {**a_request("cloud.example.com:8080"), **changes}, line=17)


def rejected(row: Row) -> RejectedRow:
    found = judged(row, READING)
    assert isinstance(found, RejectedRow)
    return found


def test_a_valid_row_is_the_platform_that_it_names() -> None:
    """The API, the command and the dry run must not differ in what they test."""
    found = judged(a_row(name="A"), READING)

    assert isinstance(found, BatchRow)
    assert (found.name, found.product_type) == ("A", "zstack")


@pytest.mark.parametrize(
    ("changes", "field", "column", "example"),
    [
        ({"productType": "vmwre"}, "productType", 1, "zstack"),
        ({"endpoint": "http://u:p@h"}, "endpoint", 2, "192.168.1.100:8080"),
        ({"options": {"timeoutSeconds": 0}}, "options.timeoutSeconds", 4, "30"),
        ({"name": "a\nb"}, "name", None, None),
    ],
    ids=["product", "endpoint", "option", "no-column"],
)
def test_a_bad_row_is_told_with_line_column_and_example(
    changes: dict[str, Any], field: str, column: int | None, example: str | None
) -> None:
    """Its sender mends it in a spreadsheet."""
    found = rejected(a_row(**changes))

    assert (found.place, found.field, found.line) == ("line 17", field, 17)
    assert (found.column, found.example) == (column, example)
    assert found.reason


def test_a_member_of_json_is_in_no_column() -> None:
    """Objects have their members in any order."""
    found = judged(a_row(productType="vmwre"), replace(READING, separator=""))

    assert isinstance(found, RejectedRow)
    assert (found.field, found.column) == ("productType", None)


def test_a_row_that_the_parser_could_not_read_keeps_its_place() -> None:
    """It belongs to no column."""
    found = rejected(unreadable("line 7", "is not a JSON object"))

    assert found == RejectedRow("line 7", "", "is not a JSON object", line=7)


def test_a_wish_is_the_product_of_a_row_without_one() -> None:
    """Lists of vCenters seldom say so in each line."""
    wishes = Wishes(product_type="zsphere")
    bare = {k: v for k, v in a_request("h.example.com").items() if k != "productType"}

    products = [
        found.product_type
        for content in (bare, {**bare, "productType": ""}, {**bare, "productType": "zstack"})
        if isinstance(found := judged(Row("line 1", content), READING, wishes), BatchRow)
    ]

    assert products == ["zsphere", "zsphere", "zstack"]


def test_a_platform_that_may_not_be_tested_is_rejected_with_the_reason() -> None:
    """The rows beside it are tested."""

    def refuse(request: BatchRow) -> None:
        raise Failed(REFUSED, host=request.endpoint.host)

    found = judged(a_row(), READING, check=refuse)

    assert isinstance(found, RejectedRow)
    assert found.reason == "cloud.example.com may not be tested"
    assert (found.field, found.column) == ("endpoint", 2)
