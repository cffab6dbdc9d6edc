import pytest

from shared.uploads.tables.columns import MAX_COLUMNS
from tests.shared.uploads.uploading import CANARY, CSV, contents, error

NEEDED = "productType,endpoint,accessKey,secretKey"


def options(column: str, cell: str) -> object:
    (content,) = contents(f"{NEEDED},options.{column}\nzstack,h,a,s,{cell}\n".encode(), CSV)
    return content.get("options")


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("true", True),
        ("false", False),
        ("FALSE", False),
        ("TRUE", True),
        ("False", "False"),
        ("null", "null"),
        ("20", 20),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e2", 100.0),
        ("007", "007"),
        ("+1", "+1"),
        ("1.", "1."),
        ("1e999", "1e999"),
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("\u0663", "\u0663"),
        ("9" * 24, int("9" * 24)),
        ("9" * 25, "9" * 25),
        ("Asia/Shanghai", "Asia/Shanghai"),
        (" 20", " 20"),
    ],
)
def test_an_option_is_what_json_would_make_of_it(cell: str, value: object) -> None:
    """A table has only text, and options are booleans and numbers."""
    found = options("some", cell)

    assert found == {"some": value}
    assert isinstance(found, dict)
    assert type(found["some"]) is type(value)


@pytest.mark.parametrize("part", ["account", "tenant", "user"])
def test_an_expected_identity_of_digits_is_a_string(part: str) -> None:
    """An account's ID has twelve of them."""
    assert options(f"expect.{part}", "123456789012") == {"expect": {part: "123456789012"}}


def test_dots_nest_and_an_empty_cell_says_nothing() -> None:
    """The default is for who says nothing."""
    header = f"{NEEDED},name,options.tls.verify,options.tls.caCertificate,options.force"
    body = f"{header}\nzstack,h,a,s,,false,1,\nzstack,h,a,,x,,,true\n"

    assert contents(body.encode(), CSV) == [
        {
            "productType": "zstack",
            "endpoint": "h",
            "accessKey": "a",
            "secretKey": "s",
            "options": {"tls": {"verify": False, "caCertificate": "1"}},
        },
        {
            "productType": "zstack",
            "endpoint": "h",
            "accessKey": "a",
            "name": "x",
            "options": {"force": True},
        },
    ]


def test_what_is_no_option_stays_a_text() -> None:
    """There are access keys and fingerprints of digits only."""
    fingerprint = "tls.fingerprintSha256"
    body = f"{NEEDED},ref,options.{fingerprint}\ntrue,10,123,1e5,42,{'1' * 8}\n"

    assert contents(body.encode(), CSV) == [
        {
            "productType": "true",
            "endpoint": "10",
            "accessKey": "123",
            "secretKey": "1e5",
            "ref": "42",
            "options": {"tls": {"fingerprintSha256": "1" * 8}},
        }
    ]


def test_a_table_may_do_without_key_pairs() -> None:
    """There are products that nobody signs in to."""
    body = b"name,productType,endpoint\nx,tcp,h:22\n"

    assert contents(body, CSV) == [{"name": "x", "productType": "tcp", "endpoint": "h:22"}]


@pytest.mark.parametrize(
    "header",
    [
        "Product Type,END POINT,access_key,secret-key",
        " producttype,Endpoint ,AccessKey,SECRET__KEY",
    ],
)
def test_a_column_is_known_however_its_words_are_joined(header: str) -> None:
    """Spreadsheets have headers for people, and databases have names with underscores."""
    row = {"productType": "zstack", "endpoint": "h", "accessKey": "a", "secretKey": "s"}

    assert contents(f"{header}\nzstack,h,a,s\n".encode(), CSV) == [row]


@pytest.mark.parametrize("end", [",", ",,", ", ,"])
def test_an_empty_column_at_the_end_is_none(end: str) -> None:
    """Many programs write a separator after each value."""
    row = {"productType": "tcp", "endpoint": "h:22"}

    assert contents(f"productType,endpoint{end}\ntcp,h:22{end}\n".encode(), CSV) == [row]
    assert contents(f"productType,endpoint\ntcp,h:22{end}\n".encode(), CSV) == [row]


@pytest.mark.parametrize(
    ("header", "detail"),
    [
        ("productType,name", "line 1: required columns are missing: endpoint."),
        ("productType,endpoint,accessKey", "line 1: required columns are missing: secretKey."),
        ("productType,secretKey", "line 1: required columns are missing: endpoint, accessKey."),
        (f"{NEEDED},{CANARY}", "line 1: column 5 is unknown; use productType, endpoint,"),
        (f"{NEEDED},options", "column 5 is unknown"),
        (f"{NEEDED},options.", "column 5 is unknown"),
        (f"{NEEDED},options..a", "column 5 is unknown"),
        (f"{NEEDED},options.a.b.c.d.e", "column 5 is unknown"),
        (f"{NEEDED},options.{'a' * 65}", "column 5 is unknown"),
        (f"{NEEDED},,name", "column 5 is unknown"),
        (f"{NEEDED},Name,name", "line 1: columns 5 and 6 set the same field."),
        (f"{NEEDED},nmae", "Rename these columns: 5 → name."),
        (f"{NEEDED},{'n' * 100_000}", "column 5 is unknown"),
        ("host,user,passwd", "Rename these columns: 1 → endpoint, 2 → accessKey, 3 → secretKey."),
        ("host,user,passwd", "Required columns are missing: productType."),
        ("vcenter_user,zip", "Rename these columns: 1 → accessKey. Required"),
        ("平台类型,IP地址,用户名,密码", "1 → productType, 2 → endpoint, 3 → accessKey, 4 → sec"),
        ("type,url", "Rename these columns: 1 → productType, 2 → endpoint."),
        (f"10.0.0.1,{CANARY}", "line 1: has an address; the first line must name the columns:"),
        (f"zstack;vc.example.com:443;{CANARY}", "line 1: has an address; the first line must"),
        (f"{CANARY},https://cloud.example.com", "line 1: has an address; the first line must"),
        (f"{NEEDED},endpoint", "line 1: columns 2 and 5 set the same field."),
        (f"{NEEDED},options.{CANARY},options.{CANARY}", "columns 5 and 6 set the same field."),
        (f"{NEEDED},options.tls,options.tls.verify", "columns 5 and 6 set the same field."),
        (f"{NEEDED},options.tls.verify,options.tls", "columns 5 and 6 set the same field."),
        (f"\n\n{NEEDED},{CANARY}", "line 3: column 5 is unknown"),
        (f'"{NEEDED}"x', "line 1: is not valid CSV."),
        (f"{NEEDED}\t{NEEDED}", "column 4 is unknown"),
        (
            NEEDED + "".join(f",options.a{number}" for number in range(MAX_COLUMNS)),
            "line 1: has more than 64 columns.",
        ),
        ("," * 200_000, "line 1: required columns are missing: productType, endpoint."),
        ("x," * 100_000 + "x", "line 1: has more than 64 columns."),
    ],
)
def test_a_header_that_says_something_else_is_refused(header: str, detail: str) -> None:
    """A column that nobody reads would be an option that silently does nothing."""
    said = error(f"{header}\nzstack,h,a,s,x\n".encode(), CSV)

    assert detail in said.detail
    assert said.kind == "invalid-request"


def test_the_most_columns_that_are_allowed_are_read() -> None:
    """The limit is for attackers."""
    extra = [f"options.a{number}" for number in range(MAX_COLUMNS - 4)]
    header = ",".join([NEEDED, *extra])

    (content,) = contents(f"{header}\n{'1,' * (MAX_COLUMNS - 1)}1\n".encode(), CSV)

    assert len(content["options"]) == MAX_COLUMNS - 4
