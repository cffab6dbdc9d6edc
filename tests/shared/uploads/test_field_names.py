# ruff: noqa: RUF001 -- the full-width letters are what is tested
import pytest

from shared.labels import LONGEST_LABEL_NAME
from shared.uploads.field_names import (
    KNOWN,
    PARTS,
    field_of,
    is_target,
    nearest,
    spelling,
)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "accessKey",
            "Access Key",
            "ACCESS_KEY",
            "access-key",
            "access.key",
            " AccessKey ",
            "access  key",
        ),
        *(
            "\ufeffaccessKey",
            "Access\nKey",
            "ａｃｃｅｓｓＫｅｙ",
            "Access\u200bKey",
            "access\u00a0key",
        ),
        *(
            "Access Key (required)",
            "Access Key [ID]",
            "Access Key（必填）",
            "Access Key *",
            "accessKey:",
        ),
        *("'accessKey'", '"accessKey"'),
    ],
)
def test_a_name_is_known_however_it_is_written(name: str) -> None:
    """Spreadsheets have headers for people, and databases have names with underscores."""
    found = field_of(name)

    assert found is not None
    assert (found.field, found.strength) == ("accessKey", 4)


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("endpoint", "endpoint url URI 网址 访问地址"),
        (
            "host",
            "host hostname fqdn address ip IPv4 server vc vcenter hostIp Adresse Rechner hôte",
        ),
        ("host", "serveur 主机 地址 IP地址 服务器 域名 管理IP"),
        ("port", "port hostPort 端口 端口号"),
        ("scheme", "scheme protocol Protokoll 协议"),
        (
            "accessKey",
            "user username login account ak access_key_id SecretId Benutzer Benutzername",
        ),
        ("accessKey", "utilisateur identifiant 用户名 账号 帐号 登录名"),
        ("secretKey", "password passwd pwd pass secret sk token Kennwort Passwort 密码 口令 密钥"),
        ("secretKey", "AccessKeySecret aws_secret_access_key"),
        ("productType", "product_type type kind platform provider Typ 类型 平台 平台类型"),
        ("name", "name title displayName Bezeichnung nom 名称"),
        ("ref", "ref reference 编号"),
        ("id", "id uuid"),
        ("options.site", "site Site"),
        ("options.sessionToken", "aws_session_token"),
    ],
)
def test_the_usual_names_mean_a_field(field: str, names: str) -> None:
    """The file that people have was not made for this service."""
    found = {name: field_of(name) for name in names.split()}

    assert {name: meant and meant.field for name, meant in found.items()} == dict.fromkeys(
        found, field
    )


@pytest.mark.parametrize("name", ["Mot de passe", "Nom d'hôte", "Nom d’utilisateur", "User name"])
def test_a_name_of_several_words_is_known(name: str) -> None:
    """The blanks and the apostrophe are spelled in more than one way."""
    assert field_of(name) is not None


def test_a_documented_name_is_stronger_than_a_usual_one_and_that_than_a_vague_one() -> None:
    """Of two columns for one field the stronger is taken."""
    names = ("secretKey", "password", "token")
    found = [meant.strength for name in names if (meant := field_of(name))]

    assert found == sorted(found, reverse=True)
    assert len(set(found)) == len(names)


@pytest.mark.parametrize("name", ["vc", "vCenter", "VCSA", "ESXi host", "vcenter_hostname"])
def test_a_vcenter_is_a_host_of_vsphere(name: str) -> None:
    """Such a table has no column for the product."""
    found = field_of(name)

    assert found is not None
    assert (found.field, found.product) == ("host", "vsphere")


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("options.tls.verify", "options.tls.verify"),
        (" options.region ", "options.region"),
        ("label.owner", "label.owner"),
        ("Label.Cost centre", "label.Cost centre"),
        ("label.Cost\ncentre", "label.Cost centre"),
        ("LABEL. 站点", "label.站点"),
        (f"label.{'x' * LONGEST_LABEL_NAME}", f"label.{'x' * LONGEST_LABEL_NAME}"),
    ],
)
def test_options_and_labels_are_named_by_their_path(name: str, field: str) -> None:
    """What is behind the dot is the caller's own."""
    found = field_of(name)

    assert found is not None
    assert found.field == field


@pytest.mark.parametrize(
    "name",
    [
        *("", "owner", "options", "options.", "options..a", "options.a.b.c.d.e", "zip", "端"),
        *(
            "label.",
            "label. ",
            "label.\u202e",
            "label.a=b",
            f"label.{'x' * (LONGEST_LABEL_NAME + 1)}",
            "labels",
        ),
        *(f"options.{'a' * 65}", "n" * 100_000),
        *("VPN password", "key", "BMC IP", "()", "(name)"),
    ],
)
def test_any_other_name_is_unknown(name: str) -> None:
    """The password of a VPN is not the platform's."""
    assert field_of(name) is None


@pytest.mark.parametrize(
    ("name", "known", "is_slip"),
    [
        ("Acces Key", "accessKey", True),
        ("Pasword", "password", True),
        ("Hostnme", "hostname", True),
        ("nmae", "name", True),
        ("host2", "host", True),
        ("Produkt-Type", "produkttyp", True),
        ("VPN password", "password", False),
        ("BMC user name", "username", False),
    ],
)
def test_an_unknown_name_resembles_a_known_one(name: str, known: str, *, is_slip: bool) -> None:
    """Two words of which one is known are something else, and a slip of the pen is not."""
    found = nearest(name)

    assert found is not None
    assert (found.known, found.is_slip) == (known, is_slip)


@pytest.mark.parametrize("name", ["owner", "Emplacement", "zip", "备注", "", "n" * 100_000])
def test_a_name_without_likeness_resembles_none(name: str) -> None:
    """A hint that is wrong is worse than none."""
    assert nearest(name) is None


@pytest.mark.parametrize(
    ("field", "is_one"),
    [
        *((field, True) for field in (*KNOWN, *PARTS)),
        ("label.owner", True),
        ("options.tls.verify", True),
        *(
            (field, False)
            for field in ("", "site", "id", "password", "label.", "labels", "options")
        ),
    ],
)
def test_a_caller_can_name_only_fields(field: str, *, is_one: bool) -> None:
    """A misspelled field of a mapping must not be dropped in silence."""
    assert is_target(field) is is_one


def test_a_spelling_is_bounded() -> None:
    """The headers are the upload's."""
    assert len(spelling("ﷺ" * 100_000)) < 2000
