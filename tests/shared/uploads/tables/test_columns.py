import pytest

from shared.uploads import Wishes
from tests.shared.uploads.tables.reading import read_table
from tests.shared.uploads.uploading import CSV, contents

NEEDED = "productType,endpoint,accessKey,secretKey"
ROW = {"productType": "zstack", "endpoint": "h", "accessKey": "a", "secretKey": "s"}


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
        (" 20\u00a0", 20),
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
        ROW | {"options": {"tls": {"verify": False, "caCertificate": "1"}}},
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
    body = f"{NEEDED},ref,options.{fingerprint},label.x\ntrue,10,123,15,42,{'1' * 8},1\n"

    assert contents(body.encode(), CSV) == [
        {
            "productType": "true",
            "endpoint": "10",
            "accessKey": "123",
            "secretKey": "15",
            "ref": "42",
            "options": {"tls": {"fingerprintSha256": "1" * 8}},
            "labels": {"x": "1"},
        }
    ]


def test_labels_go_through_by_name() -> None:
    """The owner of a platform stands in the same sheet."""
    body = b"productType,endpoint,label.owner,Label.Cost centre\ntcp,h:1,Alice, 42 \ntcp,h:2,,\n"

    assert contents(body, CSV) == [
        {
            "productType": "tcp",
            "endpoint": "h:1",
            "labels": {"owner": "Alice", "Cost centre": "42"},
        },
        {"productType": "tcp", "endpoint": "h:2"},
    ]


@pytest.mark.parametrize("blank", [" ", "\t", "\u00a0", "\u3000", "\u200b", "\ufeff", " \u2009"])
def test_blanks_around_a_cell_are_not_meant(blank: str) -> None:
    """A blank behind zstack makes an unknown product of it."""
    row = [f"{blank}{cell}{blank}" for cell in ("zstack", "h", "x y")]
    found = read_table("productType|endpoint|name\n" + "|".join(row) + "\n")

    assert found.contents == [{"productType": "zstack", "endpoint": "h", "name": "x y"}]
    assert found.doubts == []


@pytest.mark.parametrize("secret", [" s", "s ", "\u00a0s", "s\u3000"])
def test_blanks_around_a_secret_are_kept_and_told(secret: str) -> None:
    """A password may begin with a blank; that it does is what its owner must know."""
    found = read_table(f"{NEEDED}\nzstack,h,a,{secret}\n")

    assert found.contents == [ROW | {"secretKey": secret}]
    assert found.doubts == [("line 2", "secretKey", "begins or ends with blanks, which were kept")]


def test_a_session_token_is_a_secret_too() -> None:
    """The options of a product have secrets of their own."""
    found = read_table(f"{NEEDED},options.sessionToken\nzstack,h,a,s, t\n")

    assert found.contents == [ROW | {"options": {"sessionToken": " t"}}]
    assert [field for _, field, _ in found.doubts] == ["options.sessionToken"]


def test_a_key_of_blanks_is_none() -> None:
    """The platforms without a sign-in stand in the same table."""
    found = read_table(f"{NEEDED}\ntcp,h, ,\u00a0\n")

    assert found.contents == [{"productType": "tcp", "endpoint": "h"}]
    assert found.doubts == []


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('="00123"', "00123"),
        ('"=""00123"""', "00123"),
        ('"=""a""""b"""', 'a"b'),
        ("=00123", "=00123"),
        ('"=""a"" & ""b"""', '="a" & "b"'),
        ("'00123", "'00123"),
    ],
)
def test_a_formula_that_is_only_a_text_is_that_text(cell: str, text: str) -> None:
    """Programs write it so that a spreadsheet keeps the zeros."""
    found = read_table(f"{NEEDED},ref\nzstack,h,a,{cell},{cell}\n")

    assert found.contents == [ROW | {"secretKey": text, "ref": text}]


@pytest.mark.parametrize("key", ["1.23E+15", "1,23E+15", "1E+20", "9.99e15"])
def test_a_key_that_a_spreadsheet_has_rounded_is_told(key: str) -> None:
    """Its last digits are gone."""
    found = read_table(f"{NEEDED};name\nzstack;h;{key};s;{key}\n".replace(",", ";", 3))

    said = "looks like a key that a spreadsheet has rounded to a number"
    assert found.doubts == [("line 2", "accessKey", said)]


@pytest.mark.parametrize("key", ["1E5x", "E+15", "AKIA1E+15", "12345"])
def test_a_key_of_its_own_form_is_not_in_doubt(key: str) -> None:
    """A warning on every row is read by nobody."""
    assert read_table(f"{NEEDED}\nzstack,h,{key},s\n").doubts == []


@pytest.mark.parametrize(
    ("host", "port", "scheme", "endpoint"),
    [
        ("h", "8443", "", "h:8443"),
        ("10.0.0.1", "8443.0", "https", "https://10.0.0.1:8443"),
        ("fe80::1", "22", "", "[fe80::1]:22"),
        ("[fe80::1]", "22", "", "[fe80::1]:22"),
        ("fe80::1", "", "", "[fe80::1]"),
        ("https://h", "8443", "", "https://h:8443"),
        ("https://h/path", "8443", "HTTPS", "https://h:8443/path"),
        ("https://h:8443/path", "8443", "https://", "https://h:8443/path"),
        ("h:8443", "8443", "tcp", "h:8443"),
        ("h", "", "http", "http://h"),
        ("h", "", "", "h"),
        ("h", "many", "", "h:many"),
        ("h", "", "ssh", "ssh://h"),
    ],
)
def test_host_and_port_make_an_endpoint(host: str, port: str, scheme: str, endpoint: str) -> None:
    """Inventories have them in columns of their own; what is wrong is left for validation."""
    found = read_table(f"type,hostIp,hostPort,protocol\ntcp,{host},{port},{scheme}\n")

    assert found.contents == [{"productType": "tcp", "endpoint": endpoint}]


@pytest.mark.parametrize(
    ("host", "port", "scheme", "field"),
    [
        ("h:1", "2", "", "port"),
        ("https://h:1", "2", "", "port"),
        ("[fe80::1]:1", "2", "", "port"),
        ("https://h", "", "http", "scheme"),
    ],
)
def test_two_ports_in_a_row_are_its_problem(host: str, port: str, scheme: str, field: str) -> None:
    """One of them is wrong, and only the caller knows which."""
    found = read_table(f"type,host,port,scheme\ntcp,{host},{port},{scheme}\ntcp,h,1,\n")

    assert found.problems == [f"has a {field} that is not the one in its address", None]
    assert found.rows[0].cells == ["tcp", host, port, scheme]


def test_products_are_read_by_their_usual_names() -> None:
    """The names of makers are not those of this service."""
    found = read_table(
        "type,host\nVMware vCenter,a\nK8s,b\nopnstack,c\nrouter,d\n,e\n", Wishes("tcp")
    )

    assert [row["productType"] for row in found.contents] == [
        *("vsphere", "kubernetes", "openstack", "router", "tcp")
    ]
    assert found.doubts == [("line 4", "productType", "opnstack was read as openstack")]


def test_a_row_knows_its_line_and_its_cells() -> None:
    """It is written back to be mended, and shown beside its problem."""
    found = read_table("type,host,name\ntcp,h\ntcp, h ,x\n")

    assert [(row.line, row.cells) for row in found.rows] == [
        (2, ["tcp", "h", ""]),
        (3, ["tcp", " h ", "x"]),
    ]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_a_file_of_bad_rows_reads_back(sign: str) -> None:
    """Its cells are guarded against formulas, and a secret may begin with such a sign."""
    row = f'zstack,h,"\'{sign}a","\'{sign}s","is required"\n'
    found = read_table(f"{NEEDED},conncheck: problem\n{row}")

    assert found.contents == [ROW | {"accessKey": f"{sign}a", "secretKey": f"{sign}s"}]
    assert [(column.field, column.note) for column in found.reading.columns][4:] == [("", None)]


def test_an_apostrophe_in_any_other_file_is_meant() -> None:
    """A password may begin with it."""
    assert read_table(f"{NEEDED}\nzstack,h,a,'=s\n").contents == [ROW | {"secretKey": "'=s"}]
