"""Read a file of platforms, by the same rules as the batch API reads an upload."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from api.batches.intake import BatchRow
from shared.wire.batches import Rejected
from api.problems import invalid_fields
from shared.uploads.media_types import parser_for
from shared.uploads.row import Row, UploadError
from cli.terminal.exit_status import refuse

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
    """A platform of the file that can be tested."""

    index: int
    place: str
    request: BatchRow


@dataclass(frozen=True, slots=True)
class PlatformFile:
    """A file as it is uploaded."""

    content: bytes = field(repr=False)
    media_type: str

    def rows(self) -> tuple[list[Item], list[Rejected]]:
        """Return the platforms, and the rows that are none; end the command where it breaks off."""
        items: list[Item] = []
        rejected: list[Rejected] = []
        try:
            for row in self._rows():
                taken = _taken(row, len(items))
                if isinstance(taken, Item):
                    items.append(taken)
                else:
                    rejected.append(taken)
        except UploadError as error:
            problem = error.detail
        else:
            if items or rejected:
                return items, rejected
            problem = "the file has no items"
        return refuse(problem)

    def _rows(self) -> Iterator[Row]:
        parser = parser_for(self.media_type)
        yield from parser.feed(self.content)
        yield from parser.finish()


def read_platforms(path: Path) -> PlatformFile:
    """Return the file at `path`; its name says what is in it."""
    media_type = _MEDIA_TYPES.get(path.suffix.lower())
    if media_type is None:
        refuse(f"{path}: its name must end in one of {', '.join(_MEDIA_TYPES)}")
    try:
        content = path.read_bytes()
    except OSError as error:
        refuse(f"{path}: {error.strerror}")
    if path.suffix.lower() in (".yaml", ".yml"):
        content = _json_of(content, path)
    return PlatformFile(content, media_type)


def _json_of(content: bytes, path: Path) -> bytes:
    """Return what a YAML file says, as the JSON document that the API takes."""
    try:
        document: Any = yaml.load(content, _Loader)  # noqa: S506 -- it is a SafeLoader
        if isinstance(document, list):
            document = {"items": document}
        return json.dumps(document, allow_nan=False).encode()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}" if mark else "somewhere"
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, ValueError, RecursionError):
        where = "somewhere"
    return refuse(f"{path}: {where}: is no YAML that says what JSON can say")


class _Loader(yaml.SafeLoader):
    """YAML without dates: a key pair that looks like one stays a text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 -- how PyYAML is told
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _taken(row: Row, index: int) -> Item | Rejected:
    if row.problem:
        return Rejected(place=row.place, field="", reason=row.problem)
    try:
        return Item(index, row.place, BatchRow.model_validate(row.content))
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        first = invalid_fields([dict(one) for one in errors])[0]
    return Rejected(place=row.place, field=first.field, reason=first.reason)
