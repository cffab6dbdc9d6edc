from api.batches.kept import keep


def test_the_oldest_give_way() -> None:
    """A process that serves for months keeps no more than one of a day."""
    kept: dict[str, int] = {}

    for number, name in enumerate("abca"):
        assert keep(kept, name, number, 2) == number

    assert kept == {"c": 2, "a": 3}


def test_what_is_kept_again_is_the_newest() -> None:
    """And takes no other's place."""
    kept = {"a": 1, "b": 2}

    keep(kept, "a", 3, 2)

    assert [*kept.items()] == [("b", 2), ("a", 3)]
