"""The view that tests many platforms from a file."""

import csv
import io
import socket
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import Node
from tests.page.visitor import choose, start

COUNT, REFUSED = 2000, 200
PAGE = 50
HEADER = "name,productType,endpoint,accessKey,secretKey,options.force"


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
        rows.append(f"platform-{n},zstack,{endpoint},AK{n},SECRET,true")
    rows.append("bad,zstack,http://user:word@x,AK,SECRET,true")
    path = tmp_path / "platforms.csv"
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

    page.get_by_role("button", name="Retry failed tests").click()
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
