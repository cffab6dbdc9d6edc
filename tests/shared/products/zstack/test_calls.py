import json
from collections.abc import Mapping
from datetime import timedelta

import pytest

from shared.diagnosis.outcomes import Passed
from shared.platform.http import HttpRequest, HttpResponse
from shared.platform.keys.permissions import PARTIAL
from shared.products.zstack.calls import CALLS, permissions_of
from shared.products.zstack.signing import AccessKey, Zone, ZstackSession
from tests.shared.products.conversation import KNOWN, Platform, answer, key_pair

SIGNED_IN = answer(200, {"inventories": [{}]})
SESSION = ZstackSession(
    AccessKey(key_pair("AKID", "SECRET"), "/zstack", Zone.named("UTC")), timedelta(), SIGNED_IN
)
DENIED = answer(503, {"error": {"code": "ID.1002", "details": "admin only"}})
PACKAGES = {
    "QueryZone": "zone",
    "QueryCluster": "cluster",
    "QueryHost": "host",
    "QueryImage": "image",
    "AddImage": "image",
}


def table(*allowed: str) -> HttpResponse:
    """Return what the server's own check tells."""
    return answer(
        200,
        {
            "inventory": {
                f"org.zstack.header.{PACKAGES.get(name, 'vm')}.API{name}Msg": (
                    "Allow" if name in allowed else "Deny"
                )
                for name in CALLS
            }
        },
    )


def node(check: HttpResponse, reads: Mapping[str, HttpResponse]) -> Platform:
    """Return a node with a check, and with answers to the reads by their paths."""

    def rule(request: HttpRequest) -> HttpResponse:
        path = request.path.removeprefix("/zstack/v1/").partition("?")[0]
        return check if request.method == "PUT" else reads[path]

    return Platform(rule=rule)


def told(platform: Platform) -> Passed[None]:
    """Return what the look tells."""
    return platform.talk(permissions_of(SESSION))


def test_a_key_with_all_of_them_is_one_request() -> None:
    """The check takes all names at once, and changes nothing."""
    platform = node(table(*CALLS), {})

    passed = told(platform)

    assert passed.facts == {"have": CALLS, "lack": ()}
    assert passed.warnings == ()
    assert platform.paths == ["PUT /zstack/v1/accounts/permissions/actions"]
    names = json.loads(platform.asked[0].body)["checkApiPermission"]["apiNames"]
    assert names[:2] == [
        "org.zstack.header.zone.APIQueryZoneMsg",
        "org.zstack.header.cluster.APIQueryClusterMsg",
    ]
    assert "org.zstack.header.vm.APICreateVmInstanceMsg" in names


def test_what_is_lacking_is_a_warning() -> None:
    """A tenant's key is right, and can manage some of it."""
    may = ("QueryZone", "QueryVmInstance", "QueryImage", "StartVmInstance")
    platform = node(table(*may), {"clusters": DENIED, "hosts": DENIED})

    passed = told(platform)

    assert passed.facts["have"] == may
    lack = ("QueryCluster", "QueryHost", "CreateVmInstance", "AddImage")
    assert passed.facts["lack"] == lack
    (warning,) = passed.warnings
    assert warning.cause is PARTIAL
    assert "by a role, or take the key of an administrator; " in warning.remedies(KNOWN)[0]


def test_a_check_that_erred_is_not_believed() -> None:
    """It does not know the roles of newer versions: a denied read that succeeds proves that."""
    listed = answer(200, {"inventories": []})
    reads = {"clusters": listed, "hosts": DENIED, "vm-instances": listed, "images": listed}

    passed = told(node(table(), reads))

    assert passed.facts["have"] == ("QueryZone", "QueryCluster", "QueryVmInstance", "QueryImage")
    assert passed.facts["lack"] == ("QueryHost",)
    assert passed.facts["not_asked"] == ("CreateVmInstance", "StartVmInstance", "AddImage")


@pytest.mark.parametrize(
    "check",
    [
        answer(404, "no api mapping to /v1/accounts/permissions/actions"),
        answer(503, {"error": {"code": "SYS.1007", "details": "org.x is not an API"}}),
        answer(202, {"location": "http://h/zstack/v1/api-jobs/0"}),
        answer(200, {"inventory": None}),
        answer(200, "<html>"),
        DENIED,
    ],
)
def test_a_server_without_the_check_leaves_them_open(check: HttpResponse) -> None:
    """A key that reads zones is not one that lacks everything."""
    passed = told(node(check, {}))

    assert passed.facts == {"have": ("QueryZone",), "not_asked": CALLS[1:]}
    assert passed.warnings == ()


def test_a_read_that_fails_for_another_reason_is_left_open() -> None:
    """A database that is away denies nothing."""
    broken = answer(503, {"error": {"code": "SYS.1000"}})
    may = tuple(name for name in CALLS if name != "QueryHost")

    passed = told(node(table(*may), {"hosts": broken}))

    assert passed.facts["not_asked"] == ("QueryHost",)
    assert passed.warnings == ()
