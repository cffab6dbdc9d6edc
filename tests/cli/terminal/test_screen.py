import io
import json

import pytest
from rich.console import Console

from cli.terminal.screen import neutral_json, plain, screen, took


@pytest.mark.parametrize("hostile", ["\x1b[2J", "\x9b31m", "\u202e", "\u200b", "\r", "\n", "\x07"])
def test_no_text_of_a_platform_moves_the_cursor(hostile: str) -> None:
    """A version number could clear the screen and paint a verdict of its own."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system=None)

    console.print(plain(f"a{hostile}b"))

    assert hostile not in file.getvalue().removesuffix("\n")


def test_no_text_of_a_platform_is_markup() -> None:
    """[red] and [link=...] are what rich would make of it."""
    file = io.StringIO()
    console = screen(file)

    console.print(plain("[bold red]x[/] :warning: [link=http://h]y[/link]"))

    assert file.getvalue() == "[bold red]x[/] :warning: [link=http://h]y[/link]\n"


@pytest.mark.parametrize("hidden", ["\x9b", "\u202e", "\u200b", "\U000e0041"])
def test_json_says_the_same_without_what_is_hidden(hidden: str) -> None:
    """It goes to terminals too, and must still be read back as what it was."""
    text = json.dumps({"a": f"x{hidden}中"}, ensure_ascii=False)

    neutral = neutral_json(text)

    assert hidden not in neutral
    assert "中" in neutral
    assert json.loads(neutral) == json.loads(text)


@pytest.mark.parametrize(
    ("took_ms", "shown"), [(0.04, "0.0 ms"), (9.96, "10.0 ms"), (143.2, "143 ms"), (3000, "3.00 s")]
)
def test_durations_are_as_people_read_them(took_ms: float, shown: str) -> None:
    """Three digits tell enough."""
    assert took(took_ms) == shown
