"""A real browser in front of a running service."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from tests.page.visitor import TOKEN, signed_in
from tests.running.service import Service, running_service
from tests.stand_ins.zstack import ZstackNode, zstack_node

PLAIN_HOST = "conncheck.test"
"""A name of this machine that browsers do not trust without HTTPS, as they do 127.0.0.1."""
NAMES = f"--host-resolver-rules=MAP {PLAIN_HOST} 127.0.0.1"
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")
Node = tuple[ZstackNode, str]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Give Debian's Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*QUIET, NAMES])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a running service."""
    with running_service(tmp_path_factory.mktemp("page"), CONNCHECK_TOKENS=f"me:{TOKEN}") as up:
        yield up


@pytest.fixture
def node() -> Iterator[Node]:
    """Give a healthy platform and its endpoint."""
    with zstack_node(ZstackNode()) as (node, port):
        yield node, f"127.0.0.1:{port}"


@pytest.fixture
def page(browser: Browser, service: Service) -> Iterator[Page]:
    """Give the page, signed in; nothing may go wrong in it or leave its own origin."""
    complaints: list[str] = []

    def console(message: ConsoleMessage) -> None:
        # The browser itself says in the console which answers were errors.
        if message.type == "error" and "Failed to load resource" not in message.text:
            complaints.append(message.text)

    def request(made: Request) -> None:
        if not made.url.startswith((service.url, "blob:")):
            complaints.append(f"asked {made.url}")

    context = browser.new_context(locale="en-US", base_url=service.url)
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.on("console", console)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", request)
    yield signed_in(page)
    context.close()
    assert complaints == []
