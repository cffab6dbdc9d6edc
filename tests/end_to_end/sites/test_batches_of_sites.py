"""Batches whose items are tested from several sites, with real workers of each."""

import csv
import io
from collections.abc import Iterator

import pytest

from shared.queue.queued_job import BULK
from shared.store.site_keys import SiteKeys
from tests.running.batches import BATCHES, finished, send, submitted
from tests.running.service import Service, a_request
from tests.running.sites import Sites, service_with_sites
from tests.stand_ins.zstack import ZstackNode

Node = tuple[ZstackNode, str]
FRA1, SIN1 = "fra1", "sin1"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Sites]]:
    """Give a service with bulk workers of the default site and of fra1, and none of sin1."""
    directory = tmp_path_factory.mktemp("sites")
    rules = {"CONNCHECK_SITE_RULES": "fra1=127.0.0.0/8", "CONNCHECK_BATCH_DEADLINE_S": "20"}
    with (
        service_with_sites(directory, FRA1, SIN1, **rules) as (service, sites),
        sites.worker(service, FRA1, BULK),
    ):
        yield service, sites


def at(endpoint: str, site: str | None, **changes: object) -> dict[str, object]:
    options = {"site": site} if site else {}
    return a_request(endpoint, **{**changes, "options": options})


def test_each_row_is_tested_from_its_site(running: tuple[Service, Sites], node: Node) -> None:
    """The results say which; a row without one is at the site of the rule."""
    service, _ = running
    port = node[1].split(":")[1]
    rows = [at(node[1], None), at(node[1], "default"), at(f"localhost:{port}", None)]
    with service.client() as client:
        url = submitted(client, rows)
        view = finished(client, url)
        results = client.get(f"{url}/results").json()["items"]
        table = client.get(f"{url}/results", headers={"Accept": "text/csv"}).text
        at_fra1 = client.get(f"{url}/results?site=fra1").json()["items"]

    assert (view["passed"], view["total"]) == (3, 3)
    assert [one["site"] for one in results] == [FRA1, "default", "default"]
    assert [one["site"] for one in csv.DictReader(io.StringIO(table.lstrip("\ufeff")))] == [
        one["site"] for one in results
    ]
    assert [one["index"] for one in at_fra1] == [0]
    (group,) = [one for one in view["groups"] if one["by"] == "site"]
    assert {one["value"]: one["total"] for one in group["values"]} == {FRA1: 1, "default": 2}
    assert service.look(results[0]["statusUrl"])["site"] == FRA1


def test_a_column_names_the_site_and_comes_back(running: tuple[Service, Sites], node: Node) -> None:
    """Whoever sorts out what failed sees where it was tested."""
    service, _ = running
    row = ["zstack", node[1], "AKID", "SECRET"]
    table = [["productType", "endpoint", "user", "password", "site"], [*row, FRA1], [*row, "mars"]]
    body = "\n".join(";".join(line) for line in table)
    with service.client() as client:
        headers = {"Content-Type": "text/csv"}
        answer = client.post(BATCHES, content=body, headers=headers)
        accepted, url = answer.json(), str(answer.headers["location"])
        finished(client, url)
        found = client.get(f"{url}/results", headers={"Accept": "text/csv"}).text

    (error,) = accepted["errors"]
    assert (error["line"], error["column"], error["field"]) == (3, 5, "options.site")
    header, first, *_ = csv.reader(io.StringIO(found.lstrip("\ufeff")))
    assert header.count("site") == 1
    assert first[header.index("site")] == FRA1


def test_items_of_a_site_without_workers_expire_and_the_others_are_tested(
    running: tuple[Service, Sites], node: Node
) -> None:
    """A dead site costs its own items, at the deadline of the batch."""
    service, _ = running
    rows = [at(node[1], SIN1), at(node[1], FRA1), at(node[1], "default")]
    with service.client() as client:
        alone = send(client, [at(node[1], SIN1)])
        view = finished(client, submitted(client, rows))

    assert (alone.status_code, alone.json()["type"][-9:]) == (503, "no-worker")
    assert "at sin1" in alone.json()["detail"]
    assert (view["passed"], view["expired"]) == (2, 1)


def test_a_failed_item_is_retried_at_its_site(running: tuple[Service, Sites], node: Node) -> None:
    """Another site may not reach it, and can't open its request."""
    service, _ = running
    with service.client() as client:
        url = submitted(client, [at("127.0.0.1:1", FRA1), at(node[1], "default")])
        assert finished(client, url)["failed"] == 1
        again = client.post(f"{url}/retry")
        assert again.status_code == 202, again.text
        retried = str(again.headers["location"])
        finished(client, retried)
        (result,) = client.get(f"{retried}/results").json()["items"]

    assert (result["site"], result["status"]) == (FRA1, "failed")


def test_a_cancelled_batch_ends_at_all_its_sites(
    running: tuple[Service, Sites], node: Node
) -> None:
    """What waits at a site without workers must not be tested when they come."""
    service, _ = running
    with service.client() as client:
        url = submitted(client, [at(node[1], SIN1), at(node[1], FRA1)])
        client.delete(url)
        view = finished(client, url)
    with service.redis() as redis:
        waiting = redis.zcard(SiteKeys.of(SIN1).queued)

    assert view["cancelled"] + view["passed"] == 2
    assert view["cancelled"] >= 1
    assert waiting == 0
