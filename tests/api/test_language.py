import pytest

from api.language import MOST_WISHES, language_of


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("*", "en"),
        ("en-GB", "en"),
        ("zh", "zh-CN"),
        ("zh-CN", "zh-CN"),
        ("ZH-Hans-CN,en;q=0.5", "zh-CN"),
        ("en;q=0.5, zh-CN;q=0.9", "zh-CN"),
        ("zh-CN;q=0.4, en", "en"),
        ("zh-CN;q=0", "en"),
        ("de, zh-CN;q=0.8", "zh-CN"),
        ("de", "en"),
        ("zh-TW", "en"),
        ("zh-CN;q=much", "en"),
        (";;,,q=;=", "en"),
    ],
)
def test_the_language_is_the_most_wanted_of_those_there_are(
    header: str | None, language: str
) -> None:
    """A browser sends a list of wishes, and a hostile client sends anything."""
    assert language_of(header) == language


def test_of_thousands_of_wishes_some_are_heard() -> None:
    """A header of 64 KiB took a tenth of a second of everybody's time."""
    assert language_of("de," * (MOST_WISHES - 1) + "zh-CN") == "zh-CN"
    assert language_of("de," * MOST_WISHES + "zh-CN") == "en"
