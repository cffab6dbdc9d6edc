"""The results file of `conncheck bulk --output`, which goes back to who sent the table."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from openpyxl import load_workbook

from tests.cli.commanding import LOOPBACK, conncheck
from tests.running.service import Service
from tests.stand_ins.zstack import ZstackNode, zstack_node

SECRET = "hunter2-hunter2"
HEADER = ("Name", "Plattform", "Adresse", "Benutzer", "Kennwort", "label.owner", "Notiz")
VERDICT = ("line", "outcome", "cause", "summary", "recommendation", "owner")
Table = Sequence[Sequence[str]]


def table_of(path: Path) -> Table:
    """Return the cells of a results file as texts."""
    if path.suffix == ".csv":
        return list(csv.reader(io.StringIO(path.read_text())))
    rows = load_workbook(path, read_only=True).worksheets[0].iter_rows(values_only=True)
    return [["" if cell is None else str(cell) for cell in row] for row in rows]


def written(
    directory: Path, endpoint: str, *options: str, ending: str, **settings: str
) -> tuple[int, Table]:
    """Test three rows, of which one is invalid; return the exit status and the results file."""
    rows = [
        ("Berlin", "zstack", endpoint, "AKID", SECRET, "Alice", "secret-note"),
        ("Rome", "zstack", "ftp://h", "AKID", SECRET, "Bob", ""),
        ("Oslo", "zstack", endpoint, "AK2", SECRET, "Bob", ""),
    ]
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows([HEADER, *rows])
    (path := directory / "platforms.csv").write_text(text.getvalue())
    output = directory / f"results{ending}"
    made = conncheck("bulk", str(path), "--output", str(output), *options, **settings)
    assert made.stderr == ""
    return made.returncode, table_of(output)


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
def test_results_have_the_columns_and_the_order_of_the_file(
    ending: str, service: Service, tmp_path: Path
) -> None:
    """Its owner finds the own rows in it, and the same ones, wherever they were tested."""
    there: Mapping[str, str] = {"CONNCHECK_TOKEN": service.token}
    with zstack_node(ZstackNode(keys={"AKID": SECRET})) as (_, port):
        endpoint = f"http://127.0.0.1:{port}"
        here = written(tmp_path, endpoint, *LOOPBACK, ending=ending)
        by_service = written(tmp_path, endpoint, "--server", service.url, ending=ending, **there)

    status, table = here
    own = [HEADER[n] for n in (0, 1, 2, 5)]
    shown = len(own) + len(VERDICT)
    assert status == by_service[0] == 1
    assert table[0][:shown] == [*own, *VERDICT]
    assert [row[:4] for row in table[1:]] == [
        ["Berlin", "zstack", endpoint, "Alice"],
        ["", "", "", ""],
        ["Oslo", "zstack", endpoint, "Bob"],
    ]
    assert [row[4:6] for row in table[1:]] == [["2", "passed"], ["3", "invalid"], ["4", "failed"]]
    assert table[3][6] == "auth.unknown_access_key"
    assert table[0] == by_service[1][0]
    assert [row[:shown] for row in table] == [row[:shown] for row in by_service[1]]
    assert not {SECRET, "secret-note"} & {cell for row in table for cell in row}


def test_sorted_results_end_with_the_invalid_rows(tmp_path: Path) -> None:
    """They have no name to be sorted by."""
    with zstack_node(ZstackNode(keys={"AKID": SECRET})) as (_, port):
        endpoint = f"http://127.0.0.1:{port}"
        _, table = written(tmp_path, endpoint, *LOOPBACK, "--sort", "-name", ending=".csv")

    assert [row[0] for row in table[1:]] == ["Oslo", "Berlin", ""]
