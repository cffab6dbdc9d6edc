import pytest

from shared.products import PRODUCTS
from tests.cli.commanding import conncheck


def completed(words: str) -> str:
    """Return what a bash is told that completes the last of `words`."""
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    return conncheck(_CONNCHECK_COMPLETE="complete_bash", **asked).stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("conncheck prod", "products"),
        ("conncheck test zst", "zstack"),
        ("conncheck products zst", "zstack_cube"),
        ("conncheck causes tls.exp", "tls.expired"),
        ("conncheck bulk --par", "--parallel"),
    ],
)
def test_the_shell_completes_commands_products_causes_and_options(
    words: str, expected: str
) -> None:
    """Nobody remembers sixty codes."""
    assert expected in completed(words).splitlines()
    assert "zstack" in PRODUCTS
