"""Judge the rows of an upload: one function for the API, the command and the dry run."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from shared.diagnosis.outcomes import Failed
from shared.diagnosis.sentences import Sentence
from shared.store.batches.batch import RejectedRow
from shared.uploads.reading import Reading
from shared.uploads.row import Row
from shared.uploads.wishes import AS_IT_COMES, Wishes
from shared.wire.batches import BatchRow
from shared.wire.problems import InvalidField, invalid_field, invalid_fields

MOST_REJECTED = 1000
"""Invalid rows of an upload that are told or written one by one; the others are only counted."""


def allowed(_: BatchRow) -> None:
    """Let every platform be tested."""


def judged(
    row: Row,
    reading: Reading,
    wishes: Wishes = AS_IT_COMES,
    check: Callable[[BatchRow], None] = allowed,
) -> BatchRow | RejectedRow:
    """Return the platform that a row names, or why it can't be tested.

    Args:
        row: What a parser yielded.
        reading: What the parser has read so far: it tells a field's column.
        wishes: Their product and their site are those of a row without one.
        check: Raises Failed for a platform that the caller is not allowed to test.
    """
    if row.problem:
        return _rejected(row, reading, invalid_field("", row.problem))
    try:
        request = BatchRow.model_validate(_completed(row.content, wishes))
        check(request)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        return _rejected(row, reading, invalid_fields([dict(one) for one in errors])[0])
    except Failed as failed:
        field = failed.cause.field or "endpoint"
        return _rejected(row, reading, invalid_field(field, Sentence.of(failed.finding)))
    return request


def _completed(content: Mapping[str, Any], wishes: Wishes) -> Mapping[str, Any]:
    if wishes.product_type and not content.get("productType"):
        content = {**content, "productType": wishes.product_type}
    options = content.get("options", {})
    if wishes.site and isinstance(options, Mapping) and "site" not in options:
        content = {**content, "options": {**options, "site": wishes.site}}
    return content


def _rejected(row: Row, reading: Reading, why: InvalidField) -> RejectedRow:
    column = reading.column_of(_in_header(why.field)) if why.field else None
    return RejectedRow(row.place, why.field, why.reason, why.said, row.line, column, why.example)


def _in_header(field: str) -> str:
    """Return the name that a field of a row has in `Reading.columns`."""
    return f"label.{field.removeprefix('labels.')}" if field.startswith("labels.") else field
