import json
from pathlib import Path

import pytest
import typer

from cli.bulk.state import open_state
from conncheck_client import BatchResult

CONTENT = b"name,secretKey\nBerlin,hunter2-hunter2\n"


def a_result(index: int) -> BatchResult:
    return BatchResult(
        index=index, name="", ref="", product_type="zstack", endpoint="http://h:1", status="passed"
    )


def test_what_was_done_is_known_again(tmp_path: Path) -> None:
    """A run of an hour must not begin anew because a laptop was closed."""
    path = tmp_path / "state"
    state = open_state(path, CONTENT, "here")
    state.keep_result(a_result(3))
    state.keep_batch("b1")
    key = state.key
    del state  # and with it the lock

    again = open_state(path, CONTENT, "here")

    assert again.done == {3: a_result(3)}
    assert (again.batch_id, again.key) == ("b1", key)


@pytest.mark.parametrize(("content", "where"), [(CONTENT + b"x", "here"), (CONTENT, "https://s")])
def test_another_file_or_place_begins_anew(tmp_path: Path, content: bytes, where: str) -> None:
    """A corrected secret must be tested, not remembered as wrong."""
    path = tmp_path / "state"
    open_state(path, CONTENT, "here").keep_result(a_result(1))

    again = open_state(path, content, where)

    assert again.done == {}


def test_a_line_that_was_cut_off_is_dropped(tmp_path: Path) -> None:
    """The machine may have lost its power in the middle of it."""
    path = tmp_path / "state"
    open_state(path, CONTENT, "here").keep_result(a_result(1))
    with path.open("a") as file:
        file.write('{"result": {"ind')

    again = open_state(path, CONTENT, "here")
    again.keep_result(a_result(2))
    del again

    assert open_state(path, CONTENT, "here").done.keys() == {1, 2}
    assert all(json.loads(line) for line in path.read_text().splitlines())


@pytest.mark.parametrize("content", ["", "x\n", "[]\n", '{"version": 1}\n', "\x00\n"])
def test_a_file_that_is_none_begins_anew(tmp_path: Path, content: str) -> None:
    """Somebody may have edited it."""
    path = tmp_path / "state"
    path.write_text(content)

    assert open_state(path, CONTENT, "here").done == {}


def test_two_runs_do_not_mix(tmp_path: Path) -> None:
    """Each would test what the other one has done, and sign in twice."""
    kept = open_state(tmp_path / "state", CONTENT, "here")

    with pytest.raises(typer.Exit):
        open_state(tmp_path / "state", CONTENT, "here")
    assert kept.done == {}


def test_it_is_the_users_alone_and_holds_no_secret(tmp_path: Path) -> None:
    """It lies beside a file of secrets and may be copied elsewhere."""
    path = tmp_path / "state"
    open_state(path, CONTENT, "here").keep_result(a_result(1))

    assert path.stat().st_mode & 0o777 == 0o600
    assert "hunter2" not in path.read_text()
