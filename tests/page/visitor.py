"""What a visitor does on the page."""

import io
from pathlib import Path
from typing import Any

import openpyxl
from playwright.sync_api import Download, Locator, Page, expect

TOKEN = "page-token"


def signed_in(page: Page, place: str = "") -> Page:
    """Open the page and give it the token."""
    page.goto(f"/{place}")
    page.get_by_label("Access token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Access token")).to_have_count(0)
    return page


def fill(page: Page, endpoint: str, *, secret_key: str = "SECRET") -> None:  # noqa: S107 -- the stand-in's
    """Fill in the form."""
    page.get_by_label("Endpoint").fill(endpoint)
    page.get_by_label("Access key").fill("AKID")
    page.get_by_label("Secret key").fill(secret_key)


def begin(page: Page) -> None:
    """Press the button that tests."""
    page.get_by_role("button", name="Test", exact=True).click()


def mocked(page: Page, mock: str) -> None:
    """Ask for a mock answer, and wait for it."""
    page.get_by_label("Mode").select_option(mock)
    begin(page)
    expect(page.get_by_role("button", name="Download report")).to_be_visible()


def choose(page: Page, *paths: Path) -> None:
    """Choose files of platforms, which go together."""
    page.get_by_role("link", name="Bulk test").click()
    page.locator("input[type=file]").set_input_files(paths)


def start(page: Page, count: int) -> None:
    """Press the button that tests the `count` platforms of a file."""
    noun = "platform" if count == 1 else "platforms"
    page.get_by_role("button", name=f"Test {count} {noun}", exact=True).click()
    expect(page.get_by_role("heading", name=f"{count} {noun}")).to_be_visible()


def column(page: Page, header: str) -> Locator:
    """Return the choice of what the column is taken for."""
    return page.get_by_label(f"{header} is taken as", exact=True)


def first_sheet(download: Download) -> list[tuple[Any, ...]]:
    """Return the rows of the first sheet of a workbook that was downloaded."""
    book = openpyxl.load_workbook(io.BytesIO(download.path().read_bytes()))
    return [*book.worksheets[0].values]
