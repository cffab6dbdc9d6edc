"""The documents say what the code says."""

import json
import re
from pathlib import Path

import pytest

from shared.products import PRODUCTS, AnyProduct
from worker.tls.handshake_causes import PLAIN_HTTP_PORT

ROOT = Path(__file__).parents[2]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
ONE_SCREEN_LINES = 45


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


def test_a_command_that_also_has_subcommands_is_on_the_page() -> None:
    """`conncheck keys` alone is what a new installation begins with."""
    page = (ROOT / "docs" / "cli.md").read_text()

    assert "## conncheck keys\n" in page
    assert "## conncheck keys add\n" in page
    assert "## conncheck token\n" not in page  # it does nothing by itself


def test_the_answer_in_the_readme_is_what_the_service_says() -> None:
    """It is the first thing that a visitor compares with what he sees."""
    readme = (ROOT / "README.md").read_text()
    answer = json.loads(readme.partition("```json\n")[2].partition("```")[0])

    said = PLAIN_HTTP_PORT.summary.format(host="127.0.0.1", port=18080)
    assert answer["items"][-1]["errorMsg"] == said
    assert answer["recommendation"] == PLAIN_HTTP_PORT.remedies[0]
