"""The look before a bulk test, `conncheck bulk --dry-run`, in this process and by a service."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from openpyxl import Workbook

from conncheck_client.form import FilePart, form_of
from tests.cli.commanding import conncheck
from tests.running.service import CALL, Service
from tests.stand_ins.zstack import ZstackNode

SECRET = "hunter2-hunter2"
HEADER = "name,productType,endpoint,accessKey,secretKey\n"
GOOD = f"Berlin,zstack,http://127.0.0.1:8080,AKIDAKID,{SECRET}\n"
BAD = f"Oslo,zstack,ftp://127.0.0.1,AKIDAKID,{SECRET}\n"
ITEM = {"productType": "zstack", "endpoint": "https://h", "accessKey": "AK", "secretKey": SECRET}
FILES: Mapping[str, bytes] = {
    "good.csv": (HEADER + GOOD).encode(),
    "bad.csv": (HEADER + GOOD + BAD + "Rome,zstack\n").encode(),
    "semicolons.csv": (HEADER + GOOD + BAD).replace(",", ";").encode(),
    "items.json": json.dumps({"items": [ITEM, {**ITEM, "endpoint": ""}]}).encode(),
    "lines.ndjson": (json.dumps(ITEM) + "\n{\n").encode(),
    "internal.csv": (HEADER + GOOD.replace("127.0.0.1", "metadata.google.internal")).encode(),
}


@pytest.fixture(params=["here", "there"])
def where(request: pytest.FixtureRequest) -> tuple[list[str], Mapping[str, str]]:
    """Give the options with which the look is made in this process, and by a service."""
    if request.param == "here":
        return [], {}
    return there(request.getfixturevalue("service"))


def there(service: Service) -> tuple[list[str], Mapping[str, str]]:
    return ["--server", service.url], {"CONNCHECK_TOKEN": service.token}


def written(directory: Path, name: str) -> str:
    path = directory / name
    path.write_bytes(FILES[name])
    return str(path)


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
@pytest.mark.parametrize("name", FILES)
def test_the_command_sees_what_the_service_sees(
    name: str, lang: str, service: Service, tmp_path: Path
) -> None:
    """Who looks here and tests there must not be surprised."""
    options, settings = there(service)
    path = written(tmp_path, name)
    content, media_type = form_of([FilePart(name, FILES[name])], {})
    headers = {"Content-Type": media_type, "Accept-Language": lang}

    here = conncheck("bulk", path, "--dry-run", "--json", "--lang", lang)
    by_service = conncheck(
        "bulk", path, "--dry-run", "--json", "--lang", lang, *options, **settings
    )
    with service.client() as client:
        answer = client.post(
            f"{CALL}/batches", params={"dryRun": "true"}, content=content, headers=headers
        )

    assert answer.status_code == 200, answer.text
    assert json.loads(here.stdout) == answer.json()
    assert json.loads(by_service.stdout) == answer.json()
    assert here.returncode == by_service.returncode == (3 if answer.json()["rejected"] else 0)
    assert SECRET not in here.stdout + by_service.stdout


def test_it_shows_the_columns_the_first_rows_and_what_to_mend(
    where: tuple[list[str], Mapping[str, str]], tmp_path: Path
) -> None:
    """A file in which one column was taken for another must be seen before it is sent."""
    options, settings = where

    made = conncheck("bulk", written(tmp_path, "bad.csv"), "--dry-run", *options, **settings)

    assert (made.returncode, made.stderr) == (3, "")
    assert "bad.csv  1 platform; nothing was tested" in made.stdout
    assert "Read as CSV in UTF-8, separated by commas; the header is line 1." in made.stdout
    assert "2  invalid rows" in made.stdout
    assert "line 3, column 3, endpoint: " in made.stdout
    assert "secretKey = ••••" in made.stdout
    assert SECRET not in made.stdout


def test_nothing_is_tested(
    node: tuple[ZstackNode, str], where: tuple[list[str], Mapping[str, str]], tmp_path: Path
) -> None:
    """Not even a connection is opened."""
    options, settings = where
    (tmp_path / "p.csv").write_text(HEADER + f"Berlin,zstack,http://{node[1]},AKID,{SECRET}\n")

    made = conncheck("bulk", str(tmp_path / "p.csv"), "--dry-run", *options, **settings)

    assert made.returncode == 0, made.stderr
    assert node[0].judged == []


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
def test_bad_rows_are_written_to_be_mended(
    ending: str, where: tuple[list[str], Mapping[str, str]], tmp_path: Path
) -> None:
    """Of five thousand rows, three are mended and sent again; they hold their secrets."""
    options, settings = where
    output = tmp_path / f"bad-rows{ending}"
    output.touch(0o644)

    made = conncheck(
        *("bulk", written(tmp_path, "bad.csv"), "--dry-run", "--output", str(output), *options),
        **settings,
    )

    assert made.returncode == 3, made.stderr
    assert output.stat().st_mode & 0o777 == 0o600
    assert str(output) in made.stdout
    if ending == ".csv":
        header, *rows = csv.reader(io.StringIO(output.read_text("utf-8-sig")))
        assert header == [*HEADER.strip().split(","), "conncheck: problem"]
        assert [row[0] for row in rows] == ["Oslo", "Rome"]
        assert rows[0][4] == SECRET
        assert "endpoint" in rows[0][5]
    else:
        assert output.read_bytes().startswith(b"PK")


def test_no_file_of_bad_rows_is_written_without_any(
    where: tuple[list[str], Mapping[str, str]], tmp_path: Path
) -> None:
    """An empty file of bad rows looks like something to mend."""
    options, settings = where
    output = tmp_path / "bad-rows.csv"

    made = conncheck(
        *("bulk", written(tmp_path, "good.csv"), "--dry-run", "--output", str(output), *options),
        **settings,
    )

    assert made.returncode == 0, made.stderr
    assert not output.exists()


def test_a_workbook_that_begins_with_a_cover_says_what_other_sheets_there_are(
    tmp_path: Path,
) -> None:
    """Its first sheet has no platforms, and the refusal is of that one alone."""
    path = tmp_path / "platforms.xlsx"
    book = Workbook(write_only=True)
    book.create_sheet("Cover").append(["As of", "2026-01-01"])
    sheet = book.create_sheet("List")
    sheet.append(["name", "type", "host"])
    sheet.append(["n", "tcp", "127.0.0.1:1"])
    book.save(path)

    refused = conncheck("bulk", str(path), "--dry-run")
    assert refused.returncode == 2
    said = " ".join(refused.stderr.split())
    assert said.endswith("The sheet is Cover; --sheet can choose another one: List.")
    assert conncheck("bulk", str(path), "--dry-run", "--sheet", "list").returncode == 0
