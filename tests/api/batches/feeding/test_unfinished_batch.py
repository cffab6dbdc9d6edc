from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice

from api.batches.feeding.unfinished_batch import UnfinishedBatch
from shared.store.batches.batch import BatchState
from shared.store.batches.batch_keys import job_id_of
from tests.shared.store.batches.batches import BATCH, a_batch

MOST = 2


def unfinished(
    letters: str, targets: Sequence[str] = (), twins: Mapping[int, Sequence[int]] | None = None
) -> UnfinishedBatch:
    """Return a batch as it stands in the store; each item has a target of its own unless told."""
    each = targets or [f"t{index}" for index in range(len(letters))]
    state = BatchState(a_batch(len(letters)), letters, None, None)
    return UnfinishedBatch.of(BATCH, state, each, twins or {})


def next_of(batch: UnfinishedBatch, busy: Counter[str], count: int = 99) -> list[int]:
    """Return the next items of the batch."""
    return [*islice(batch.next_items(busy, MOST), count)]


def test_a_batch_is_taken_up_where_it_stands() -> None:
    """Whoever looked after it before may have died at any point."""
    batch = unfinished("qwpofcelqw")

    assert [*batch.waiting_at["default"]] == [0, 8]
    assert batch.at_work == {job_id_of(BATCH, 1): 1, job_id_of(BATCH, 9): 9}
    assert not batch.is_done


def test_a_batch_of_which_all_ended_is_done() -> None:
    """It is finished by whoever takes it up."""
    assert unfinished("pofcel").is_done


def test_equal_items_are_tested_once() -> None:
    """A second test with the same key pair is a needless sign-in."""
    batch = unfinished("qqqww", twins={0: [2], 3: [4]})

    assert next_of(batch, Counter()) == [0, 1]
    assert list(batch.at_work.values()) == [3]
    assert (batch.indexes_of(0), batch.indexes_of(1)) == ([0, 2], [1])


def test_no_more_items_of_a_target_are_at_work_than_may() -> None:
    """A platform that is tested by fifty at once is one that we have brought down."""
    batch = unfinished("qqqqq", ["a", "a", "a", "b", "a"])
    busy: Counter[str] = Counter()

    assert next_of(batch, busy) == [0, 1, 3]
    assert busy == {"a": 2, "b": 1}
    assert not batch.is_done


def test_what_others_do_at_a_target_counts_too() -> None:
    """The platform does not care whose batch it is."""
    assert next_of(unfinished("qq", ["a", "b"]), Counter({"a": MOST})) == [1]


def test_an_item_that_was_put_off_goes_on_before_those_behind_it() -> None:
    """A batch is tested in its order as far as its targets allow."""
    batch = unfinished("qqqqq", ["a", "a", "a", "a", "b"])
    busy: Counter[str] = Counter()
    assert next_of(batch, busy, 2) == [0, 1]
    assert next_of(batch, busy, 1) == [4]

    busy["a"] -= 1
    batch.call_next("a")

    assert next_of(batch, busy) == [2]
    assert {target: [*others] for target, others in batch.put_off.items()} == {"a": [3]}


def test_calling_the_next_calls_one_and_only_of_that_target() -> None:
    """One turn is free, not all of them."""
    batch = unfinished("qqqq", ["a", "a", "a", "b"])
    busy = Counter({"a": MOST, "b": MOST})
    assert next_of(batch, busy) == []

    batch.call_next("a")
    batch.call_next("c")

    assert [*batch.waiting_at["default"]] == [0]
    batch.call_next("a")
    batch.call_next("a")
    batch.call_next("a")
    assert list(batch.put_off) == ["b"]


def test_an_item_without_a_target_is_never_put_off() -> None:
    """Its caller has forced it."""
    batch = unfinished("q" * 5, [""] * 5)

    assert next_of(batch, Counter({"": 99})) == [0, 1, 2, 3, 4]


def test_nothing_more_of_a_batch_is_handed_out_once_it_was_ended() -> None:
    """It was cancelled, or is too old; what is at work goes on to its end."""
    batch = unfinished("qqqw", ["a", "b", "b", "c"])
    next_of(batch, Counter({"a": MOST}), 1)

    batch.forget_waiting()
    batch.call_next("a")

    assert next_of(batch, Counter()) == []
    assert not batch.is_done
    batch.at_work.clear()
    assert batch.is_done


def test_items_that_are_only_put_off_keep_a_batch_unfinished() -> None:
    """It would be finished before they were tested."""
    batch = unfinished("q", ["a"])

    assert next_of(batch, Counter({"a": MOST})) == []

    assert not batch.is_done
