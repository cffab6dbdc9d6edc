"""The documents say what the code says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from shared.products import PRODUCTS, AnyProduct

ROOT = Path(__file__).parents[2]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
ONE_SCREEN_LINES = 45


def test_generated_pages_are_up_to_date() -> None:
    """A catalogue that lags behind the code sends its readers looking for what is not there."""
    check = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (check.returncode, check.stdout, check.stderr) == (0, "", "")


def test_every_cause_is_listed_once() -> None:
    """A code is what callers program against; it must lead to one entry."""
    page = (ROOT / "docs" / "causes.md").read_text()
    codes = re.findall(r"^\| `([a-z0-9_.]+)` \|", page, re.MULTILINE)

    assert codes
    assert len(codes) == len(set(codes))


def test_decisions_are_numbered_without_gaps() -> None:
    """A number is how code and commits refer to a record; a gap looks like a lost one."""
    numbers = [int(path.name[:4]) for path in DECISIONS]

    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("product", PRODUCTS.values(), ids=lambda product: product.name)
def test_a_product_has_a_page_that_says_what_to_create_on_it(product: AnyProduct) -> None:
    """Whoever connects a platform first needs a key, and should not take an administrator's."""
    text = (ROOT / "docs" / "products" / f"{product.name}.md").read_text()
    before, _, guide = text.partition("<!-- /product -->\n")

    assert f"- `productType`: `{product.name}`" in before
    assert len(guide.split()) > 20 or "zstack.md#what-to-create" in guide
    assert "## What to create" in guide or not product.needs_key_pair


@pytest.mark.parametrize("record", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_fits_on_one_screen_and_says_what_it_cost(record: Path) -> None:
    """Records are read while deciding whether they still hold: all of it at a glance."""
    text = record.read_text()

    assert len(text.splitlines()) <= ONE_SCREEN_LINES
    for part in ("Date: ", "**We decided**", "**Because**", "**We gave up**", "**Revisit when**"):
        assert part in text


def test_documents_lead_to_files_that_exist() -> None:
    """A link that leads nowhere costs a newcomer more time than no link."""
    pages = [ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    links = [
        (page, target)
        for page in pages
        for target in re.findall(r"\]\(([^):#]+)[^)]*\)", page.read_text())
    ]

    assert [link for link in links if not (link[0].parent / link[1]).exists()] == []
