import pytest

from shared.uploads import Wishes
from tests.shared.uploads.tables.reading import refused

TABLE = "productType,endpoint\ntcp,h\n"


@pytest.mark.parametrize(
    "field", ["password", "site", "labels", "label.", "options", "id", "x" * 999]
)
def test_a_column_can_set_only_a_field(field: str) -> None:
    """A misspelled field would be left out in silence."""
    said = refused(TABLE, Wishes(columns={"endpoint": field})).detail

    assert said.startswith(f"A column can't set {field[:40]}; choose one of productType, endpoint,")
    assert "host, port, scheme, options.NAME, label.NAME" in said


@pytest.mark.parametrize("column", ["owner", "0", "3", "-1", "1.0", "9" * 1000, "\u0663"])
def test_a_column_that_is_not_there_is_named(column: str) -> None:
    """The mapping belongs to another file."""
    said = refused(TABLE, Wishes(columns={"1": "productType", "endpoint": "host", column: "name"}))

    assert said.detail == f"There is no column {column[:40]}; the table has 2 columns."


def test_two_columns_that_the_caller_means_are_refused() -> None:
    """The caller must decide."""
    said = refused(TABLE, Wishes(columns={"1": "host", "2": "endpoint"})).detail

    assert "columns 1 (productType) and 2 (endpoint) set the same field, endpoint" in said


def test_wishes_hide_what_may_be_a_key() -> None:
    """In a table without a header the first row has keys."""
    assert "canary" not in repr(Wishes(columns={"canary": "name"}))
