import io
from collections.abc import Sequence
from pathlib import Path

import pytest
import typer

from cli.bulk.platform_files import PlatformFiles, read_files
from cli.bulk.wishes import STDIN, BulkWishes
from conncheck_client.form import FilePart
from shared.uploads.reading import Reading
from shared.uploads.wishes import AS_IT_COMES, Wishes

TABLE = b"productType,endpoint\ntcp,10.0.0.5:22\ntcp,10.0.0.6:22\n"


def wishes_for(*files: Path, charset: str = "") -> BulkWishes:
    return BulkWishes(
        files=files,
        output=None,
        as_json=False,
        language="en",
        parallel=1,
        batch_id=None,
        cancel=False,
        retry=False,
        charset=charset,
    )


def test_rows_are_read_as_the_service_reads_them(tmp_path: Path) -> None:
    """What is fine here must not be refused there."""
    (path := tmp_path / "platforms.csv").write_bytes(TABLE)
    reading = Reading()

    rows = list(read_files(wishes_for(path)).rows(reading))

    assert [row.place for row in rows] == ["line 2", "line 3"]
    assert (reading.format, reading.separator) == ("CSV", ",")


def test_standard_input_is_read_as_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be bytes of any encoding."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(TABLE)))

    files = read_files(wishes_for(STDIN))

    assert files.parts[0].content == TABLE
    assert len(list(files.rows(Reading()))) == 2


def test_files_that_are_too_large_together_are_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A device that never ends would fill the memory."""
    (first := tmp_path / "clouds.yaml").write_bytes(b"a" * 60)
    (second := tmp_path / "secure.yaml").write_bytes(b"b" * 60)

    with pytest.raises(typer.Exit):
        read_files(wishes_for(first, second), most_bytes=100)
    assert "is too large" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("parts", "wishes"),
    [
        ([FilePart("p.csv", TABLE + b"\n")], AS_IT_COMES),
        ([FilePart("p.csv", TABLE[:9]), FilePart("q.csv", TABLE[9:])], AS_IT_COMES),
        ([FilePart("p.csv", TABLE, charset="gb18030")], AS_IT_COMES),
        ([FilePart("p.csv", TABLE)], Wishes(sheet="Berlin")),
        ([FilePart("p.csv", TABLE)], Wishes(product_type="zstack")),
        ([FilePart("p.csv", TABLE)], Wishes(columns={"1": "name"})),
    ],
)
def test_a_run_is_another_one_when_the_files_are_read_otherwise(
    parts: Sequence[FilePart], wishes: Wishes
) -> None:
    """A stopped run must not go on with the rows of another."""
    plain = PlatformFiles([FilePart("p.csv", TABLE)], AS_IT_COMES)
    renamed = PlatformFiles([FilePart("renamed.csv", TABLE)], AS_IT_COMES)

    assert PlatformFiles(parts, wishes).identity != plain.identity
    assert renamed.identity == plain.identity
