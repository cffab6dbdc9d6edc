from dataclasses import replace

import pytest

from shared.diagnosis.sentences import Sentence
from shared.diagnosis.translations import Language
from shared.uploads.reading import ReadColumn, Reading
from shared.wire.uploads import ReadingView

COLUMNS = [ReadColumn(1, "Host", "endpoint", Sentence("is required"))]
TABLE = Reading("CSV", "GB18030", separator=";", header_line=3, columns=COLUMNS)
GUESSED = replace(TABLE, encoding_is_guessed=True)


@pytest.mark.parametrize(
    ("reading", "language", "text"),
    [
        (
            TABLE,
            "en",
            "Read as CSV in GB18030, separated by semicolons; the header is line 3.",
        ),
        (TABLE, "zh-CN", "已按 CSV（编码 GB18030）读取，以分号分隔；表头是第 3 行。"),  # noqa: RUF001
        (
            replace(GUESSED, header_line=None, columns=()),
            "en",
            "Read as CSV in what looks like GB18030, separated by semicolons.",
        ),
        (Reading("NDJSON", "UTF-8"), "en", "Read as NDJSON in UTF-8."),
        (
            Reading("CSV", "UTF-8", separator="\t", columns=COLUMNS),
            "en",
            "Read as CSV in UTF-8, separated by tabs; there is no header.",
        ),
        (
            Reading("Excel workbook", sheet="Berlin", header_line=2, columns=COLUMNS),
            "en",
            "Read as Excel workbook, sheet Berlin; the header is row 2.",
        ),
    ],
    ids=["table", "chinese", "guessed", "json", "no-header", "workbook"],
)
def test_how_an_upload_was_read_is_told_in_one_sentence(
    reading: Reading, language: Language, text: str
) -> None:
    """Its sender sees at a glance whether a guess was wrong."""
    assert ReadingView.of(reading, language).text == text


def test_columns_and_doubts_are_told_in_the_callers_language() -> None:
    """They say what was left out, and what may not be meant."""
    reading = Reading("CSV", "UTF-8", separator=",", header_line=1, columns=COLUMNS)
    for number in range(60):
        reading.doubt(f"line {number}", number, "endpoint", Sentence("is required"))

    view = ReadingView.of(reading, "zh-CN")

    assert view.columns[0].note == "为必填项"
    assert (len(view.warnings), view.warning_count) == (50, 60)
    assert (view.warnings[3].place, view.warnings[3].column) == ("第 3 行", 1)
