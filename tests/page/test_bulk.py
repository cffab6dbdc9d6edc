"""The view that tests many platforms from a file."""

import csv
import io
import socket
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import Node

COUNT, REFUSED = 2000, 200
PAGE = 50


@pytest.fixture
def platforms(tmp_path: Path, node: Node) -> Path:
    """Give a file of platforms of which every tenth refuses, and one bad row."""
    node[0].keys.update({f"AK{n}": "SECRET" for n in range(COUNT)})
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        closed = f"127.0.0.1:{bound.getsockname()[1]}"
    rows = ["name,productType,endpoint,accessKey,secretKey,options.force"]
    for n in range(COUNT):
        endpoint = node[1] if n % (COUNT // REFUSED) else closed
        rows.append(f"platform-{n},zstack,{endpoint},AK{n},SECRET,true")
    rows.append("bad,zstack,http://user:word@x,AK,SECRET,true")
    path = tmp_path / "platforms.csv"
    path.write_text("\n".join(rows))
    return path


@pytest.mark.timeout(180)
def test_thousands_are_tested_and_grouped_paged_and_downloaded(page: Page, platforms: Path) -> None:
    """The whole visit of somebody with a long list."""
    page.get_by_role("link", name="Bulk test").click()
    page.locator("input[type=file]").set_input_files(platforms)

    expect(page.get_by_role("heading", name=f"{COUNT} platforms")).to_be_visible()
    again = page.get_by_role("button", name="Retry failed tests")
    expect(again).to_be_visible(timeout=120_000)
    expect(page.get_by_text("1 invalid row was skipped")).to_be_visible()
    expect(page.locator(".count.passed b")).to_have_text(str(COUNT - REFUSED))
    expect(page.locator(".count.failed b")).to_have_text(str(REFUSED))

    expect(page.locator("tbody tr")).to_have_count(PAGE)
    page.get_by_role("button", name="Next").click()
    expect(page.locator("tbody tr").first).to_contain_text("platform-50")

    page.locator(".group", has_text="tcp.refused").click()
    expect(page.locator("tbody tr").nth(1)).to_contain_text("platform-10")
    expect(page.locator("tbody tr").first).to_contain_text("refused the connection")

    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download CSV", exact=True).click()
    text = waiting.value.path().read_text("utf-8-sig")
    assert len([*csv.DictReader(io.StringIO(text))]) == REFUSED

    again.click()
    expect(page.get_by_role("heading", name=f"{REFUSED} platforms")).to_be_visible()


def test_a_file_that_is_dropped_is_sent(page: Page, platforms: Path) -> None:
    """That is what the area is for."""
    page.get_by_role("link", name="Bulk test").click()
    text = "\n".join(platforms.read_text().splitlines()[:3])
    transfer = page.evaluate_handle(
        """text => { const all = new DataTransfer();
        all.items.add(new File([text], 'two.csv', {type: 'text/csv'})); return all; }""",
        text,
    )
    page.dispatch_event(".drop", "drop", {"dataTransfer": transfer})

    expect(page.get_by_role("heading", name="2 platforms")).to_be_visible()


def test_a_file_of_another_kind_is_said_in_words_of_the_page(page: Page, tmp_path: Path) -> None:
    """A visitor chooses files; media types are for programs."""
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    page.get_by_role("link", name="Bulk test").click()
    page.locator("input[type=file]").set_input_files(path)

    expect(page.get_by_role("alert")).to_have_text("Choose a CSV, NDJSON or JSON file.")


def test_a_file_of_invalid_rows_alone_says_what_is_wrong_with_each(
    page: Page, tmp_path: Path
) -> None:
    """The count alone sends a visitor searching."""
    path = tmp_path / "bad.csv"
    path.write_text("productType,endpoint\nnope,192.0.2.1\ntcp,http://user:word@x\n")
    page.get_by_role("link", name="Bulk test").click()
    page.locator("input[type=file]").set_input_files(path)

    expect(page.get_by_role("alert")).to_contain_text("2 rows are invalid")
    rows = page.locator(".reasons li")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("line 2: productType")
    expect(rows.first).to_contain_text("is unknown")
    expect(rows.last).to_contain_text("must not contain a user name")


def test_an_unreadable_file_is_said(page: Page, tmp_path: Path) -> None:
    """A picture is no list of platforms."""
    path = tmp_path / "picture.csv"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    page.get_by_role("link", name="Bulk test").click()
    page.locator("input[type=file]").set_input_files(path)

    expect(page.get_by_role("alert")).to_be_visible()
