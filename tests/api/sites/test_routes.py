"""Tests of the list of sites."""

from collections.abc import Iterator

import pytest

from shared.sealing import new_key_pair
from shared.sites.site_entry import SiteEntry
from shared.sites.sites_file import SitesFile
from tests.running.service import Service, running_service
from tests.running.tenants import client_of, token_file


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, dict[str, str]]]:
    """Give a service with two sites, and a token of a tenant that names none."""
    folder = tmp_path_factory.mktemp("sites")
    fra1 = SiteEntry.model_validate({"name": "fra1", "sealingPublicKey": new_key_pair()[1]})
    file, tokens_file = folder / "sites.json", folder / "tokens.json"
    SitesFile(sites=(fra1,)).write(file)
    tokens = token_file(tokens_file, "near")
    settings = {
        "CONNCHECK_SITES_FILE": str(file),
        "CONNCHECK_TOKENS_FILE": str(tokens_file),
    }
    with running_service(folder, **settings) as service:
        yield service, tokens


def test_an_operator_sees_all_sites(sites: tuple[Service, dict[str, str]]) -> None:
    """One without workers too: that it is dead is what they want to see."""
    service, _ = sites
    with service.client() as client:
        answer = client.get("/api/v1/sites", headers={"Accept-Language": "zh-CN"})

    default, fra1 = answer.json()["items"]
    assert (default["name"], default["workers"]) == ("default", {"interactive": 1, "bulk": 1})
    assert (fra1["name"], fra1["workers"]) == ("fra1", {"interactive": 0, "bulk": 0})
    assert fra1["lastSeen"] is None
    assert [note["code"] for note in fra1["notes"]] == ["no_interactive_worker", "no_bulk_worker"]
    assert answer.headers["content-language"] == "zh-CN"


def test_a_token_sees_the_sites_that_it_may_use(sites: tuple[Service, dict[str, str]]) -> None:
    """Which others there are is none of a tenant's business."""
    service, tokens = sites
    with client_of(service, tokens["near"]) as client:
        answer = client.get("/api/v1/sites")

    assert [site["name"] for site in answer.json()["items"]] == ["default"]


def test_a_stranger_sees_none(sites: tuple[Service, dict[str, str]]) -> None:
    """The list tells an operator's network."""
    service, _ = sites
    with client_of(service, "wrong") as client:
        assert client.get("/api/v1/sites").status_code == 401


def test_prometheus_counts_the_workers_of_each_site(sites: tuple[Service, dict[str, str]]) -> None:
    """An alert for a site that died needs a figure that is there when nobody reports any."""
    service, _ = sites
    with service.client() as client:
        shown = client.get("/metrics/workers").text

    assert 'conncheck_site_workers{queue="bulk",site="default"} 1.0' in shown
    assert 'conncheck_site_workers{queue="bulk",site="fra1"} 0.0' in shown
