"""CONTRIBUTING.md lists each handler that catches everything."""

import ast
import re
from pathlib import Path
from typing import Final

ROOT = Path(__file__).parents[2]
CODE: Final = ("api", "cli", "client", "shared", "worker")


def broad_handlers() -> list[str]:
    """Return the file of each handler that catches everything and does not just raise it again."""
    return sorted(
        str(path.relative_to(ROOT))
        for room in CODE
        for path in (ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and is_broad(node)
    )


def is_broad(handler: ast.ExceptHandler) -> bool:
    caught = ast.unparse(handler.type) if handler.type else "BaseException"
    last = handler.body[-1]
    raises_again = isinstance(last, ast.Raise) and last.exc is None
    return not raises_again and re.search(r"\b(Base)?Exception\b", caught) is not None


def test_contributing_lists_every_handler_that_catches_everything() -> None:
    """Each hides bugs unless it has a reason, and one that is not listed has none."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    _, _, section = text.partition("### Handlers that catch everything\n")
    table = section.partition("\n#")[0]
    listed = re.findall(r"^\| `([\w/.]+\.py)` \|", table, re.MULTILINE)

    assert listed
    assert sorted(listed) == broad_handlers()


def test_a_handler_that_hides_what_it_catches_is_found() -> None:
    """Cleaning up and raising the same error again hides nothing."""
    hiding = ("Exception: pass", "(OSError, BaseException): x()", "Exception as e: raise X from e")
    others = ("OSError: pass", "BaseException: x(); raise")
    found = [
        is_broad(handler)
        for text in (*hiding, *others)
        for handler in ast.walk(ast.parse("try: pass\nexcept " + text))
        if isinstance(handler, ast.ExceptHandler)
    ]

    assert found == [True] * 3 + [False] * 2
