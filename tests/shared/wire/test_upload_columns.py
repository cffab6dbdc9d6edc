import pytest

from shared.store.batches.batch import BatchItem
from shared.uploads import Reading, Row
from shared.uploads.reading import ReadColumn
from shared.wire.upload_columns import columns_of, said_by, typed_in

FIELDS = [
    *("name", "ref", "productType", "endpoint", "host", "port", "label.owner"),
    *("options.tls.verify", "options.timeoutSeconds", "options.expect.account", "options.region"),
]
NEVER = [
    *("accessKey", "secretKey", "", "options.tls.caCertificate", "options.sessionToken"),
    *("options.session_token", "options.unknown", "options.tls", "labels", "site"),
]


def table(*fields: str) -> Reading:
    """Return what was read of a table with these columns, called by their numbers."""
    columns = [ReadColumn(n, f"header {n}", field) for n, field in enumerate(fields, 1)]
    return Reading(format="CSV", separator=",", header_line=1, columns=columns)


def item(endpoint: str = "http://10.0.0.5:8080") -> BatchItem:
    return BatchItem("line 2", "n", "r", "zstack", endpoint, "", {"owner": "Alice"})


@pytest.mark.parametrize("field", FIELDS)
def test_a_column_of_the_upload_comes_back(field: str) -> None:
    """Under its own header: its sender knows no other."""
    (column,) = columns_of(table(field), [])

    assert column == ("header 1", field)


@pytest.mark.parametrize("field", NEVER)
def test_a_column_that_may_hold_a_secret_does_not_come_back(field: str) -> None:
    """Nor does one that was left out: nobody knows what it holds."""
    row = Row("line 2", {}, cells=["hunter2"])

    assert columns_of(table(field), []) == ()
    assert typed_in(row, item(), table(field)) == {}


def test_a_table_without_a_header_has_the_names_of_its_fields() -> None:
    """A column needs a name in the file that is handed back."""
    reading = Reading(separator=";", columns=[ReadColumn(1, "", "host")])

    assert columns_of(reading, []) == (("host", "host"),)


def test_what_was_no_table_has_columns_for_its_labels() -> None:
    """JSON has no columns of its own."""
    columns = columns_of(Reading(format="JSON", columns=[ReadColumn(1, "x", "name")]), ["owner"])

    names = [column.header for column in columns]
    assert names == ["name", "ref", "productType", "endpoint", "label.owner"]
    assert columns_of(Reading(format="JSON"), []) == ()


def test_only_what_an_item_does_not_say_is_kept_of_its_row() -> None:
    """It costs memory for days."""
    reading = table("host", "port", "productType", "name", "label.owner", "options.tls.verify")
    row = Row("line 2", {}, cells=["db.example.com", " 8080 ", "ZStack", "n", "Alice", "FALSE"])

    typed = typed_in(row, item(), reading)

    assert typed == {
        "host": "db.example.com",
        "productType": "ZStack",
        "options.tls.verify": "FALSE",
    }


@pytest.mark.parametrize("cell", ["", " ", "x" * 201, "a\nb", "a\u202eb"])
def test_a_cell_that_is_no_short_text_is_not_kept(cell: str) -> None:
    """It goes into lists and pages; what the item says of its endpoint is shown."""
    assert typed_in(Row("line 2", {}, cells=[cell]), item(), table("endpoint")) == {}
    assert typed_in(Row("line 2", {}), item(), table("endpoint")) == {}


@pytest.mark.parametrize(
    ("endpoint", "host", "port", "scheme"),
    [
        ("http://10.0.0.5:8080", "10.0.0.5", "8080", "http"),
        ("https://[2001:db8::5]:443/a/b", "2001:db8::5", "443", "https"),
    ],
)
def test_an_endpoint_is_shown_in_its_parts(
    endpoint: str, host: str, port: str, scheme: str
) -> None:
    """A table may have a column for each."""
    one = item(endpoint=endpoint)

    assert [said_by(one, field) for field in ("host", "port", "scheme")] == [host, port, scheme]
    assert said_by(one, "label.none") == said_by(one, "options.region") == ""
