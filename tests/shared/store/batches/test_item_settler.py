import pytest

from shared.store.batches.batch import CauseCount
from shared.store.batches.item_outcome import ItemOutcome
from shared.store.batches.item_settler import TOGETHER
from shared.store.batches.letters import Letter
from tests.shared.conftest import Backend
from tests.shared.store.batches.batches import (
    BATCH,
    SEALED,
    ask,
    causes,
    created,
    letters,
    put_to_work,
    sealed,
    settle,
    shared_facts,
)


def test_an_item_is_settled_once(backend: Backend) -> None:
    """A feeder that takes over settles what its predecessor may have settled."""
    created(backend, 2)
    put_to_work(backend, 0, 1)

    for _ in range(2):
        settle(backend, [0], "f", "tcp.refused", ["host=db"])
        settle(backend, [1], "f", "tcp.refused", ["host=db"])
    settle(backend, [0], "p")

    assert letters(backend) == "ff"
    assert causes(backend) == [CauseCount("tcp.refused", 2, [0, 1])]
    assert shared_facts(backend) == [("host=db", 2)]


def test_many_items_end_together_and_each_in_its_own_way(backend: Backend) -> None:
    """The feeder settles all that ended since its last look at once."""
    total = TOGETHER + 3
    created(backend, total)
    put_to_work(backend, *range(total))
    ends = [ItemOutcome([n], "p", "", ()) for n in range(total - 2)]
    ends += [ItemOutcome([total - 2], "f", "tcp.refused", ["host=a", "port=1"])]
    ends += [ItemOutcome([total - 1], "o", "api.clock_off", ())]

    ask(backend, lambda store: store.settler.settle(BATCH, ends))

    assert letters(backend) == "p" * (total - 2) + "fo"
    assert {one.code: one.first for one in causes(backend)} == {
        "tcp.refused": [total - 2],
        "api.clock_off": [total - 1],
    }
    assert sealed(backend, 0, total - 3, total - 2, total - 1) == [None, None, SEALED, None]


@pytest.mark.parametrize("letter", ["p", "o", "f", "c", "e", "l"])
def test_only_an_item_at_work_is_settled(backend: Backend, letter: Letter) -> None:
    """Nothing is known of one that waits, and nothing changes of one that ended."""
    created(backend, 1)

    settle(backend, [0], letter, "tcp.refused")
    assert letters(backend) == "q"
    assert causes(backend) == []
    put_to_work(backend, 0)
    settle(backend, [0], letter)
    assert letters(backend) == letter


def test_equal_items_end_together_and_count_each(backend: Backend) -> None:
    """One test speaks for all of them, and each is a row of its caller's list."""
    created(backend, 4, twins={0: [2, 3]})
    put_to_work(backend, 0, 2, 3, 1)

    settle(backend, [0, 2, 3], "f", "tcp.refused", ["host=db"])

    assert letters(backend) == "fwff"
    assert causes(backend, 2) == [CauseCount("tcp.refused", 3, [0, 2])]
    assert shared_facts(backend) == [("host=db", 3)]


def test_all_that_wait_are_ended_and_nothing_else(backend: Backend) -> None:
    """What runs goes on to its end, and what ended stays as it was."""
    created(backend, 5)
    put_to_work(backend, 1, 2)
    settle(backend, [2], "p")

    ask(backend, lambda store: store.settler.end_waiting(BATCH, "c"))

    assert letters(backend) == "cwpcc"
    assert put_to_work(backend, *range(5)) == []
    settle(backend, [1], "f")
    assert letters(backend) == "cfpcc"


@pytest.mark.parametrize("letter", ["p", "o", "f", "c", "e", "l"])
def test_the_sealed_request_goes_with_a_pass(backend: Backend, letter: Letter) -> None:
    """What failed may be repeated; of what passed nobody needs the credentials."""
    created(backend, 2)
    put_to_work(backend, 0, 1)

    settle(backend, [0], letter)

    assert sealed(backend, 0, 1) == [None if letter in "po" else SEALED, SEALED]
