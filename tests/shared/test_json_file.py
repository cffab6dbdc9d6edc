import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.json_file import FilePart, JsonFile, changing


class Part(FilePart):
    """A part with a number."""

    whole_number: int = 0


class Parts(JsonFile):
    """A file of parts."""

    parts: tuple[Part, ...] = ()


def test_a_file_that_was_written_is_read_back(tmp_path: Path) -> None:
    """A command that changes one part must not change another."""
    path = tmp_path / "parts.json"
    parts = Parts(parts=(Part(whole_number=7), Part()))

    parts.write(path)

    assert Parts.read(path) == parts
    assert '"wholeNumber": 7' in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("", "Invalid JSON"),
        ("[]", "Input should be an object"),
        ('{"parts":[{},{"wholeNumber":"hunter2"}]}', "parts.1.wholeNumber"),
        ('{"parts":[{"wholenumber":"hunter2"}]}', "parts.0.wholenumber"),
    ],
)
def test_a_mistake_is_reported_by_its_place(tmp_path: Path, content: str, place: str) -> None:
    """The value may be a secret that was put where its hash belongs; a traceback would show it."""
    path = tmp_path / "parts.json"
    path.write_text(content)

    with pytest.raises(ValueError, match=str(path)) as raised:
        Parts.read(path)

    assert place in str(raised.value)
    assert "hunter2" not in str(raised.value)
    assert raised.value.__context__ is None


def test_a_file_keeps_its_mode_when_it_is_changed(tmp_path: Path) -> None:
    """The API may run as another user than who changes the file."""
    path = tmp_path / "parts.json"
    Parts().write(path)
    path.chmod(0o640)

    Parts(parts=(Part(),)).write(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [found.name for found in tmp_path.iterdir()] == ["parts.json"]


def test_two_who_change_the_file_wait_for_each_other(tmp_path: Path) -> None:
    """Else what one of them added would be gone."""
    path = tmp_path / "parts.json"
    Parts().write(path)

    def add(n: int) -> None:
        with changing(path):
            Parts(parts=(*Parts.read(path).parts, Part(whole_number=n))).write(path)

    with ThreadPoolExecutor(8) as together:
        list(together.map(add, range(40)))

    assert {one.whole_number for one in Parts.read(path).parts} == set(range(40))
