import pytest

from api.language import language_of


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
        (f"zh-CN;q=0.1,{'de,' * 20_000}en", "zh-CN"),
    ],
)
def test_the_language_is_the_most_wanted_of_those_there_are(
    header: str | None, language: str
) -> None:
    """A browser sends a list of wishes, and a hostile client sends anything."""
    assert language_of(header) == language
