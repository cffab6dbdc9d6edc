from pathlib import Path

import pytest
import typer

from cli.env_file import EnvFile


def test_a_file_is_replaced_with_its_mode_and_its_other_lines(tmp_path: Path) -> None:
    """It has private keys, and comments of its operators."""
    path = tmp_path / "worker.env"
    path.write_text("# ours\nA=1\nB=2\n")
    path.chmod(0o640)

    EnvFile.at(path).write({"A": "3"})

    assert path.read_text() == "# ours\nB=2\nA=3\n"
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_file_that_cannot_be_replaced_leaves_no_copy_of_its_keys(tmp_path: Path) -> None:
    """Nobody would look for private keys in a file with an invented name."""
    path = tmp_path / "worker.env"
    path.write_text("A=1\n")
    file = EnvFile.at(path)
    path.unlink()
    path.mkdir()

    with pytest.raises(typer.Exit):
        file.write({"A": "secret"})

    assert [*tmp_path.iterdir()] == [path]
