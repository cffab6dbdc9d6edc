"""Read a list of platforms in YAML, in the form of the API's JSON document."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from shared.uploads.inventories.values import listed, mapping
from shared.uploads.json.items import Items
from shared.uploads.json.members import with_defaults
from shared.uploads.reading import Reading
from shared.uploads.row import Row, UploadError, unreadable
from shared.uploads.wishes import Wishes


def is_list(document: Any) -> bool:
    """Return whether this is a list of platforms, or a mapping with one."""
    if isinstance(document, list):
        return all(isinstance(item, dict) and "hosts" not in item for item in document)
    return isinstance(mapping(document).get("items"), list)


def platforms(documents: Sequence[Any], wishes: Wishes, reading: Reading) -> Iterator[Row]:
    """Yield a row for each item; `options` beside `items` are the defaults of theirs.

    Raises:
        UploadError: The options are no mapping.
    """
    count, items = 0, Items(wishes, reading)
    for document in documents:
        options = mapping(document).get("options") or {}
        if not isinstance(options, dict):
            raise UploadError("options: must be a JSON object.")
        for item in listed(mapping(document).get("items", document)):
            place, count = f"items[{count}]", count + 1
            if isinstance(item, dict):
                row = items.row(place, item)
                yield (
                    row
                    if row.problem
                    else replace(row, content=with_defaults(row.content, options))
                )
            else:
                yield unreadable(place, "is not a JSON object")
