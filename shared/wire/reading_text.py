"""Say in one sentence how an upload was read."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.diagnosis.outcomes import Fact
from shared.diagnosis.sentences import Sentence

if TYPE_CHECKING:
    from shared.uploads.reading import Reading

_SEPARATORS: Mapping[str, str] = {
    ",": "commas",
    ";": "semicolons",
    "\t": "tabs",
    "|": "vertical bars",
}


def reading_text(reading: "Reading") -> Sentence:
    """Return the sentence for the caller who sent the upload.

    A format that is not known yet is not named: the upload was refused before.
    """
    separator = _SEPARATORS.get(reading.separator, reading.separator)
    known: dict[str, Fact | None] = {
        "format": reading.format,
        "encoding": "" if reading.encoding_is_guessed else reading.encoding,
        "guessed": reading.encoding if reading.encoding_is_guessed else "",
        "separators": (separator,) if separator else None,
        "sheet": reading.sheet,
        "line": None if reading.sheet else reading.header_line,
        "row": reading.header_line if reading.sheet else None,
    }
    facts = {name: fact for name, fact in known.items() if fact}
    if reading.columns and reading.header_line is None and (separator or reading.sheet):
        return Sentence(
            "Read as {format}[ in {encoding}][ in what looks like {guessed}][, sheet {sheet}]"
            "[, separated by {separators}]; there is no header.",
            facts,
        )
    return Sentence(
        "Read as {format}[ in {encoding}][ in what looks like {guessed}][, sheet {sheet}]"
        "[, separated by {separators}][; the header is line {line}][; the header is row {row}].",
        facts,
    )
