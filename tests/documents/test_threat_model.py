"""What the threat model says of sites is proved by the tests that it names."""

import ast
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "threat-model.md"
_PROOF = re.compile(r"\[(test_\w+)\]\((\.\./tests/[\w/]+\.py)\)")
TEXT = PAGE.read_text()
SITES = TEXT.partition("## Sites\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize(("name", "path"), sorted(set(_PROOF.findall(TEXT))))
def test_a_proof_is_a_test_that_there_is(name: str, path: str) -> None:
    """A test that was renamed or removed would leave a promise that nobody keeps."""
    tree = ast.parse((PAGE.parent / path).read_text())

    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_each_line_has_a_proof() -> None:
    """What is said here is what a customer relies on."""
    lines = [line for line in SITES.splitlines() if re.match(r"\| (?!\||---|Proof)", line)]

    assert len(lines) > 15
    assert [line for line in lines if not _PROOF.search(line)] == []
    assert SITES.count("It can't") == 4
