"""A sheet that is uploaded, tested, and handed back with the verdicts."""

import csv
import io
from collections.abc import Iterator

import httpx
import pytest
from openpyxl import load_workbook

from shared.wire.sheets.xlsx_sheet import MEDIA_TYPE as XLSX
from tests.end_to_end.access.test_secrets import forms
from tests.running.batches import BATCHES, finished, results
from tests.running.service import Service
from tests.stand_ins.zstack import ZstackNode

Node = tuple[ZstackNode, str]

SECRET = "canary-secret-9e1b"
COMMENT = "canary-comment-77aa"
HEADER = ["Type", "Host", "Port", "User", "Password", "Name", "label.owner", "Comment"]


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with service.client() as opened:
        yield opened


def sheet(host: str, port: str) -> str:
    """Return a table with columns of its own: two platforms, and an invalid row between."""
    rows = [
        HEADER,
        ["ZStack", host, port, "AK1", SECRET, "Rhein", "Alice", COMMENT],
        ["ZStack", "", "", "AK2", SECRET, "Main", "Bob", COMMENT],
        ["ZStack", host, port, "AK2", SECRET, "Neckar", "Bob", COMMENT],
    ]
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows(rows)
    return text.getvalue()


@pytest.fixture
def url(client: httpx.Client, node: Node) -> str:
    """Return the address of the finished batch of a table with columns of its own."""
    node[0].keys["AK1"] = SECRET
    host, _, port = node[1].rpartition(":")
    headers = {"Content-Type": "text/csv"}
    answer = client.post(BATCHES, content=sheet(host, port), headers=headers)
    assert answer.status_code == 202, answer.text
    finished(client, answer.headers["location"])
    return str(answer.headers["location"])


def table(client: httpx.Client, url: str, **query: str) -> list[list[str]]:
    answer = client.get(f"{url}/results", params={"format": "csv", **query})
    assert answer.status_code == 200, answer.text
    return [*csv.reader(io.StringIO(answer.text, newline=""))]


def test_a_sheet_comes_back_with_its_columns_and_without_its_secrets(
    service: Service, client: httpx.Client, url: str, node: Node
) -> None:
    """Its sender hands it on; what was left out of it is kept nowhere."""
    host, _, port = node[1].rpartition(":")

    header, *rows = table(client, url)

    own = ["Type", "Host", "Port", "Name", "label.owner"]
    assert header[:11] == [
        *own,
        *("line", "outcome", "cause", "summary", "recommendation", "owner"),
    ]
    assert [row[:7] for row in rows] == [
        ["ZStack", host, port, "Rhein", "Alice", "2", "passed"],
        ["", "", "", "", "", "3", "invalid"],
        ["ZStack", host, port, "Neckar", "Bob", "4", "failed"],
    ]
    assert rows[2][7] == "auth.unknown_access_key"
    assert float(rows[0][header.index("tcp_connect ms")]) >= 0
    assert rows[0][header.index("testedAt")]
    with service.redis() as redis:
        held = b"".join(bytes(redis.dump(key) or b"") for key in redis.scan_iter())
    everything = held + "".join(map(str, rows)).encode()
    for canary in (SECRET, COMMENT):
        assert not [form for form in forms(canary) if form in everything]


def test_a_workbook_says_the_same_as_the_csv(client: httpx.Client, url: str) -> None:
    """It is what people open."""
    answer = client.get(f"{url}/results", headers={"Accept": XLSX})

    assert answer.headers["content-type"] == XLSX
    assert ".xlsx" in answer.headers["content-disposition"]
    values = load_workbook(io.BytesIO(answer.content)).worksheets[0].values
    found = [["" if cell is None else str(cell) for cell in row] for row in values]
    assert [row[:9] for row in found] == [row[:9] for row in table(client, url)]


def test_labels_choose_group_and_retry(client: httpx.Client, url: str) -> None:
    """Bob gets the list of his platforms, and tests them again."""
    (bobs,) = results(client, url, label="owner=Bob", sort="-tookMs")
    (_, row) = table(client, url, label="owner=Bob")
    (group,) = client.get(url).json()["groups"]
    none = client.post(f"{url}/retry", params={"label": "owner=Alice"})
    again = client.post(f"{url}/retry", params={"label": "owner=Bob", "cause": bobs["cause"]})

    assert (bobs["name"], bobs["labels"], bobs["line"]) == ("Neckar", {"owner": "Bob"}, 4)
    assert row[3] == "Neckar"
    assert group["by"] == "label.owner"
    assert {one["value"]: one["failed"] for one in group["values"]} == {"Alice": 0, "Bob": 1}
    assert (none.status_code, "no failed items that match" in none.text) == (409, True)
    assert again.status_code == 202
    retried = again.headers["location"]
    finished(client, retried)
    assert table(client, retried)[0][:5] == table(client, url)[0][:5]
    assert [one["name"] for one in results(client, retried)] == ["Neckar"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"label": "owner"}, "query.label.0"),
        ({"label": "=x"}, "query.label.0"),
        ({"ref": "x" * 201}, "query.ref.0"),
        ({"sort": "endpoint"}, "query.sort"),
        ({"labels": "owner=Bob"}, "query.labels"),
    ],
)
def test_a_filter_that_means_nothing_is_refused(
    client: httpx.Client, url: str, query: dict[str, str], field: str
) -> None:
    """A mistyped filter would choose everything."""
    looked = client.get(f"{url}/results", params=query)
    assert (looked.status_code, looked.json()["errors"][0]["field"]) == (422, field)
    if field != "query.sort":
        retried = client.post(f"{url}/retry", params=query)
        assert (retried.status_code, retried.json()["errors"][0]["field"]) == (422, field)
