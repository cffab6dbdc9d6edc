"""Write the results of a bulk test to a file, in the format of its suffix."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cli.bulk.atomic_file import replace_file
from cli.terminal.exit_status import refuse
from conncheck_client import BatchResult
from shared.wire.result_sheet import ResultSheet
from shared.wire.sheets.csv_sheet import sheet_csv

Results = Sequence[BatchResult]


def _csv(results: Results) -> str:
    sheet = ResultSheet()
    return sheet_csv([sheet.header, *(sheet.row(one) for one in results)])


def _ndjson(results: Results) -> str:
    return "".join(one.model_dump_json(by_alias=True) + "\n" for one in results)


def _json(results: Results) -> str:
    items = [one.model_dump(mode="json", by_alias=True) for one in results]
    return json.dumps({"items": items}, indent=2) + "\n"


_WRITERS: Mapping[str, Callable[[Results], str]] = {
    ".csv": _csv,
    ".ndjson": _ndjson,
    ".jsonl": _ndjson,
    ".json": _json,
}


def check_results_file(path: Path) -> None:
    """End the command if the results could not be written to `path` later."""
    if path.suffix.lower() not in _WRITERS:
        refuse(f"--output: {path}: the file name must end in {', '.join(_WRITERS)}")
    if not path.parent.is_dir():
        refuse(f"--output: {path.parent} is not a directory")


def write_results(path: Path, results: Results) -> None:
    """Replace the file atomically: a reader sees all results or the old content."""
    replace_file("--output", path, _WRITERS[path.suffix.lower()](results).encode())
