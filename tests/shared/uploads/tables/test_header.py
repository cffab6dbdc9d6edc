import pytest

from shared.uploads import Wishes
from shared.uploads.tables.header_search import MAX_COLUMNS
from tests.shared.uploads.tables.reading import read_table, refused
from tests.shared.uploads.uploading import CANARY

NEEDED = "productType,endpoint,accessKey,secretKey"
ROW = {"productType": "zstack", "endpoint": "h", "accessKey": "a", "secretKey": "s"}
UNKNOWN = "is unknown and left out; a header that begins with label. is kept as a label"


@pytest.mark.parametrize(
    "header",
    [
        "Product Type,END POINT,access_key,secret-key",
        " producttype,Endpoint ,AccessKey,SECRET__KEY",
        "Type,Host,User,Password",
        "kind,URL,login,pwd",
        "Typ,Adresse,Benutzer,Kennwort",
        "Plateforme,Hôte,Utilisateur,Mot de passe",
        "类型,IP地址,用户名,密码",
        "平台,主机,账号,口令",
        "Platform (required),IP address [v4],Account *,Secret:",
        "\ufeffprovider,fqdn,ak,sk",
        "Type de plateforme,Adresse IP,Identifiant,Mot de passe",
        "種別,ホスト名,ユーザー名,パスワード",
        "平台类型,管理节点IP,AccessKey ID,AccessKey Secret",
        "product,login_uri,login_username,login_password",
        "type,host,token id,token secret",
        "platform,Primary IPv4,user,password",
    ],
)
@pytest.mark.parametrize("end", ["", ",", ",,", ", ,"])
def test_any_usual_header_is_read(header: str, end: str) -> None:
    """The file that people have was made for something else."""
    found = read_table(f"{header}{end}\nzstack,h,a,s{end}\n")

    assert found.contents == [ROW]
    assert found.dialect == ("UTF-8", ",", 1)
    assert [note for _, _, note in found.columns] == [""] * 4


@pytest.mark.parametrize(
    "header", ["vc,user,passwd", "vCenter;Benutzer;Passwort", "ESXi IP\tak\tsk"]
)
def test_a_table_of_vcenters_names_its_product(header: str) -> None:
    """Each row is a vCenter."""
    separator = next(one for one in ",;\t" if one in header)
    found = read_table(f"{header}\n{separator.join(('h', 'a', 's'))}\n")

    assert found.contents == [ROW | {"productType": "vsphere"}]
    told = read_table(f"{header}\n{separator.join(('h', 'a', 's'))}\n", Wishes("ovirt"))
    assert told.contents == [ROW | {"productType": "ovirt"}]


@pytest.mark.parametrize(
    ("header", "row", "content", "left_out"),
    [
        (
            "type,IP Address,Primary IPv4",
            "tcp,10.0.0.1/24,10.0.0.2/24",
            {"endpoint": "10.0.0.1"},
            ("Primary IPv4", "endpoint", "IP Address"),
        ),
        (
            "type,Host,VI SDK Server",
            "tcp,h,vc",
            {"endpoint": "h"},
            ("VI SDK Server", "endpoint", "Host"),
        ),
        ("type,host,IP", "tcp,h,10.0.0.1", {"endpoint": "h"}, ("IP", "endpoint", "host")),
        ("type,ip,url", "tcp,10.0.0.1,h", {"endpoint": "h"}, ("ip", "endpoint", "url")),
        ("type,url,Endpoint", "tcp,x,h", {"endpoint": "h"}, ("url", "endpoint", "Endpoint")),
        ("Typ,platform,host", "x,tcp,h", {"endpoint": "h"}, ("Typ", "productType", "platform")),
        (
            "type,host,title,name",
            "tcp,h,x,n",
            {"endpoint": "h", "name": "n"},
            ("title", "name", "name"),
        ),
        ("type,host,id,ref", "tcp,h,x,n", {"endpoint": "h", "ref": "n"}, ("id", "ref", "ref")),
    ],
)
def test_of_two_columns_for_one_field_the_stronger_is_taken(
    header: str, row: str, content: dict[str, str], left_out: tuple[str, str, str]
) -> None:
    """Inventories have a name and an address of each host."""
    name, field, winner = left_out
    found = read_table(f"{header}\n{row}\n")

    assert found.contents == [{"productType": "tcp", **content}]
    assert (name, "", f"is left out; {field} is taken from the column {winner}") in found.columns


def test_a_token_beside_a_password_is_left_out() -> None:
    """The password is what the accessKey belongs to."""
    found = read_table("type,host,user,token,password\nzstack,h,a,x,s\n")

    assert found.contents == [ROW]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (
            f"{NEEDED},Endpoint",
            "columns 2 (endpoint) and 5 (Endpoint) set the same field, endpoint",
        ),
        ("type,host,url", "columns 2 (host) and 3 (url) set the same field, endpoint;"),
        (
            "type,host,user,login,pass",
            "columns 3 (user) and 4 (login) set the same field, accessKey",
        ),
        (f"{NEEDED},label.a,label.a", "columns 5 (label.a) and 6 (label.a) set the same field"),
        (f"{NEEDED},options.a,options.a", "columns 5 (options.a) and 6 (options.a) set the same"),
        (
            f"{NEEDED},options.tls,options.tls.verify",
            "columns options.tls and options.tls.verify set",
        ),
        (
            f"{NEEDED},options.tls.verify,options.tls",
            "columns options.tls and options.tls.verify set",
        ),
    ],
)
def test_two_equal_columns_for_one_field_are_refused(header: str, said: str) -> None:
    """One of them is wrong, and only the caller knows which."""
    assert said in refused(f"{header}\n{CANARY}\n").detail


@pytest.mark.parametrize(
    ("header", "row", "content"),
    [
        ("productType,endpoint,id,secret", "zstack,h,a,s", ROW),
        ("productType,endpoint,id,user,secret", "zstack,h,7,a,s", ROW | {"ref": "7"}),
        ("productType,endpoint,id", "tcp,h,7", {"productType": "tcp", "endpoint": "h", "ref": "7"}),
    ],
)
def test_an_id_is_that_of_the_key_or_of_the_row(
    header: str, row: str, content: dict[str, str]
) -> None:
    """Key pairs consist of an ID and a secret, and tables have IDs of their rows."""
    assert read_table(f"{header}\n{row}\n").contents == [content]


@pytest.mark.parametrize(
    ("header", "note"),
    [
        ("owner", UNKNOWN),
        ("Business unit \u202e", UNKNOWN),
        ("", "has no header and is left out"),
        ("VPN password", "is unknown and left out, although it resembles password"),
        ("nmae", "is unknown and left out, although it resembles name"),
        ("options", UNKNOWN),
        (
            "label.",
            "is left out; a label's name has 1 to 64 letters, digits, blanks, dots, dashes and "
            "underscores",
        ),
        ("n" * 100_000, UNKNOWN),
    ],
)
def test_an_unknown_column_is_left_out_and_named(header: str, note: str) -> None:
    """It may hold passwords: it is kept nowhere, and nobody must believe that it is."""
    found = read_table(f"{NEEDED},{header},ref\nzstack,h,a,s,{CANARY},7\n")

    assert found.contents == [ROW | {"ref": "7"}]
    assert found.columns[4][1:] == ("", note)
    assert len(found.columns[4][0]) <= 64
    assert found.columns[4][0].isprintable()
    assert CANARY not in repr(found.reading)


@pytest.mark.parametrize(
    ("header", "number", "said"),
    [
        (
            "productType,endpoint,Acces Key,secretKey",
            3,
            "(Acces Key) is unknown and resembles accessKey",
        ),
        ("productType,endpoint,user,Pasword", 4, "(Pasword) is unknown and resembles password"),
        ("productType,Hostnme,user,password", 2, "(Hostnme) is unknown and resembles hostname"),
        ("Produktt,host", 1, "(Produktt) is unknown and resembles produkt"),
        (
            "productType,endpoint,Acess Key,Secrt Key",
            3,
            "(Acess Key) is unknown and resembles accessKey",
        ),
        ("productType,endpoint,user,root password", 4, "(root password) is unknown and resembles"),
    ],
)
def test_a_needed_column_that_is_misspelled_is_refused(header: str, number: int, said: str) -> None:
    """Without it every row is wrong, and each would say something else."""
    error = refused(f"{header}\n{CANARY}\n")

    assert f"line 1: column {number} {said}" in error.detail
    assert error.column == number


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("productType,name", "line 1: required columns are missing: endpoint."),
        ("productType,endpoint,accessKey", "line 1: required columns are missing: secretKey."),
        ("productType,secretKey", "line 1: required columns are missing: endpoint, accessKey."),
        ("host,comment", "line 1: no column is the productType; add one, or name the product"),
        ("name,type,port", "line 1: required columns are missing: endpoint."),
        (
            NEEDED + "".join(f",options.a{number}" for number in range(MAX_COLUMNS)),
            "line 1: has more than 64 columns.",
        ),
        ("x," * 100_000 + "x", "line 1: has more than 64 columns."),
        (f'"{NEEDED}"x', "line 1: is not valid CSV."),
    ],
)
def test_a_header_without_a_platform_is_refused(header: str, said: str) -> None:
    """All rows would be wrong for one reason."""
    error = refused(f"{header}\n{CANARY}\n")

    assert said in error.detail
    assert error.kind == "invalid-request"


def test_the_product_of_all_rows_can_be_told_beside_the_table() -> None:
    """A list of routers has no column for it."""
    found = read_table("host,port,kind\nh,22,\nh,80,http\n", Wishes("tcp"))

    assert [(row["productType"], row["endpoint"]) for row in found.contents] == [
        ("tcp", "h:22"),
        ("http", "h:80"),
    ]
    assert read_table("host\nh\n", Wishes("tcp")).contents == [
        {"productType": "tcp", "endpoint": "h"}
    ]


def test_the_most_columns_that_are_allowed_are_read() -> None:
    """The limit is for attackers."""
    extra = [f"options.a{number}" for number in range(MAX_COLUMNS - 4)]
    header = ",".join([NEEDED, *extra])

    (content,) = read_table(f"{header}\n{'1,' * (MAX_COLUMNS - 1)}1\n").contents

    assert len(content["options"]) == MAX_COLUMNS - 4


@pytest.mark.parametrize(
    ("columns", "content"),
    [
        ({"Maschine": "endpoint", "Kennung": "accessKey", "Geheim": "secretKey"}, ROW),
        ({"maschine": "host", "KENNUNG ": "accessKey", "3": "secretKey"}, ROW),
        ({"1": "host", "Kennung": "label.k", "Geheim": ""}, {"labels": {"k": "a"}}),
        ({"1": "host", "2": "", "3": "", "Typ": "productType"}, {}),
    ],
)
def test_what_a_caller_says_of_a_column_is_taken(
    columns: dict[str, str], content: dict[str, object]
) -> None:
    """The caller knows the table; a header is named by its text or by its number."""
    found = read_table("Maschine;Kennung;Geheim;Typ\nh;a;s;zstack\n", Wishes(columns=columns))

    assert found.contents == [{"productType": "zstack", "endpoint": "h", **content}]


def test_what_a_caller_says_is_stronger_than_a_header() -> None:
    """A column `password` can be that of another system."""
    wishes = Wishes(columns={"password": "", "vault": "secretKey", "endpoint": "label.was"})
    found = read_table(f"{NEEDED[:-10]},password,vault,ip\nzstack,x,a,{CANARY},s,h\n", wishes)

    assert found.contents == [ROW | {"labels": {"was": "x"}}]
    assert found.columns[3] == ("password", "", "is left out, as you said")


def test_a_user_without_a_password_is_no_obstacle_to_plain_products() -> None:
    """Inventories have a column of users, and a TCP port needs no key pair."""
    found = read_table("name,host,user\nn,h,bob\n", Wishes("tcp"))

    row = {"productType": "tcp", "endpoint": "h", "name": "n", "accessKey": "bob"}
    assert found.contents == [row]
    assert "secretKey" in refused("name,host,user\nn,h,bob\n", Wishes("zstack")).detail


def test_the_vendor_of_a_host_gives_way_to_the_product_that_is_named() -> None:
    """RVTools has it of the hardware; a type that is unknown stays an invalid one."""
    table = "Vendor,host,user,password\nDell Inc.,h,a,s\nVMware vSphere,h,a,s\n"
    found = read_table(table, Wishes("vsphere"))

    assert [row.content["productType"] for row in found.rows] == ["vsphere", "vsphere"]
    assert found.doubts == [("line 2", "productType", "Dell Inc. was read as vsphere")]
    told = read_table(table.replace("Vendor", "type"), Wishes("vsphere"))
    assert told.rows[0].content["productType"] == "Dell Inc."
    assert read_table(table).rows[0].content["productType"] == "Dell Inc."


def test_the_type_of_a_password_managers_entry_is_no_product() -> None:
    """Bitwarden writes "login" there."""
    table = "type,name,login_uri,login_username,login_password\nlogin,n,h,a,s\n"

    assert read_table(table, Wishes("zstack")).contents == [ROW | {"name": "n"}]
    assert "name the product" in refused(table).detail


def test_results_that_are_handed_back_are_read_by_the_columns_of_the_upload() -> None:
    """The columns of the verdict have the same names, and stand behind them."""
    results = "outcome,cause,name,ref,productType,endpoint,errorMsg,jobId,statusUrl"
    row = "failed,tcp.refused,x,x,http,http://x:80,x,x,x"
    found = read_table(f"Name,Typ,Adresse,Port,{results}\nn,tcp,h,80,{row}\n")

    assert found.contents == [{"productType": "tcp", "endpoint": "h:80", "name": "n", "ref": "x"}]
    alone = read_table(f"{results}\n{row}\n")
    assert alone.contents[0]["endpoint"] == "http://x:80"


def test_a_row_of_titles_over_groups_of_columns_is_not_the_header() -> None:
    """Spreadsheets have them as merged cells, called like fields at times."""
    groups = "Platform,,Access,,Account,\nName,Type,Host,Port,User,Password\n"
    found = read_table(f"{groups}n,zstack,h,8080,a,s\n")

    assert found.contents == [ROW | {"endpoint": "h:8080", "name": "n"}]
    assert found.reading.header_line == 2
