"""Tell by its first bytes how an upload is read; what the caller told of it decides ties."""

import re
from typing import Final, Literal

from shared.uploads.field_names import field_of
from shared.uploads.recognition.head import Head
from shared.uploads.recognition.json_outline import outline_of
from shared.uploads.recognition.unusable import (
    unusable_binary,
    unusable_members,
    unusable_text,
)
from shared.uploads.row import UploadError

Told = Literal["", "CSV", "JSON", "NDJSON", "YAML", "workbook"]
"""What a media type or a file's name says; nothing for those that say nothing."""
Kind = Literal["table", "workbook", "JSON", "NDJSON", "JSON document", "YAML", "INI", "shell"]
"""How an upload is read: row by row, or as a whole document if it is an inventory."""

_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_SEPARATORS = (",", ";", "\t", "|")
_LEAST_NAMES, _MOST_CELLS = 2, 100
_WRITTEN_FOR_TABLES = re.compile(r'"?sep=.|#TYPE ', re.IGNORECASE)

_ARRAY = re.compile(r"\[\s*(?:[{\[\"\]]|$)")
_OF_INVENTORIES = (
    frozenset({"aliases", "version"}),
    frozenset({"hosts", "version"}),
    frozenset({"clouds"}),
    frozenset({"public-clouds"}),
    frozenset({"apiVersion", "clusters"}),
    frozenset({"scrape_configs"}),
    frozenset({"_meta"}),
    frozenset({"all"}),
)

_SECTION = r"\[[^\[\]{}\"',]{1,200}\][ \t]*(?:[#;].*)?"
_IS_SECTION = re.compile(_SECTION)
_OF_ANSIBLE = "ansible_"
_SCRIPT = r"[ \t]*(?:export|set)[ \t]+OS_AUTH_URL="
_CERTAIN_YAML = (
    r"(?:apiVersion|clouds|public-clouds|scrape_configs|all|items|contexts|clusters|users)"
    r"[ \t]*:(?:\s|$)"
)
_YAML = re.compile(r"---(?:\s|$)|%YAML|-(?:\s|$)|[\"']?[A-Za-z_][\w. -]{0,60}[\"']?\s*:(?:\s|$)")


def kind_of(head: Head, told: Told) -> Kind:
    """Return how an upload that begins with `head` is read.

    Raises:
        UploadError: It is in a format that can't be used; the error names it.
    """
    if head.content.startswith(_ZIP):
        return "workbook"
    if said := unusable_binary(head) or unusable_text(head):
        raise UploadError(said.english, kind="unsupported-media-type")
    text = head.text.lstrip()
    if text.startswith("{") or _ARRAY.match(text):
        return _of_json(head, text, told)
    return _certain_text(head) or _likely_text(head, told)


def _certain_text(head: Head) -> Kind | None:
    if head.has_line(_SCRIPT):
        return "shell"
    if _IS_SECTION.fullmatch(head.first):
        return "INI"
    if _is_table(head):
        return "table"
    if head.has_line(_CERTAIN_YAML):
        return "YAML"
    is_plain = not any(separator in head.first for separator in _SEPARATORS)
    if is_plain and (_has_ansible(head) or head.has_line(rf"{_SECTION}$")):
        return "INI"
    return None


def _has_ansible(head: Head) -> bool:
    """Return whether a line gives a host variables of Ansible."""
    words = (word for line in head.lines if _OF_ANSIBLE in line for word in line.split()[1:])
    return any(word.startswith(_OF_ANSIBLE) and "=" in word for word in words)


def _likely_text(head: Head, told: Told) -> Kind:
    if told == "JSON" or told == "NDJSON":
        return told
    if told != "CSV" and _YAML.match(head.first):
        return "YAML"
    return "YAML" if told == "YAML" else "table"


def _is_table(head: Head) -> bool:
    """Return whether a line at the beginning has the names of columns."""
    if any(_WRITTEN_FOR_TABLES.match(line) for line in head.text[:200].splitlines()[:2]):
        return True
    rows = (head.first.split(separator, _MOST_CELLS) for separator in _SEPARATORS)
    return any(
        sum(field_of(cell.strip(" \"'")) is not None for cell in row) >= _LEAST_NAMES
        for row in rows
    )


def _of_json(head: Head, text: str, told: Told) -> Kind:
    outline = outline_of(text.encode("utf-8", "replace"))
    if said := unusable_members(outline.names):
        raise UploadError(said.english, kind="unsupported-media-type")
    if outline.root == "array":
        return "JSON document" if "targets" in outline.names else "JSON"
    if "items" in outline.names:
        return "JSON"
    lines = [line for line in head.text.splitlines() if line.strip()]
    ends = lines[0].rstrip().endswith("}")
    if ends and len(lines) > 1 and lines[1].lstrip().startswith("{"):
        return "NDJSON"
    if any(names <= outline.names for names in _OF_INVENTORIES):
        return "JSON document"
    if told == "JSON" or told == "NDJSON":
        return told
    return "NDJSON" if ends else "JSON"
