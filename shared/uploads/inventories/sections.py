"""Split a file of the INI family into its sections.

No value is interpolated. A name that a section has twice keeps the last value, as with botocore and
rclone; a value may go on in indented lines, as the AWS command line writes those of one service.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from shared.uploads.row import UploadError

COMMENTS = ("#", ";")
MOST_LINES = 100_000
"""Without empty ones and comments: the largest batch has half as many hosts."""

_TITLE = re.compile(r"\[([^\[\]]+)\](?:[ \t]*[#;].*)?")


@dataclass(slots=True)
class Section:
    """A section: its lines as they are, and the settings among them.

    `nested` are the indented settings below a setting, by its name.
    """

    name: str
    lines: list[tuple[int, str]] = field(default_factory=list, repr=False)
    """Number from 1 and text, without comments and empty lines."""
    settings: dict[str, str] = field(default_factory=dict, repr=False)
    nested: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)


def sections_of(text: str) -> list[Section]:
    """Return the sections; the first has no name, and the lines above all others.

    Raises:
        UploadError: There are more than MOST_LINES.
    """
    current = Section("")
    found, outer, taken = [current], "", 0
    for number, raw in enumerate(io.StringIO(text, newline=None), start=1):
        line = raw.strip()
        if not line or line.startswith(COMMENTS):
            continue
        taken += 1
        if taken > MOST_LINES:
            detail = "The file has more than {most} lines that are not empty."
            raise UploadError(detail, kind="too-large", most=MOST_LINES)
        if (title := _TITLE.fullmatch(line)) and not raw[0].isspace():
            current, outer = Section(title[1].strip()), ""
            found.append(current)
            continue
        current.lines.append((number, line))
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            continue
        if raw[0].isspace() and outer:
            current.nested.setdefault(outer, {})[name] = value
        else:
            current.settings[name], outer = value, name if not value else ""
    return found


def settings_by_name(sections: list[Section]) -> Iterator[tuple[str, Section]]:
    """Yield the sections with a name, each with it."""
    return ((section.name, section) for section in sections if section.name)
