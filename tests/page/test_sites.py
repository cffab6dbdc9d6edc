"""The choice of the site that tests."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from tests.page.conftest import Node
from tests.page.visitor import TOKEN, begin, fill
from tests.running.service import Service
from tests.running.sites import Sites, service_with_sites


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Sites]]:
    """Give a service with a site that has workers, and one that has none."""
    directory = tmp_path_factory.mktemp("sites")
    settings = {"CONNCHECK_TOKENS": f"me:{TOKEN}"}
    with (
        service_with_sites(directory, "fra1", "sin1", **settings) as (service, sites),
        sites.worker(service, "fra1"),
    ):
        yield service, sites


@pytest.fixture(scope="module")
def service(sites: tuple[Service, Sites]) -> Service:
    """Give the service of the page."""
    return sites[0]


def test_a_test_is_made_from_the_site_that_was_chosen(page: Page, node: Node) -> None:
    """Who looks at the result wants to see from where it was got."""
    fill(page, node[1])
    page.get_by_label("Test from").select_option("fra1")
    begin(page)

    expect(page.get_by_role("heading", name="Passed", exact=True)).to_be_visible()
    expect(page.locator(".about")).to_contain_text("from fra1")


def test_without_a_choice_the_service_chooses(page: Page, node: Node) -> None:
    """Its rules know where a platform can be reached."""
    fill(page, node[1])
    begin(page)

    expect(page.get_by_role("heading", name="Passed", exact=True)).to_be_visible()
    expect(page.locator(".about")).to_contain_text("from default")


def test_a_site_without_workers_says_so_before_it_is_chosen(page: Page, node: Node) -> None:
    """And who chooses it all the same learns why nothing was tested, at the field."""
    site = page.get_by_label("Test from")
    expect(site.locator("option")).to_have_text(
        ["Chosen by the endpoint", "default", "fra1", "sin1 (no worker is alive)"]
    )
    fill(page, node[1])
    site.select_option("sin1")
    begin(page)

    expect(page.locator(".problem")).to_contain_text("sin1")


def test_certificates_are_inspected_from_the_site_too(page: Page, node: Node) -> None:
    """An interception may be at one site only."""
    fill(page, node[1])
    page.get_by_label("Test from").select_option("sin1")
    page.get_by_role("button", name="Inspect certificate").click()

    expect(page.locator(".problem")).to_contain_text("sin1")


def test_a_site_with_a_title_is_shown_with_its_name_too(page: Page) -> None:
    """The result names it so, as do the command and the request."""

    def titled(route: Route) -> None:
        answer = route.fetch().json()
        answer["items"][1]["title"] = "Frankfurt"
        route.fulfill(json=answer)

    page.route("**/api/v1/sites", titled)
    page.reload()

    expect(page.get_by_label("Test from").locator("option")).to_have_text(
        ["Chosen by the endpoint", "default", "Frankfurt (fra1)", "sin1 (no worker is alive)"]
    )
