import pytest

from shared.store.batches.item_times import numbers_of, took_number


@pytest.mark.parametrize(
    ("took_ms", "number"),
    [(None, 0), (0.0, 1), (0.04, 1), (1.0, 10), (1234.56, 12346), (1e12, 2**32 - 1)],
)
def test_a_time_is_a_number_that_tells_none_from_little(took_ms: float | None, number: int) -> None:
    """Items without a time stand behind all others."""
    assert took_number(took_ms) == number


def test_what_was_not_written_has_no_time() -> None:
    """Redis' string ends with the last item that was settled."""
    assert numbers_of(b"\0\0\1\2\0\0\0\0\0\0\0\7", 4).tolist() == [258, 0, 7, 0]
    assert numbers_of(b"", 2).tolist() == [0, 0]
    assert numbers_of(b"\0\0\0\1\0\0", 1).tolist() == [1]
