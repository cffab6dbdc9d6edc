"""Find out which of the calls that managing a ZStack needs an AccessKey has.

Facts are from APICheckApiPermissionMsg.java and AccountManagerImpl.java at 5.2.1.
"""

from collections.abc import Mapping

from shared.diagnosis.outcomes import Facts, Failed, Passed
from shared.platform.http import Flow, HttpRequest
from shared.platform.keys.permissions import permissions
from shared.products.zstack.refusals import Refusal
from shared.products.zstack.signing import ZstackSession

_READ_AT = {
    "QueryZone": "/v1/zones",
    "QueryCluster": "/v1/clusters",
    "QueryHost": "/v1/hosts",
    "QueryVmInstance": "/v1/vm-instances",
    "QueryImage": "/v1/images",
}
_CHANGES = ("CreateVmInstance", "StartVmInstance", "AddImage")
CALLS = (*_READ_AT, *_CHANGES)
"""The reads and the changes, as the vendor's SDKs name them; zones come first."""

_GRANTED_BY = "a role, or take the key of an administrator"  # tenants lack hosts and clusters
_PACKAGES = {"Zone": "zone", "Cluster": "cluster", "Host": "host", "Image": "image"}


def _class_of(name: str) -> str:
    """Return the class of the call `name`, e.g. QueryZone."""
    package = next((package for end, package in _PACKAGES.items() if name.endswith(end)), "vm")
    return f"org.zstack.header.{package}.API{name}Msg"


_CLASSES = {name: _class_of(name) for name in CALLS}
_ALL_AT_ONCE = HttpRequest.with_json(
    "PUT",
    "/v1/accounts/permissions/actions",
    {"checkApiPermission": {"apiNames": [*_CLASSES.values()]}},
)


def permissions_of(session: ZstackSession) -> Flow[Passed[None]]:
    """Return which calls the key has, after zones have been read.

    The server checks them all at once, but by rules that are older than the roles of newer
    versions. So a read that it denies is tried; if one succeeds all the same, nothing that it
    denies is believed. The platform works, so whatever goes wrong here is no failure.
    """
    try:
        return (yield from _permissions(session))
    except Failed:  # one of the requests; what the key has to do with it is unknown
        return Passed(None, have=CALLS[:1], not_asked=CALLS[1:])


def _permissions(session: ZstackSession) -> Flow[Passed[None]]:
    first, *others = CALLS
    allowed = yield from _check(session)
    if allowed is None:
        return Passed(None, have=(first,), not_asked=tuple(others))
    tried: dict[str, bool | None] = {first: True}
    for name in others:
        is_allowed = allowed.get(name, False)
        tried[name] = is_allowed or (
            (yield from _reads(session, name)) if name in _READ_AT else None
        )
    have = [name for name, is_allowed in tried.items() if is_allowed]
    if all(allowed.get(name) for name in have):  # it was right wherever that is known
        tried |= {name: False for name in _CHANGES if tried[name] is None}
    lack = [name for name, is_allowed in tried.items() if is_allowed is False]
    unknown = tuple(name for name, is_allowed in tried.items() if is_allowed is None)
    not_asked: Facts = {"not_asked": unknown} if unknown else {}
    table = permissions(have, lack, _GRANTED_BY)
    return Passed(None, *table.warnings, **table.facts, **not_asked)


def _check(session: ZstackSession) -> Flow[Mapping[str, bool] | None]:
    """Return what the server says of each call; nothing if it has no such check."""
    answer = yield session.signed(_ALL_AT_ONCE)
    told = answer.json_object().get("inventory")
    if answer.status != 200 or not isinstance(told, dict):
        return None
    return {name: told.get(of_class) == "Allow" for name, of_class in _CLASSES.items()}


def _reads(session: ZstackSession, name: str) -> Flow[bool | None]:
    """Return whether the key may read; None if that remains unknown."""
    answer = yield session.signed(HttpRequest("GET", f"{_READ_AT[name]}?limit=1"))
    if isinstance(answer.json_object().get("inventories"), list):
        return True
    return False if Refusal.of(answer).is_denial else None
