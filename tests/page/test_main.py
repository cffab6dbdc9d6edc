"""The frame of the page: what it may load, what it keeps, who can use it."""

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.page.visitor import TOKEN, begin, mocked, signed_in
from tests.running.service import Service

VIEWS = ("test", "bulk", "history", "reference", "changes")
WIDTHS = (360, 768, 1440)


def serious(page: Page) -> list[str]:
    """Return what an accessibility check finds that stands in somebody's way."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html']}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_accessible(page: Page, view: str, scheme: str) -> None:
    """Contrast, names and roles, in both colour schemes."""
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    if view == "test":
        mocked(page, "tls.expired")
    page.goto(f"/#{view}")
    page.wait_for_load_state("networkidle")

    assert serious(page) == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_wider_than_the_screen(page: Page, view: str, width: int) -> None:
    """On a phone nobody wants to push a page to and fro."""
    page.set_viewport_size({"width": width, "height": 800})
    if view == "test":
        mocked(page, "tcp.refused")
    page.goto(f"/#{view}")
    page.wait_for_load_state("networkidle")

    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_token_is_kept_for_its_tab_and_nowhere_else(page: Page) -> None:
    """What outlives the tab can be read by whoever sits down at the same browser."""
    mocked(page, "healthy")

    assert page.evaluate("Object.values(sessionStorage)") == [TOKEN]
    assert TOKEN not in page.evaluate("JSON.stringify(localStorage)")
    assert page.context.cookies() == []
    assert TOKEN not in page.url
    assert TOKEN not in page.content()
    other = page.context.new_page()
    other.goto("/")
    expect(other.get_by_label("Access token")).to_be_visible()


def test_a_reload_keeps_the_visitor_signed_in(page: Page) -> None:
    """Nobody wants to look for the token again to see the same result."""
    mocked(page, "tls.expired")
    page.reload()

    expect(page.get_by_label("Access token")).to_have_count(0)
    expect(page.locator(".step.failed")).to_contain_text("tls_handshake")
    expect(page.get_by_label("Product").locator("option")).not_to_have_count(0)


def test_signing_out_forgets_the_token_and_what_it_showed(page: Page) -> None:
    """The next visitor of a shared machine sees neither."""
    mocked(page, "tls.expired")
    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_label("Access token")).to_be_visible()
    expect(page.locator(".job")).to_have_count(0)
    assert page.evaluate("sessionStorage.length") == 0


def test_back_and_forward_walk_through_what_was_shown(page: Page) -> None:
    """A browser's own button must not throw a visitor out of the page."""
    mocked(page, "tcp.refused")
    page.get_by_label("Mode").select_option("tls.expired")
    begin(page)
    expect(page.locator(".step.failed")).to_contain_text("tls_handshake")

    page.go_back()
    expect(page.locator(".job")).to_have_count(0)
    expect(page.get_by_label("Endpoint")).to_be_visible()
    page.go_back()
    expect(page.locator(".step.failed")).to_contain_text("tcp_connect")
    page.go_forward()
    page.go_forward()
    expect(page.locator(".step.failed")).to_contain_text("tls_handshake")


def test_an_expired_token_of_an_earlier_visit_is_asked_for_again(page: Page) -> None:
    """It may have been revoked while the tab slept."""
    page.evaluate("async () => (await import('/page/service.js')).signIn('expired')")
    page.reload()

    expect(page.get_by_label("Access token")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("Sign in first")


def test_a_wrong_token_is_said(browser: Browser, service: Service) -> None:
    """The first thing that goes wrong for a new user."""
    page = browser.new_context(base_url=service.url, locale="en-US").new_page()
    page.goto("/")
    page.get_by_label("Access token").fill("wrong")
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_text("This token is not valid.")).to_be_visible()
    page.context.close()


def test_a_token_that_is_no_longer_valid_can_be_replaced(page: Page) -> None:
    """Tokens of an OpenID provider expire while the page is open."""
    page.evaluate("async () => (await import('/page/service.js')).signIn('expired')")
    begin(page)

    expect(page.get_by_role("alert")).to_contain_text("Sign in first")
    page.get_by_label("Access token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Access token")).to_have_count(0)
    mocked(page, "healthy")


def test_no_script_but_our_own_can_run(service: Service) -> None:
    """Whatever slips into the page is not executed."""
    answer = httpx.get(service.url, trust_env=False)
    policy = answer.headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "<script>" not in answer.text
    for name in ("main.js", "look.css", "vendor/lit-html.js", "catalogue.json"):
        served = httpx.get(f"{service.url}/page/{name}", trust_env=False)
        assert served.status_code == 200
        assert served.headers["content-security-policy"] == policy


@pytest.mark.parametrize("path", ["/page/../app.py", "/page/%2e%2e/app.py", "/page//etc/passwd"])
def test_nothing_beside_the_pages_files_is_served(service: Service, path: str) -> None:
    """The directory above holds code, and the machine much more."""
    assert httpx.get(f"{service.url}{path}", trust_env=False).status_code == 404


def test_both_languages_say_the_same_things(page: Page) -> None:
    """A text that lacks in one of them would be an empty button."""
    keys = page.evaluate(
        """async () => { const {words, languages} = await import('/page/words.js');
        return languages().map((name) => Object.keys(words(name)).sort()); }"""
    )

    assert keys[0] == keys[1]


def test_a_count_takes_its_nouns_form(page: Page) -> None:
    """One platform is not "1 platforms"."""
    shown = page.evaluate(
        """async () => { const {say} = await import('/page/words.js');
        return [0, 1, 2].map((count) => say('batchOf', count)); }"""
    )

    assert shown == ["0 platforms", "1 platform", "2 platforms"]


def test_an_option_is_named_by_the_label_of_its_field(page: Page) -> None:
    """A visitor looks for the field, not for the API's name of it."""
    shown = page.evaluate(
        """async () => { const {labelled} = await import('/page/words.js');
        return labelled('Set options.timeoutSeconds or options.bucket.'); }"""
    )

    assert shown == "Set “Time limit (seconds)” or options.bucket."


def test_events_are_read_however_the_bytes_arrive(page: Page) -> None:
    """A network cuts a stream where it likes, in the middle of a character too."""
    read = page.evaluate(
        """async () => {
          const { parsed } = await import('/page/service.js');
          const bytes = new TextEncoder().encode(
            ': ping\\r\\n\\r\\nid: 1-1\\r\\nevent: queued\\r\\ndata: {"a":"拒"}\\r\\n\\r\\n' +
            'id: 1-2\\nevent: closed\\ndata: {}\\n\\n');
          const stream = new ReadableStream({ start(out) {
            for (const one of bytes) out.enqueue(new Uint8Array([one]));
            out.close(); } });
          const all = [];
          for await (const one of parsed(stream)) all.push(one);
          return all;
        }"""
    )

    assert read == [
        {"id": "1-1", "event": "queued", "data": {"a": "拒"}},
        {"id": "1-2", "event": "closed", "data": {}},
    ]


def test_the_reference_and_the_changes_are_shown_without_a_token(
    browser: Browser, service: Service
) -> None:
    """A reader decides by them whether to ask for one."""
    page = browser.new_context(base_url=service.url, locale="en-US").new_page()
    page.goto("/#reference")
    expect(page.locator(".operation").first).to_contain_text("/api/v1/platforms/test-connection")
    page.goto("/#changes")
    expect(page.locator(".changes li").first).to_be_visible()
    page.context.close()


def test_what_was_tested_is_remembered_until_it_is_cleared(page: Page) -> None:
    """A visitor comes back to a result."""
    mocked(page, "tcp.refused")
    page.get_by_role("link", name="History").click()
    expect(page.locator(".history li")).to_have_count(1)
    page.get_by_role("button", name="Clear").click()

    expect(page.get_by_text("Nothing has been tested from this browser yet.")).to_be_visible()


def test_a_link_to_a_job_waits_for_the_token(browser: Browser, service: Service) -> None:
    """A colleague opens it and signs in first."""
    context = browser.new_context(base_url=service.url, locale="en-US")
    page = signed_in(context.new_page(), "#job/mock-tls.expired")

    expect(page.get_by_role("heading", name="expired")).to_be_visible()
    context.close()
