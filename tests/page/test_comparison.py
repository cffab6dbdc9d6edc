"""The comparison of sites."""

import re
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.certificates.authority import Authority
from tests.page.conftest import Node
from tests.page.test_main import WIDTHS, serious
from tests.page.visitor import TOKEN, fill
from tests.running.service import Service
from tests.running.sites import service_with_sites
from tests.stand_ins.zstack import zstack_node


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Give the authority that fra1 alone trusts."""
    return Authority()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Service]:
    """Give a service with a worker at fra1, and none at sin1."""
    directory: Path = tmp_path_factory.mktemp("comparison")
    trusted = directory / "ca.pem"
    trusted.write_text(authority.pem)
    settings = {"CONNCHECK_TOKENS": f"me:{TOKEN}"}
    with (
        service_with_sites(directory, "fra1", "sin1", **settings) as (running, sites),
        sites.worker(running, "fra1", CONNCHECK_CA_FILE=str(trusted)),
    ):
        yield running


@pytest.fixture
def private(authority: Authority) -> Iterator[str]:
    """Give the endpoint of a platform whose certificate fra1 alone trusts."""
    with zstack_node(tls=authority.server("localhost")) as (_, port):
        yield f"https://localhost:{port}"


def compare(page: Page, *left_out: str) -> None:
    """Compare the sites, without those that are left out."""
    page.get_by_text("Sites to compare", exact=True).first.click()
    for name in left_out:
        page.get_by_label(name, exact=True).uncheck()
    page.get_by_role("button", name="Compare sites").click()


def row(page: Page, step: str) -> Locator:
    """Return the cells of a step, a site each."""
    return page.get_by_role("row", name=step).get_by_role("cell")


def compared(page: Page, endpoint: str) -> None:
    """Compare default and fra1, and wait for the end."""
    fill(page, endpoint)
    compare(page, "sin1")
    expect(page.get_by_role("button", name="Download report")).to_be_visible()


def test_sites_that_pass_are_shown_beside_each_other(page: Page, node: Node) -> None:
    """One site signs in, and the table says which."""
    compared(page, node[1])

    expect(page.get_by_role("heading", name="Passed from 2 sites")).to_be_visible()
    heads = page.get_by_role("columnheader")
    expect(heads).to_have_text(["Step", re.compile("default.*signs in", re.S), "fra1"])
    expect(row(page, "tcp_connect").get_by_role("img", name="Passed")).to_have_count(2)
    expect(row(page, "authenticate").nth(1)).to_have_text("not part of this test")
    alike = page.locator(".differences .finding").filter(has_text="passes from every site")
    expect(alike).to_be_visible()
    expect(alike).not_to_contain_text("Who can fix it")
    assert node[0].judged == ["AKID"]


def test_what_differs_is_marked_and_told_with_what_to_do(page: Page, private: str) -> None:
    """The mark is a sign with a name: not everybody sees colours, or anything."""
    compared(page, private)

    expect(page.get_by_role("heading", name="Failed from default")).to_be_visible()
    unlike = row(page, "tls_handshake").get_by_role("img", name="differs from other sites")
    expect(unlike).to_have_count(1)
    expect(row(page, "tls_handshake").first).to_contain_text("tls.private_ca")
    expect(row(page, "tls_handshake").first.locator(".unlike")).to_have_text("≠")
    differences = page.locator(".differences")
    expect(differences).to_contain_text("From default the test fails at tls_handshake")
    expect(differences.locator(".remedies li").first).to_be_visible()
    expect(differences.get_by_role("link", name="sites.unreachable_from")).to_have_attribute(
        "href", "/docs/causes/sites.unreachable_from?lang=en"
    )


def test_the_advice_for_a_site_is_one_click_away(page: Page, private: str) -> None:
    """And its result names the site; the way back leads to the comparison."""
    compared(page, private)
    page.get_by_role("link", name="What to do").click()

    expect(page.locator(".job h2")).to_contain_text("was issued by an authority")
    expect(page.locator(".job .about").first).to_contain_text("from default")
    page.go_back()
    expect(page.get_by_role("heading", name="Failed from default")).to_be_visible()


def test_the_table_fills_while_the_tests_run(page: Page, node: Node) -> None:
    """Somebody who waits wants to see where each site stands."""
    node[0].hold = Event()
    fill(page, node[1])
    compare(page, "sin1")

    expect(page.get_by_role("heading", name="Comparing 2 sites")).to_be_visible()
    expect(row(page, "authenticate").first.get_by_role("img", name="Running")).to_be_visible()
    expect(row(page, "Outcome")).to_have_text([re.compile("Running"), re.compile("Passed")])
    node[0].hold.set()
    expect(page.get_by_role("heading", name="Passed from 2 sites")).to_be_visible()


def test_a_comparison_can_be_cancelled(page: Page, node: Node) -> None:
    """The wrong endpoint was typed; nobody wants to wait for that."""
    node[0].hold = Event()
    fill(page, node[1])
    compare(page, "sin1")
    expect(row(page, "authenticate").first.get_by_role("img", name="Running")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()

    expect(page.get_by_role("heading", name="Cancelled")).to_be_visible()
    node[0].hold.set()


def test_a_site_without_workers_says_why_it_was_not_tested(page: Page, node: Node) -> None:
    """It must not look like one that passes; without a choice every site is asked."""
    fill(page, node[1])
    compare(page)

    expect(page.get_by_role("heading", name="Not tested from sin1")).to_be_visible()
    expect(row(page, "Outcome").nth(2)).to_contain_text("No worker of this site is alive.")
    expect(row(page, "tcp_connect").nth(2)).to_have_text("Not tested")


def test_each_site_signs_in_if_that_is_wanted(page: Page, node: Node) -> None:
    """A rule about source addresses shows in no other way."""
    fill(page, node[1])
    page.get_by_text("Sites to compare", exact=True).first.click()
    page.get_by_label("Sign in from each site").check()
    page.get_by_label("sin1", exact=True).uncheck()
    page.get_by_role("button", name="Compare sites").click()

    expect(page.get_by_role("heading", name="Passed from 2 sites")).to_be_visible()
    assert node[0].judged == ["AKID", "AKID"]


def test_no_site_at_all_is_refused_beside_the_choice(page: Page, node: Node) -> None:
    """The reason must be where it can be mended."""
    fill(page, node[1])
    compare(page, "default", "fra1", "sin1")

    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator(".sites small")).to_be_visible()


def test_a_link_shows_the_same_comparison(page: Page, private: str) -> None:
    """A colleague of the network team opens it, in another language."""
    compared(page, private)
    page.reload()
    expect(page).to_have_url(re.compile("#comparison/"))
    expect(page.get_by_role("heading", name="Failed from default")).to_be_visible()
    page.get_by_role("link", name="History").click()
    page.locator(".history a").first.click()
    page.get_by_role("button", name="中文").click()

    expect(page.get_by_role("heading", name="从 default 测试失败")).to_be_visible()
    expect(page.locator(".differences")).to_contain_text("从 default 执行 tls_handshake 失败")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_read_it(page: Page, private: str, scheme: str) -> None:
    """Contrast, names and roles, on a telephone too."""
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    compared(page, private)

    assert serious(page) == []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_table_can_be_moved_from_the_keyboard(page: Page, node: Node) -> None:
    """Twenty sites are wider than a screen."""
    compared(page, node[1])
    table = page.get_by_role("region", name="Result of each step from each site")
    table.focus()

    expect(table).to_be_focused()
    page.keyboard.press("Tab")
    expect(table.get_by_role("link", name="Details").first).to_be_focused()


def test_what_a_site_tells_never_becomes_markup(page: Page) -> None:
    """A stolen worker must not take over the page of those who compare."""
    images, text = page.evaluate(
        """async () => {
          const { hear } = await import('/page/comparison/follow.js');
          const { comparisonView } = await import('/page/comparison/view.js');
          const { render } = await import('/page/vendor/lit-html.js');
          const evil = '<img src=x onerror=document.title="taken">';
          const side = { sites: [evil], evidence: { [evil]: evil } };
          const found = { code: evil, docUrl: null, owner: 'us', summary: evil, remedies: [evil] };
          const seen = {
            status: 'running', endpoint: evil, differences: [{ ...found, sides: [side] }],
            sites: [{ site: 'a', status: 'queued', outcome: null }],
            steps: [{ name: evil, results: [{ site: 'a', outcome: null }] }],
          };
          const told = { site: 'a', name: evil, outcome: 'failed', cause: evil, tookMs: 1 };
          hear(seen, 'step_ended', { ...told, summary: evil });
          const place = document.body.appendChild(document.createElement('div'));
          render(comparisonView(seen, '#x'), place);
          return [place.querySelectorAll('img').length, place.textContent];
        }"""
    )

    assert images == 0
    assert text.count("<img src=x") > 5
    assert page.title() == "conncheck"
