"""Know a field by the names that people and programs give it."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from shared.labels import LABEL, is_label_name
from shared.text import is_hidden

KEY_PAIR = ("accessKey", "secretKey")
NEEDED = ("productType", "endpoint")
KNOWN = (*NEEDED, *KEY_PAIR, "name", "ref")
PARTS = ("host", "port", "scheme")
"""What an endpoint is put together from."""
SITE = "options.site"
LONGEST_NAME = 40
"""Characters of a name that may mean a field; longer ones are not looked at."""

Strength = int
EXACT, USUAL, LESSER, WEAK = 4, 3, 2, 1

_OPTION = re.compile(r"options(\.[A-Za-z][A-Za-z0-9]{0,63}){1,4}")
_IN_BRACKETS = re.compile(r"(?<=.)\s*(\([^()]*\)|\[[^\[\]]*\])\s*$")
_BETWEEN_WORDS = re.compile(r"[\s_.\-/*:'\"’]+")  # noqa: RUF001 -- an apostrophe of French
_SHORTEST_END = 4
"""Of a name that is made of two words: vcenter_user is a user, and a zip is no IP address."""
_NEAR = 0.75
"""From which likeness on a name may be a slip of another (difflib's ratio)."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a name says of its column or member.

    Attributes:
        field: One of KNOWN or PARTS, an option's path, "label.NAME"; "id" is the identity of a key
            where there is a secret, else a reference.
        strength: Of two names for one field the stronger one is taken.
        product: The productType that the name implies, or nothing.
    """

    field: str
    strength: Strength
    product: str = ""


def spelling(name: str) -> str:
    """Return a name without what people write differently: case, blanks, dashes, accents, units."""
    seen = "".join(c for c in name[: LONGEST_NAME * 2] if not is_hidden(c) or c in "\t\r\n")
    folded = unicodedata.normalize("NFKC", seen).strip()
    plain = _BETWEEN_WORDS.sub("", _IN_BRACKETS.sub("", folded)).casefold()
    letters = unicodedata.normalize("NFKD", plain)
    return "".join(c for c in letters if not unicodedata.combining(c))


def field_of(name: str) -> Meaning | None:
    """Return what a header or the name of a JSON object's member means; None if it is unknown."""
    seen = name.strip(" \t\r\n\ufeff\u00a0\u3000")
    if _OPTION.fullmatch(seen):
        return Meaning(seen, EXACT)
    if seen[: len(LABEL)].casefold() == LABEL:
        label = " ".join(seen[len(LABEL) :].split())  # a header can have a line break
        return Meaning(LABEL + label, EXACT) if is_label_name(label) else None
    return _MEANINGS.get(spelling(name))


def is_target(field: str) -> bool:
    """Return whether a caller may say that a column sets this field."""
    if field in KNOWN or field in PARTS:
        return True
    return bool(_OPTION.fullmatch(field)) or (
        field.startswith(LABEL) and is_label_name(field[len(LABEL) :])
    )


@dataclass(frozen=True, slots=True)
class Likeness:
    """A known name that an unknown one resembles, and the field that it means.

    `is_slip` says that both are one word, differently typed: "Pasword", and not "VPN password".
    """

    known: str
    field: str
    is_slip: bool


def nearest(name: str) -> Likeness | None:
    """Return the known name that an unknown one resembles most; None if it resembles none."""
    spelled = spelling(name)
    if not spelled or len(spelled) > LONGEST_NAME:
        return None
    if near := get_close_matches(spelled, _LONG_NAMES, n=1, cutoff=_NEAR):
        is_slip = not spelled.endswith(near[0]) or len(spelled) - len(near[0]) <= 1
        return _likeness(near[0], is_slip=is_slip)
    ends = (spelled[start:] for start in range(1, len(spelled) - _SHORTEST_END + 1))
    return next((_likeness(end, is_slip=False) for end in ends if end in _MEANINGS), None)


def _likeness(known: str, *, is_slip: bool) -> Likeness:
    field = _MEANINGS[known].field
    return Likeness(field if spelling(field) == known else known, field, is_slip)


_EXACT: Mapping[str, str] = {spelling(name): name for name in KNOWN}
# What inventories call their columns. A `type` or a `token` can have another meaning there.
_CALLED: Mapping[str, Mapping[Strength, str]] = {
    "endpoint": {
        3: "url uri endpointurl apiurl apiendpoint endpointaddress baseurl weburl serviceurl "
        "loginuri loginurl website webaddress adresseweb 接続先 "
        "端点 网址 访问地址 接入地址 接口地址 链接",
    },
    "host": {
        3: "host hostname fqdn dnsname server servername hostfqdn rechner rechnername hôte "
        "serveur nomdhôte ホスト ホスト名 サーバー サーバ サーバー名 サーバ名 "
        "主机 主机名 主机名称 服务器 服务器名称 域名",
        2: "address addr ip ipaddress ipaddr ipadress ipv4 ipv6 ipv4address ipv6address hostip "
        "hostaddress hostaddr serverip serveraddress managementip managementaddress mgmtip "
        "targethost managementipaddress adresse ipadresse serveradresse hostadresse adresseip "
        "アドレス ipアドレス ホストアドレス 管理节点 管理节点ip 管理节点地址 "
        "地址 ip地址 主机ip 主机地址 服务器ip 服务器地址 管理ip 管理地址 ipv4地址 目标地址",
        1: "primaryip primaryipv4 primaryipaddress",
    },
    "port": {
        3: "port hostport apiport serverport portnumber tcpport ポート ポート番号 "
        "端口 端口号 主机端口",
    },
    "scheme": {3: "scheme", 2: "protocol protokoll protocole プロトコル 协议"},
    "accessKey": {
        3: "user username login loginname loginuser account accountname userid ak accesskeyid "
        "awsaccesskeyid apikey apikeyid secretid tokenid keyid clientid vcenteruser "
        "vcenterusername benutzer benutzername anmeldename konto utilisateur nomdutilisateur "
        "identifiant compte loginusername ユーザー ユーザ ユーザー名 ユーザ名 ユーザーid "
        "ログイン名 アカウント アクセスキー アクセスキーid "
        "用户 用户名 用户名称 登录名 登录用户 账号 帐号 账户 帐户 账户名 登录账号 "
        "访问密钥 访问密钥id",
    },
    "secretKey": {
        3: "password passwd pwd pass userpassword loginpassword secret sk secretaccesskey "
        "awssecretaccesskey accesskeysecret apisecret clientsecret secretkeyid vcenterpassword "
        "tokensecret apikeysecret kennwort passwort motdepasse mdp "
        "パスワード シークレット シークレットキー シークレットアクセスキー "
        "密码 口令 密钥 登录密码 用户密码 秘密密钥 访问密钥密码",
        1: "token apitoken accesstoken bearertoken jeton 令牌",
    },
    "productType": {
        3: "product platform platformtype provider cloudtype cloudprovider produkt produkttyp "
        "plattform anbieter produit plateforme typedeplateforme typedeproduit "
        "fournisseur 製品 製品名 プラットフォーム クラウド "
        "平台 平台类型 产品 产品类型 云平台 云类型 云厂商 厂商",
        2: "vendor hersteller",
        1: "type kind typ art 種別 種類 タイプ 类型 种类",
    },
    "name": {
        3: "displayname platformname bezeichnung nom 名前 名称 名字 平台名称 显示名称",
        2: "title label titel titre 标题",
    },
    "ref": {3: "reference externalid referenz référence 编号 引用"},
    "options.sessionToken": {3: "sessiontoken awssessiontoken securitytoken 会话令牌"},
    "id": {1: "id uuid"},
    SITE: {4: "site"},
}
_VSPHERE = (
    "vc vcenter vcsa vcenterserver vcenterhost vcenterhostname vcenterip vcenterfqdn "
    "vcenteraddress vcserver vcip esxi esxihost esxiip"
)
_VI_SDK_SERVER = "visdkserver"
"""A column of RVTools: the vCenter that knows the hosts and machines of the other columns."""
_MEANINGS: Mapping[str, Meaning] = {
    **{
        spelling(called): Meaning(field, strength)
        for field, names in _CALLED.items()
        for strength, called_so in names.items()
        for called in called_so.split()
    },
    **{spelling(called): Meaning("host", USUAL, "vsphere") for called in _VSPHERE.split()},
    _VI_SDK_SERVER: Meaning("host", WEAK, "vsphere"),
    **{spelled: Meaning(name, EXACT) for spelled, name in _EXACT.items()},
}
_LONG_NAMES = tuple(name for name in _MEANINGS if len(name) >= _SHORTEST_END and name != "site")
