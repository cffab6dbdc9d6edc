"""A look at an upload before anything is tested."""

from collections.abc import Iterator

import httpx
import pytest

from shared.wire.sheets.xlsx_sheet import MEDIA_TYPE as XLSX
from tests.running.batches import BATCHES, NDJSON, batch_ids, ndjson, send
from tests.running.service import Service, a_request
from tests.stand_ins.zstack import ZstackNode

Node = tuple[ZstackNode, str]


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with service.client() as opened:
        yield opened


def test_a_look_tests_and_stores_nothing(
    service: Service, client: httpx.Client, node: Node
) -> None:
    """It is for the file that may be the wrong one."""
    with service.redis() as redis:
        before = batch_ids(redis)
        answer = send(client, [a_request(node[1]), {}], "?dryRun=true")

        assert answer.status_code == 200, answer.text
        assert (answer.json()["accepted"], answer.json()["rejected"]) == (1, 1)
        assert answer.json()["errors"][0] == {
            "place": "line 2",
            "line": answer.json()["errors"][0]["line"],
            "column": None,
            "field": "productType",
            "reason": "is required",
            "example": "zstack",
        }
        assert "SECRET" not in answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert batch_ids(redis) == before
    assert node[0].requests == []


def test_all_answers_tell_errors_in_the_same_shape(client: httpx.Client, node: Node) -> None:
    """A portal shows them by the same code."""
    rows = [a_request(node[1]), {}]

    looked = send(client, rows, "?dryRun=true").json()
    accepted = send(client, rows).json()
    refused = send(client, rows, "?strict=true").json()
    batch = client.get(accepted["statusUrl"]).json()

    assert looked["errors"] == accepted["errors"] == refused["errors"] == batch["errors"]
    assert looked["read"] == accepted["read"] == refused["read"]
    assert {one["rejected"] for one in (looked, accepted, refused, batch)} == {1}


@pytest.mark.parametrize("accept", ["text/csv", XLSX])
def test_bad_rows_are_sent_as_a_file(client: httpx.Client, accept: str) -> None:
    """Browsers save it, and no cache keeps it."""
    answer = send(client, [{"endpoint": "h", "secretKey": "=1"}], "?dryRun=true", Accept=accept)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(accept)
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["cache-control"] == "no-store"


def test_an_unreadable_upload_is_refused_as_by_the_real_call(client: httpx.Client) -> None:
    """The status says whether there is anything to show."""
    told = [
        client.post(f"{BATCHES}{query}", content=b"{", headers={"Content-Type": "application/json"})
        for query in ("", "?dryRun=true")
    ]

    assert [one.status_code for one in told] == [422, 422]
    assert told[0].json() == told[1].json()


def test_a_product_is_wished_by_any_of_its_names(client: httpx.Client, node: Node) -> None:
    """An unknown one is refused before the upload is read."""
    row = {name: value for name, value in a_request(node[1]).items() if name != "productType"}
    headers = {"Content-Type": NDJSON}

    good, bad = (
        client.post(
            BATCHES,
            params={"dryRun": "true", "productType": name},
            content=ndjson([row]),
            headers=headers,
        )
        for name in ("vmware", "vmwre")
    )

    assert good.json()["first"][0]["values"]["productType"] == "vsphere"
    assert bad.status_code == 422
    assert bad.json()["errors"][0]["field"] == "query.productType"
