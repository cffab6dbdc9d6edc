from pathlib import Path

import pytest

from shared.watched_file import WatchedFile


def number_in(path: Path) -> int:
    return int(path.read_text())


def test_a_file_that_is_written_twice_in_a_moment_is_read_twice(tmp_path: Path) -> None:
    """Two changes within one tick of the clock look alike from outside."""
    path = tmp_path / "number"
    path.write_text("0")
    watched = WatchedFile("number", path, number_in)

    for n in range(50):
        path.write_text(str(n % 2))  # in place: the same inode and the same size
        assert watched.content() == n % 2


def test_a_broken_file_changes_nothing_and_is_complained_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A typing error must lock nobody out, nor fill the log with each call."""
    path = tmp_path / "number"
    path.write_text("7")
    watched = WatchedFile("number", path, number_in)

    path.write_text("{")
    assert [watched.content() for _ in range(3)] == [7] * 3
    assert caplog.text.count("unchanged=true") == 1
    path.unlink()
    assert [watched.content() for _ in range(3)] == [7] * 3
    assert caplog.text.count("unchanged=true") == 2
    path.write_text("8")
    assert watched.content() == 8


def test_a_file_that_is_broken_from_the_start_is_refused(tmp_path: Path) -> None:
    """There is no last content that could stay in use."""
    path = tmp_path / "number"

    with pytest.raises(OSError, match="No such file"):
        WatchedFile("number", path, number_in)
    path.write_text("{")
    with pytest.raises(ValueError, match="invalid literal"):
        WatchedFile("number", path, number_in)
