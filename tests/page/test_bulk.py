"""The view that tests many platforms from a file."""

import csv
import io
import socket
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import Node
from tests.page.test_main import serious
from tests.page.visitor import choose, first_sheet, start

COUNT, REFUSED = 2000, 200
PAGE = 50
FEW = 12
HEADER = "name,productType,endpoint,accessKey,secretKey,options.force,label.owner"


@pytest.fixture
def closed() -> str:
    """Give an endpoint that refuses connections."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def platforms(tmp_path: Path, node: Node, closed: str) -> Path:
    """Give a file of platforms of which every tenth refuses, and one bad row."""
    node[0].keys.update({f"AK{n}": "SECRET" for n in range(COUNT)})
    rows = [HEADER]
    for n in range(COUNT):
        endpoint = node[1] if n % (COUNT // REFUSED) else closed
        rows.append(f"platform-{n},zstack,{endpoint},AK{n},SECRET,true,")
    rows.append("bad,zstack,http://user:word@x,AK,SECRET,true,")
    path = tmp_path / "platforms.csv"
    path.write_text("\n".join(rows))
    return path


@pytest.fixture
def labelled(tmp_path: Path, node: Node, closed: str) -> Path:
    """Give a file of Alice's platforms, of which half refuse, and Bob's, of which one does."""
    node[0].keys.update({f"AK{n}": "SECRET" for n in range(FEW)})
    rows = [HEADER]
    for n in range(FEW):
        owner = "Alice" if n % 2 else "Bob"
        endpoint = closed if n % 4 == 1 or n == 0 else node[1]
        rows.append(f"platform-{n:02},zstack,{endpoint},AK{n},SECRET,true,{owner}")
    path = tmp_path / "labelled.csv"
    path.write_text("\n".join(rows))
    return path


def finished(page: Page, path: Path, count: int) -> None:
    """Test a file, and wait for the end."""
    choose(page, path)
    start(page, count)
    retry = page.get_by_role("button", name="Retry failed tests")
    expect(retry).to_be_visible(timeout=120_000)


@pytest.mark.timeout(180)
def test_thousands_are_tested_and_grouped_paged_and_downloaded(page: Page, platforms: Path) -> None:
    """The whole visit of somebody with a long list."""
    finished(page, platforms, COUNT)
    expect(page.get_by_text("1 invalid row was skipped")).to_be_visible()
    expect(page.locator(".count.passed b")).to_have_text(str(COUNT - REFUSED))
    expect(page.locator(".count.failed b")).to_have_text(str(REFUSED))

    expect(page.locator(".results tbody tr")).to_have_count(PAGE)
    page.get_by_role("button", name="Next").click()
    expect(page.locator(".results tbody tr").first).to_contain_text("platform-50")
    expect(page.locator(".pages")).to_contain_text("51\u2013100")

    page.locator(".group", has_text="tcp.refused").click()
    expect(page.locator(".results tbody tr").nth(1)).to_contain_text("platform-10")
    expect(page.locator(".results tbody tr").first).to_contain_text("refused the connection")

    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download CSV", exact=True).click()
    text = waiting.value.path().read_text("utf-8-sig")
    assert len([*csv.DictReader(io.StringIO(text))]) == REFUSED

    page.get_by_role("button", name="Retry these").click()
    expect(page.get_by_role("heading", name=f"{REFUSED} platforms")).to_be_visible()


def test_a_file_that_is_dropped_is_looked_at(page: Page, platforms: Path) -> None:
    """That is what the area is for."""
    page.get_by_role("link", name="Bulk test").click()
    text = "\n".join(platforms.read_text().splitlines()[:3])
    transfer = page.evaluate_handle(
        """text => { const all = new DataTransfer();
        all.items.add(new File([text], 'two.csv', {type: 'text/csv'})); return all; }""",
        text,
    )
    page.dispatch_event(".drop", "drop", {"dataTransfer": transfer})

    start(page, 2)


def test_results_are_grouped_and_filtered_by_label(page: Page, labelled: Path) -> None:
    """Who is responsible for what failed is the first question after the count."""
    finished(page, labelled, FEW)
    expect(page.get_by_label("Platforms by")).to_have_value("label.owner")
    expect(page.locator(".group", has_text="Alice")).to_contain_text("3 of 6 failed")
    expect(page.locator(".group", has_text="Bob")).to_contain_text("1 of 6 failed")
    rows = page.locator(".results tbody tr")
    expect(rows.first).to_contain_text("owner: Bob")

    page.locator(".group", has_text="Alice").click()
    expect(rows).to_have_count(6)
    page.locator(".count.failed").click()
    expect(rows).to_have_count(3)
    page.get_by_role("button", name="Remove the filter owner=Alice").click()
    expect(rows).to_have_count(4)
    page.get_by_role("button", name="Show all").click()
    expect(rows).to_have_count(FEW)
    assert serious(page) == []


def test_results_are_sorted_by_the_heads_of_the_table(page: Page, labelled: Path) -> None:
    """Upwards, downwards, and in the order of the file again."""
    finished(page, labelled, FEW)
    head = page.get_by_role("columnheader", name="Name")
    first = page.locator(".results tbody tr").first
    sort = head.get_by_role("button")
    sort.click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    sort.click()
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(first).to_contain_text(f"platform-{FEW - 1}")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download CSV", exact=True).click()
    lines = waiting.value.path().read_text("utf-8-sig").splitlines()
    assert f"platform-{FEW - 1}" in lines[1]
    sort.click()
    expect(head).to_have_attribute("aria-sort", "none")
    expect(first).to_contain_text("platform-00")


def test_the_chosen_failures_are_retried_alone(page: Page, labelled: Path) -> None:
    """Alice has mended hers; Bob's would only be rejected again."""
    finished(page, labelled, FEW)
    page.locator(".group", has_text="Alice").click()
    page.get_by_role("button", name="Retry these").click()

    expect(page.get_by_role("heading", name="3 platforms")).to_be_visible()
    expect(page.locator(".results tbody tr").first).to_contain_text("owner: Alice")


def test_results_are_downloaded_as_a_workbook(page: Page, labelled: Path) -> None:
    """The sheet goes back to whoever sent it."""
    finished(page, labelled, FEW)
    page.locator(".group", has_text="Bob").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download Excel").click()

    header, *rows = first_sheet(waiting.value)
    assert len(rows) == FEW / 2
    assert {row[header.index("label.owner")] for row in rows} == {"Bob"}
