import json
import time
from typing import Any

import pytest

from shared.uploads import Wishes
from shared.uploads.json.items import MOST_NAMED
from tests.shared.uploads.uploading import CANARY, CUTS, JSON, NDJSON, problems, read_with

# The answer of a federation to ListPlatforms.
PLATFORMS = {
    "requestId": "5f0e",
    "total": 2,
    "page": {"size": 50, "number": 1},
    "items": [
        {
            "id": "p-1",
            "name": "Berlin",
            "productType": "ZStack",
            "hostIp": "10.0.0.5",
            "hostPort": 8443,
            "username": "admin",
            "status": "Connected",
            "tags": ["a", {"b": None}],
            "secret": None,
        },
        {"name": "Bonn", "productType": "VMware vCenter", "hostIp": "2001:db8::5", "hostPort": ""},
    ],
}


def only(item: dict[str, Any], wishes: Wishes | None = None) -> dict[str, Any]:
    (row,), _ = read_with(json.dumps([item]).encode(), JSON, wishes or Wishes())
    assert row.problem is None
    return row.content


@pytest.mark.parametrize("size", CUTS)
def test_a_list_of_another_api_is_read(size: int) -> None:
    """It has what a platform is reached by, and never its password."""
    rows, reading = read_with(json.dumps(PLATFORMS).encode(), JSON, size=size)

    assert [row.content for row in rows] == [
        {
            "productType": "zstack",
            "endpoint": "10.0.0.5:8443",
            "accessKey": "admin",
            "name": "Berlin",
            "ref": "p-1",
        },
        {"productType": "vsphere", "endpoint": "[2001:db8::5]", "name": "Bonn"},
    ]
    assert {column.header: column.field for column in reading.columns} == {
        "id": "id",
        "name": "name",
        "productType": "productType",
        "hostIp": "host",
        "hostPort": "port",
        "username": "accessKey",
        "status": "",
        "tags": "",
        "secret": "secretKey",
    }
    assert [column.number for column in reading.columns] == [*range(1, 10)]


@pytest.mark.parametrize(
    ("item", "content"),
    [
        ({"endpoint": " a ", "accessKey": " b "}, {"endpoint": " a ", "accessKey": " b "}),
        ({"server": " a ", "user": " b "}, {"endpoint": "a", "accessKey": " b "}),
        ({"endpoint": "a", "port": 22}, {"endpoint": "a:22"}),
        ({"endpoint": 5, "ref": 7}, {"endpoint": 5, "ref": 7}),
        ({"endpoint": None}, {"endpoint": None}),
        ({"host": "a", "port": "443", "scheme": "https"}, {"endpoint": "https://a:443"}),
        ({"endpoint": "a", "host": "b"}, {"endpoint": "a"}),
        ({"host": "b", "endpoint": "a"}, {"endpoint": "a"}),
        ({"id": "a", "secret": "b"}, {"accessKey": "a", "secretKey": "b"}),
        ({"id": "a", "user": "b", "secret": "c"}, {"ref": "a", "accessKey": "b", "secretKey": "c"}),
        ({"password": 123456}, {"secretKey": "123456"}),
        ({"vcenter": "a"}, {"endpoint": "a", "productType": "vsphere"}),
        ({"options": {"tls": {"x": 1}}}, {"options": {"tls": {"x": 1}}}),
        (
            {"options": {"tls": {"verify": True}}, "options.tls.caCertificate": "PEM"},
            {"options": {"tls": {"verify": True, "caCertificate": "PEM"}}},
        ),
        ({"options.force": True}, {"options": {"force": True}}),
        ({"options": [1], "options.force": True}, {"options": [1]}),
        (
            {"labels": {"a": "b"}, "label.owner": "Alice", "label.n": 7},
            {"labels": {"a": "b", "owner": "Alice", "n": "7"}},
        ),
        ({"labels": 7, "label.a": "b"}, {"labels": 7}),
        ({"site": "fra1"}, {"options": {"site": "fra1"}}),
        ({"label.site": "Berlin"}, {"labels": {"site": "Berlin"}}),
        ({"anything": {"at": ["all"]}}, {}),
    ],
)
def test_members_are_called_as_headers_are(item: dict[str, Any], content: dict[str, Any]) -> None:
    """What is documented keeps its exact value; the rest is what people and programs write."""
    assert only(item) == content


def test_what_the_caller_says_of_a_member_has_precedence() -> None:
    """A page shows what was read, and lets it be changed."""
    wishes = Wishes(columns={"Where": "endpoint", "name": "", "team": "label.team"})

    assert only({"where": "a", "endpoint": "b", "name": "c", "team": "d"}, wishes) == {
        "endpoint": "a",
        "labels": {"team": "d"},
    }


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ({"acessKey": CANARY}, "has the unknown member acessKey, which resembles accessKey"),
        ({"endpiont": "a"}, "has the unknown member endpiont, which resembles endpoint"),
        ({"hostnam": "a"}, "has the unknown member hostnam, which resembles endpoint"),
        ({"option": {}}, "has the unknown member option, which resembles options"),
        ({"host": "http://a:1", "port": 2}, "has a port that is not the one in its address"),
    ],
)
def test_a_slip_is_refused_where_its_field_is_missing(item: dict[str, Any], problem: str) -> None:
    """Leaving it out would test the platform with less than was meant."""
    line = json.dumps(item).encode() + b"\n"

    assert problems(line + b'{"name": "a"}\n', NDJSON) == [("line 1", problem), ("line 2", None)]


def test_a_slip_beside_its_field_is_left_out() -> None:
    """A program may have both."""
    assert only({"accessKey": "a", "accessKeys": 2}) == {"accessKey": "a"}


def test_products_that_are_only_like_a_known_one_are_doubts() -> None:
    """They are read where a program has called the member so, and shown."""
    lines = b'{"type": "our zstack cloud"}\n{"productType": "our zstack cloud"}\n'
    rows, reading = read_with(lines, NDJSON)

    assert [row.content["productType"] for row in rows] == ["zstack", "our zstack cloud"]
    assert [(doubt.place, doubt.line) for doubt in reading.doubts] == [("line 1", 1)]


def test_no_more_members_are_told_of_than_a_table_may_have_columns() -> None:
    """An attacker could name a million; a name can be long and invisible."""
    items = [{f"{n}\u202e{'x' * 100}": CANARY for n in range(200)}]
    _, reading = read_with(json.dumps(items).encode(), JSON)

    assert len(reading.columns) == MOST_NAMED
    assert all(len(c.header) <= 64 and c.header.isprintable() for c in reading.columns)


def test_ever_new_names_take_linear_time() -> None:
    """Comparing names with the known ones is slow."""
    lines = b"".join(b'{"endpoin%d": 1, "acess%d": 2}\n' % (n, n) for n in range(5000))
    started = time.thread_time()

    read_with(lines, NDJSON)

    assert time.thread_time() - started < 2
