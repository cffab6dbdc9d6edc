"""Write the results of a bulk test to a file, in the format of its suffix."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from cli.bulk.output.atomic_file import replace_file
from cli.terminal.exit_status import refuse
from conncheck_client import BatchResult, ResultSort

Results = Sequence[BatchResult]
TableForm = Literal["csv", "xlsx"]
Table = Callable[[Results, TableForm, ResultSort | None], bytes]
"""Returns the results as a file; they are in that order already."""


def _ndjson(results: Results) -> str:
    return "".join(one.model_dump_json(by_alias=True) + "\n" for one in results)


def _json(results: Results) -> str:
    items = [one.model_dump(mode="json", by_alias=True) for one in results]
    return json.dumps({"items": items}, indent=2) + "\n"


_TABLES: Mapping[str, TableForm] = {".csv": "csv", ".xlsx": "xlsx"}
_WRITERS: Mapping[str, Callable[[Results], str]] = {
    ".ndjson": _ndjson,
    ".jsonl": _ndjson,
    ".json": _json,
}


def check_results_file(path: Path) -> None:
    """End the command if the results could not be written to `path` later."""
    endings = (*_TABLES, *_WRITERS)
    if path.suffix.lower() not in endings:
        refuse(f"--output: {path}: the file name must end in {', '.join(endings)}")
    if not path.parent.is_dir():
        refuse(f"--output: {path.parent} is not a directory")


def write_results(path: Path, results: Results, sort: ResultSort | None, table: Table) -> None:
    """Replace the file atomically: a reader sees all results or the old content."""
    ending = path.suffix.lower()
    if form := _TABLES.get(ending):
        content = table(results, form, sort)
    else:
        content = _WRITERS[ending](results).encode()
    replace_file("--output", path, content)
