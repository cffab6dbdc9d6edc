import pytest

from shared.uploads import Wishes
from tests.shared.uploads.tables.reading import read_table, refused
from tests.shared.uploads.uploading import CANARY

ROW = {"productType": "zstack", "endpoint": "10.0.0.1", "accessKey": "a", "secretKey": "s"}


@pytest.mark.parametrize(
    ("table", "fields"),
    [
        ("zstack,10.0.0.1,a,s\nzstack,10.0.0.1,a,s\n", "productType endpoint accessKey secretKey"),
        ("10.0.0.1;zstack;a;s\n", "endpoint productType accessKey secretKey"),
        (
            "zstack\t10.0.0.1\t\ta\ts\n".replace("\t\t", "\t"),
            "productType endpoint accessKey secretKey",
        ),
        ("zstack|vc.example.com|a|s.t.u\n", "productType endpoint accessKey secretKey"),
        (
            "vSphere,https://vc.example.com,a,s\nK8s,h:6443,a,s\n",
            "productType endpoint accessKey secretKey",
        ),
        ("tcp,10.0.0.1,22\ntcp,10.0.0.2,443\n", "productType endpoint port"),
        ("tcp,10.0.0.1:22\nhttp,fe80::1\n", "productType endpoint"),
        (
            "Platforms of Berlin\n\nzstack,10.0.0.1,a,s\n",
            "productType endpoint accessKey secretKey",
        ),
        ("# product, address\nzstack;10.0.0.1;a;s\n", "productType endpoint accessKey secretKey"),
        ("# product, address\nzstack,10.0.0.1,a,s\n", "productType endpoint accessKey secretKey"),
        ("zstack,10.0.0.1,443,a,s\n", "productType endpoint port accessKey secretKey"),
    ],
)
def test_columns_are_told_by_their_content(table: str, fields: str) -> None:
    """A product, an address and a key pair can't be anything else."""
    found = read_table(table)

    assert [field for _, field, _ in found.columns] == fields.split()
    assert found.reading.header_line is None
    assert all(row.problem is None for row in found.rows)


def test_many_rows_without_a_header_are_all_read() -> None:
    """The first ones are held back, and must not be lost."""
    found = read_table(
        "".join(f"zstack,10.0.{n // 200}.{n % 200},a,s\n" for n in range(1000)), size=7
    )

    assert [row.line for row in found.rows] == [*range(1, 1001)]
    assert found.contents[999] == ROW | {"endpoint": "10.0.4.199"}


def test_a_row_of_another_form_below_spoils_only_itself() -> None:
    """What the columns are is told by the first rows."""
    found = read_table("zstack,10.0.0.1,a,s\n" * 30 + "zstack,10.0.0.1,a\n")

    assert found.problems == [None] * 30 + ["has 3 columns; the header has 4"]


@pytest.mark.parametrize(
    ("table", "wishes", "contents"),
    [
        ("10.0.0.1\n10.0.0.2\n", Wishes("tcp"), ["10.0.0.1", "10.0.0.2"]),
        ("https://h.example.com\n", Wishes("https"), ["https://h.example.com"]),
        ("10.0.0.1,22\n10.0.0.2,80\n", Wishes("tcp"), ["10.0.0.1:22", "10.0.0.2:80"]),
        ("172.16.254.0,La Union (CCR1016)\n", Wishes("tcp"), ["172.16.254.0"]),
        ("10.0.0.1;a;s\n", Wishes("zstack"), ["10.0.0.1"]),
    ],
)
def test_a_list_of_addresses_is_read_if_the_product_is_told(
    table: str, wishes: Wishes, contents: list[str]
) -> None:
    """The product of all rows is the only thing that such a list does not say."""
    assert [row["endpoint"] for row in read_table(table, wishes).contents] == contents


def test_what_stands_beside_an_address_is_not_kept() -> None:
    """It may be a name, and it may be a password."""
    found = read_table(f"10.0.0.1,{CANARY}\n", Wishes("tcp"))

    assert found.contents == [{"productType": "tcp", "endpoint": "10.0.0.1"}]
    assert found.columns == [("", "endpoint", ""), ("", "", "has no header and is left out")]


@pytest.mark.parametrize(
    ("columns", "content"),
    [
        (
            {"1": "name", "3": "endpoint", "4": "accessKey", "5": "secretKey", "2": "productType"},
            {"name": "x"},
        ),
        ({"4": "accessKey", "5": "secretKey"}, {}),
        ({"1": "label.of", "4": "accessKey", "5": "secretKey"}, {"labels": {"of": "x"}}),
    ],
)
def test_a_caller_can_say_what_the_columns_are(
    columns: dict[str, str], content: dict[str, object]
) -> None:
    """The others are told by their content, or left out."""
    found = read_table("x,zstack,10.0.0.1,a,s\n", Wishes(columns=columns))

    assert found.contents == [{**ROW, **content}]


def test_an_unknown_header_is_skipped_if_the_caller_says_what_the_columns_are() -> None:
    """Read as a row, it would be a platform of its own."""
    wishes = Wishes("zstack", columns={"1": "host", "2": "accessKey", "3": "secretKey"})
    found = read_table("Kiste,Wer,Was\n10.0.0.1,a,s\n10.0.0.1,a,s\n", wishes)

    assert found.contents == [ROW, ROW]
    assert found.reading.header_line == 1


@pytest.mark.parametrize(
    ("table", "shown"),
    [
        (f"{CANARY},{CANARY}x\n", "•••• | ••••"),
        (f"zstack;10.0.0.1;{CANARY}\n", "zstack | 10.0.0.1 | ••••"),
        (f"10.0.0.1:8443,443,{CANARY},a,b,c\n", "10.0.0.1:8443 | 443 | •••• | •••• | •••• | ••••"),
        (f"https://h.example.com/{CANARY},x\n", "h.example.com | ••••"),
        (f"{CANARY}.example.com,x\n", "•••• | ••••"),
        (f"user:1234,{CANARY}\n", "•••• | ••••"),
        (f"10.0.0.1,10.0.0.2,{CANARY}\n", "10.0.0.1 | 10.0.0.2 | ••••"),
        (f"zstack,10.0.0.1,a,b,{CANARY}\n", "zstack | 10.0.0.1 | •••• | •••• | ••••"),
        (f"zstack,aws,10.0.0.1,{CANARY}\n", "zstack | aws | 10.0.0.1 | ••••"),
        (f"a,{CANARY},zstack,10.0.0.1\n", "•••• | •••• | zstack | 10.0.0.1"),
        (f"10.0.0.1{f',{CANARY}' * 20}\n", "10.0.0.1" + " | ••••" * 11 + " | …"),
        (f"Report of {CANARY}\n", "••••"),
        ("a\n" * 30, "••••"),
    ],
)
def test_a_table_that_does_not_tell_is_shown_without_its_keys(table: str, shown: str) -> None:
    """The first line may be a row of somebody's keys."""
    said = refused(table).detail

    assert said.startswith("line 1: no line names the columns")
    assert f": {shown}. Name" in said
    assert "productType, endpoint, accessKey, secretKey, name, ref" in said


def test_a_list_of_addresses_without_a_product_says_so() -> None:
    """Nothing but the product is missing."""
    assert "and the product is not told: 10.0.0.1 | ••••. Name" in refused("10.0.0.1,x\n").detail


@pytest.mark.parametrize("rows", [1, 30])
def test_a_table_of_too_many_columns_is_refused(rows: int) -> None:
    """The limit is for attackers."""
    assert refused(("x," * 100_000 + "x\n") * rows).detail == "line 1: has more than 64 columns."


@pytest.mark.parametrize("odd", ["https://h/a?b=c", "https://user:x@h"])
def test_one_url_that_is_no_endpoint_does_not_spoil_a_list_of_addresses(odd: str) -> None:
    """Its row is invalid, with the reason; the others can be tested."""
    found = read_table(f"https://a.example.com\n{odd}\nh:22\n", Wishes("https"))

    assert [row.content["endpoint"] for row in found.rows] == ["https://a.example.com", odd, "h:22"]


def test_a_list_of_names_lacks_its_product_alone() -> None:
    """With the product named it is read."""
    assert "name the product of all rows" in refused("a.example.com\nb.example.com\n").detail
    assert len(read_table("a.example.com\nb.example.com\n", Wishes("tcp")).contents) == 2
