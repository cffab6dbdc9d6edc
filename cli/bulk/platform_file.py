"""Read a file of platforms by the same rules as the batch API."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cli.terminal.exit_status import refuse
from conncheck_client import RowError
from shared.store.batches.batch import RejectedRow
from shared.uploads.media_types import parser_for
from shared.uploads.reading import Reading
from shared.uploads.row import Row, UploadError
from shared.uploads.wishes import AS_IT_COMES
from shared.wire.batches import BatchRow
from shared.wire.rows import judged

_JSON = "application/json"
_MEDIA_TYPES: Mapping[str, str] = {
    ".csv": "text/csv",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".json": _JSON,
    ".yaml": _JSON,
    ".yml": _JSON,
}


@dataclass(frozen=True, slots=True)
class Item:
    """A valid row of the file."""

    index: int
    place: str
    request: BatchRow


@dataclass(frozen=True, slots=True)
class PlatformFile:
    """A file in the form in which it is uploaded."""

    content: bytes = field(repr=False)
    media_type: str

    def rows(self) -> tuple[list[Item], list[RowError]]:
        """Return the valid and the invalid rows; end the command where the file is unreadable."""
        items: list[Item] = []
        rejected: list[RowError] = []
        reading = Reading()
        try:
            for row in self._rows(reading):
                found = judged(row, reading)
                if isinstance(found, BatchRow):
                    items.append(Item(len(items), row.place, found))
                else:
                    rejected.append(_rejected(found))
        except UploadError as error:
            problem = error.detail
        else:
            if items or rejected:
                return items, rejected
            problem = "the file has no rows"
        return refuse(problem)

    def _rows(self, reading: Reading) -> Iterator[Row]:
        parser = parser_for(self.media_type, AS_IT_COMES, reading)
        yield from parser.feed(self.content)
        yield from parser.finish()


def read_platforms(path: Path) -> PlatformFile:
    """Return the file at `path`; its suffix decides the format."""
    media_type = _MEDIA_TYPES.get(path.suffix.lower())
    if media_type is None:
        refuse(f"{path}: the file name must end in {', '.join(_MEDIA_TYPES)}")
    try:
        content = path.read_bytes()
    except OSError as error:
        refuse(f"{path}: {error.strerror}")
    if path.suffix.lower() in (".yaml", ".yml"):
        # Here, because PyYAML takes 15 ms to load, and other formats do not need it.
        from cli.bulk.yaml_file import json_of

        content = json_of(content, path)
    return PlatformFile(content, media_type)


def _rejected(row: RejectedRow) -> RowError:
    return RowError(
        place=row.place,
        line=row.line,
        column=row.column,
        field=row.field,
        reason=row.reason,
        example=row.example,
    )
