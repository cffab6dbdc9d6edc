"""Tell which columns or members belong to one key pair, where there are two kinds of it."""

from collections.abc import Iterable
from typing import Literal

from shared.uploads.field_names import EXACT, Strength, spelling

Kind = Literal["key", "user", ""]
"""A pair of keys for an API, or a user with a password; a token can belong to both."""

_OF_KEYS = (
    "accesskey accesskeyid awsaccesskeyid ak apikey apikeyid keyid secretid tokenid clientid "
    "访问密钥 访问密钥id アクセスキー アクセスキーid "
    "secretkey secretaccesskey awssecretaccesskey accesskeysecret sk secretkeyid apisecret "
    "apikeysecret tokensecret clientsecret 秘密密钥 访问密钥密码 シークレットアクセスキー"
)
_OF_BOTH = "secret token apitoken accesstoken bearertoken jeton 密钥 令牌"
_KEYS = frozenset(map(spelling, _OF_KEYS.split()))
_BOTH = frozenset(map(spelling, _OF_BOTH.split()))


def of_other_pair(named: Iterable[tuple[str, str, Strength]]) -> frozenset[str]:
    """Return the names that do not belong to the pair that is complete: they would be mixed up.

    `named` has the names of columns or members with the field and the strength of each. A name that
    is exactly a field's stays. If both pairs are complete, nothing is returned.
    """
    kinds: dict[str, dict[str, tuple[Kind, Strength]]] = {"accessKey": {}, "secretKey": {}}
    for name, field, strength in named:
        if field in kinds:
            kinds[field][name] = (_kind(name), strength)
    users, secrets = ({kind for kind, _ in one.values() if kind} for one in kinds.values())
    wanted = users & secrets
    if len(wanted) != 1 or users == secrets:
        return frozenset()
    both = (item for one in kinds.values() for item in one.items())
    others = {"key", "user"} - wanted
    return frozenset(n for n, (kind, strength) in both if kind in others and strength < EXACT)


def _kind(name: str) -> Kind:
    spelled = spelling(name)
    if spelled in _KEYS:
        return "key"
    return "" if spelled in _BOTH else "user"
