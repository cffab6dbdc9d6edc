"""The table to fill in, `conncheck bulk --template`."""

import csv
import io
import subprocess
from pathlib import Path

import pytest

from tests.cli.commanding import COMMAND, LOOPBACK, conncheck, environment
from tests.running.service import CALL, Service


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
@pytest.mark.parametrize("name", ["template.csv", "template.xlsx"])
def test_it_is_the_table_that_the_service_gives(
    name: str, lang: str, service: Service, tmp_path: Path
) -> None:
    """Two templates would drift apart, and one of them would be refused some day."""
    path = tmp_path / name

    made = conncheck("bulk", "--template", str(path), "--lang", lang)
    with service.client() as client:
        answer = client.get(f"{CALL}/batches/{name}", headers={"Accept-Language": lang})

    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    assert answer.status_code == 200, answer.text
    if name.endswith(".csv"):
        assert path.read_bytes() == answer.content
    else:  # whose entries have the time at which they were made
        assert path.read_bytes()[:4] == answer.content[:4]


def test_it_is_filled_in_and_tested(tmp_path: Path) -> None:
    """As it is, it has no rows; with one, that row is tested and its comments are not."""
    path = tmp_path / "platforms.csv"
    conncheck("bulk", "--template", str(path))
    empty = conncheck("bulk", str(path), "--dry-run")
    header = next(csv.reader(io.StringIO(path.read_text("utf-8-sig"))))
    row = {"name": "Berlin", "productType": "tcp", "endpoint": "127.0.0.1:1"}
    with path.open("a", newline="") as file:
        csv.DictWriter(file, header).writerow(row)

    made = conncheck("bulk", str(path), *LOOPBACK)

    assert (empty.returncode, empty.stdout) == (2, "")
    assert "no rows" in empty.stderr
    assert made.returncode == 1, made.stderr
    assert "1 platform, in this process" in made.stdout
    assert "Berlin" in made.stdout


def test_it_is_written_to_standard_output() -> None:
    """To be read by a script, byte for byte."""
    made = subprocess.run(
        [COMMAND, "bulk", "--template", "-"],
        env=environment(),
        capture_output=True,
        check=True,
        timeout=110,
    )

    assert made.stdout.decode("utf-8-sig").startswith("name,ref,productType,endpoint,")
