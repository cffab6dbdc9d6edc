"""Read inventories as they are uploaded, and check what becomes of their entries."""

from typing import Any

from shared.uploads import Reading
from shared.wire.batches import BatchRow
from tests.shared.uploads.uploading import CANARY, CUTS, UNTOLD, read_with


def look(text: str, size: int = 1_000_000) -> tuple[dict[str, Any], Reading]:
    """Return the content of each entry by its place, or its problem, and what was read.

    What can be tested is valid, and nothing shows a CANARY.
    """
    rows, reading = read_with(text.encode(), UNTOLD, size=size)
    found: dict[str, Any] = {}
    for row in rows:
        assert CANARY not in f"{row!r} {row.problem}"
        if row.problem:
            found[row.place] = str(row.problem)
        else:
            BatchRow.model_validate(row.content)
            found[row.place] = row.content
    assert len(found) == len(rows)
    assert CANARY not in f"{reading!r} {[str(doubt.said) for doubt in reading.doubts]}"
    return found, reading


def entries(text: str) -> dict[str, Any]:
    """Return the same entries, however the upload is cut into pieces."""
    first, *others = (look(text, size)[0] for size in CUTS)
    assert all(other == first for other in others)
    return first
