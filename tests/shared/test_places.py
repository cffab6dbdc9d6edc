import pytest

from shared.places import line_of


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("line 17", 17),
        ("row 1048576", 1048576),
        ("items[16]", None),
        ("cloud line 5", None),
        ("clouds.lab", None),
    ],
)
def test_the_line_of_a_place_is_known(place: str, line: int | None) -> None:
    """An entry may be called like a line, and is none."""
    assert line_of(place) == line
