import pytest

from shared.store.batches.item_target import site_of, target_of, turn_at


@pytest.mark.parametrize("target", ["", "10.0.0.1:443", "[2001:db8::1]:443"])
@pytest.mark.parametrize("site", ["default", "fra1", "a-b-c"])
def test_what_was_written_is_read(target: str, site: str) -> None:
    """Redis keeps one text for each item."""
    turn = turn_at(target, site)

    assert (target_of(turn), site_of(turn)) == (target, site)


def test_a_turn_at_the_default_site_is_its_target() -> None:
    """The version before wrote it, and reads it."""
    assert turn_at("10.0.0.1:443", "default") == "10.0.0.1:443"
