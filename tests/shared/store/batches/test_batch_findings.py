import pytest

from shared.store.batches.batch import CauseCount
from shared.store.batches.batch_findings import MOST_SHARED_FACTS
from tests.shared.conftest import Backend
from tests.shared.store.batches.batches import (
    BATCH,
    ask,
    causes,
    created,
    put_to_work,
    settle,
    shared_facts,
)


def test_causes_are_counted_the_most_frequent_first(backend: Backend) -> None:
    """That is the one to mend first."""
    created(backend, 20)
    put_to_work(backend, *range(20))
    for index in range(20):
        settle(backend, [index], "o" if index % 3 else "f", "rare" if index % 3 else "frequent")
        settle(backend, [index], "f", "never")

    assert causes(backend, 2) == [
        CauseCount("rare", 13, [1, 2]),
        CauseCount("frequent", 7, [0, 3]),
    ]


@pytest.mark.parametrize("indexes", [[0], [7, 8], [0, 15], [1, 6, 9, 17, 23]])
def test_bits_tell_which_items_have_a_cause(backend: Backend, indexes: list[int]) -> None:
    """A page of all that have it costs no search; Redis counts bits from the left."""
    created(backend, 24)
    put_to_work(backend, *range(24))
    for index in indexes:
        settle(backend, [index], "f", "tcp.refused")

    found = ask(backend, lambda store: store.findings.bits(BATCH, ["tcp.refused", "other"]))

    assert [n for n in range(32) if found["tcp.refused"] >> n & 1] == indexes
    assert found["other"] == 0


def test_what_one_item_alone_has_is_not_shared(backend: Backend) -> None:
    """Every platform has an address."""
    created(backend, 3)
    put_to_work(backend, 0, 1, 2)
    settle(backend, [0], "f", facts=["issuer=CN=Old CA", "host=a"])
    settle(backend, [1], "f", facts=["issuer=CN=Old CA", "host=b"])
    settle(backend, [2], "p", facts=[])

    assert shared_facts(backend) == [("issuer=CN=Old CA", 2)]


def test_no_more_facts_are_shown_than_anybody_reads(backend: Backend) -> None:
    """Ten thousand addresses with two platforms each explain nothing."""
    created(backend, 2)
    put_to_work(backend, 0, 1)
    facts = [f"address=192.0.2.{number}" for number in range(2 * MOST_SHARED_FACTS)]

    settle(backend, [0, 1], "f", facts=[*facts, "host=db"])
    assert len(shared_facts(backend)) == MOST_SHARED_FACTS
