from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from shared.store.batches.batch_keys import (
    OPEN,
    Letter,
    batch_key,
    cause_key,
    causes_key,
    facts_key,
    items_key,
    letters_key,
    sealed_key,
    targets_key,
    twins_key,
)
from shared.batch_store import (
    MOST_SHARED_FACTS,
    UNFINISHED_UPLOAD_S,
    BatchGoneError,
    BatchStore,
    CauseCount,
    NewItem,
    RejectedRow,
    Settled,
)
from shared.store.jobs.job_stream import StoreUnreachableError
from tests.shared.store.batches.batches import (
    BATCH,
    DEADLINE_S,
    SEALED,
    a_batch,
    ask,
    letters,
    lives_s,
    new_item,
    opened,
    settle,
    state,
    taken,
)
from tests.shared.conftest import TTL_S, Backend, Outages
from tests.shared.store.jobs.jobs import listening_to

SETTLED = Settled([0, 1], "f", "tcp.refused", ["host=db"])

OPERATIONS: dict[str, Callable[[BatchStore], Awaitable[object]]] = {
    "add": lambda store: store.add(BATCH, [new_item(0)]),
    "open": lambda store: store.open(BATCH, a_batch(1), [], ["t"], {}),
    "discard": lambda store: store.discard(BATCH),
    "open_batches": lambda store: store.open_batches(),
    "state": lambda store: store.state(BATCH),
    "rejected": lambda store: store.rejected(BATCH),
    "targets": lambda store: store.targets(BATCH),
    "twins": lambda store: store.twins(BATCH),
    "items": lambda store: store.items(BATCH, [0]),
    "sealed": lambda store: store.sealed(BATCH, [0]),
    "take": lambda store: store.take(BATCH, [0]),
    "settle": lambda store: store.settle(BATCH, [SETTLED]),
    "end_waiting": lambda store: store.end_waiting(BATCH, "c"),
    "is_cancelled": lambda store: store.is_cancelled(BATCH),
    "finish": lambda store: store.finish(BATCH),
    "causes": lambda store: store.causes(BATCH, 3),
    "bits": lambda store: store.bits(BATCH, ["tcp.refused"]),
    "shared_facts": lambda store: store.shared_facts(BATCH),
}


def sealed(backend: Backend, *indexes: int) -> list[str | None]:
    return [*ask(backend, lambda store: store.sealed(BATCH, indexes))]


def causes(backend: Backend, examples: int = 3) -> list[CauseCount]:
    return [*ask(backend, lambda store: store.causes(BATCH, examples))]


def shared_facts(backend: Backend) -> list[tuple[str, int]]:
    return [*ask(backend, lambda store: store.shared_facts(BATCH))]


def finish(backend: Backend) -> None:
    ask(backend, lambda store: store.finish(BATCH))


def test_a_batch_reads_as_it_was_opened(backend: Backend) -> None:
    """Another process looks after it than the one that took it."""
    batch, rejected = a_batch(3, rejected=1), [RejectedRow("line 2", "endpoint", "is required")]

    async def keep(store: BatchStore) -> None:
        await store.add(BATCH, [new_item(0), new_item(2)])
        await store.add(BATCH, [new_item(1)])
        await store.open(BATCH, batch, rejected, ["t0", "", "t2"], {0: [1, 2]})

    ask(backend, keep)

    assert state(backend) == (batch, b"qqq", None, None)
    assert ask(backend, lambda store: store.open_batches()) == [BATCH]
    assert ask(backend, lambda store: store.rejected(BATCH)) == rejected
    assert ask(backend, lambda store: store.targets(BATCH)) == ["t0", "", "t2"]
    assert ask(backend, lambda store: store.twins(BATCH)) == {0: [1, 2]}
    assert ask(backend, lambda store: store.items(BATCH, [2, 0])) == [
        new_item(2).item,
        new_item(0).item,
    ]
    assert sealed(backend, 1, 7) == [SEALED, None]


def test_what_is_not_opened_is_no_batch(backend: Backend) -> None:
    """Its caller has gone in the middle of it, or was refused."""
    ask(backend, lambda store: store.add(BATCH, [new_item(0)]))

    assert ask(backend, lambda store: store.state(BATCH)) is None
    assert ask(backend, lambda store: store.open_batches()) == []
    assert all(0 < lives <= UNFINISHED_UPLOAD_S for lives in lives_s(backend).values())


def test_what_is_discarded_leaves_nothing(backend: Backend) -> None:
    """It holds sealed credentials of somebody who was refused."""
    ask(backend, lambda store: store.add(BATCH, [new_item(0)]))

    ask(backend, lambda store: store.discard(BATCH))

    assert lives_s(backend) == {}


def test_the_oldest_batch_is_listed_first(backend: Backend) -> None:
    """Who came first is looked after first."""

    async def keep(store: BatchStore) -> None:
        for name, age_s in (("b", 1), ("a", 2), ("c", 0)):
            made_at = datetime.now(UTC) - timedelta(seconds=age_s)
            batch = a_batch(1).model_copy(update={"created_at": made_at})
            await store.open(name * 24, batch, [], ["t"], {})

    ask(backend, keep)

    assert ask(backend, lambda store: store.open_batches()) == ["a" * 24, "b" * 24, "c" * 24]


def test_an_item_is_taken_once(backend: Backend) -> None:
    """Two who hand it out would test it twice, and the second test may lock the account."""
    opened(backend, 4)

    assert taken(backend, 1, 3) == [1, 3]
    assert taken(backend, 1, 2, 3) == [2]
    assert letters(backend) == "qwww"


def test_of_many_who_take_at_once_one_gets_each_item(real: Backend) -> None:
    """A feeder that was frozen does not know that another one has taken its place."""
    opened(real, 50)

    with ThreadPoolExecutor(4) as pool:
        found = [*pool.map(lambda _: taken(real, *range(50)), range(4))]

    assert sorted(index for some in found for index in some) == list(range(50))


def test_a_batch_began_when_its_first_item_was_taken(backend: Backend) -> None:
    """Its pace is counted from there, not from when it stood behind others."""
    opened(backend, 2)
    assert state(backend).began_at is None

    taken(backend, 0)
    began_at = state(backend).began_at
    taken(backend, 1)

    assert began_at is not None
    assert abs(datetime.now(UTC) - began_at) < timedelta(seconds=10)
    assert state(backend).began_at == began_at


def test_an_item_is_settled_once(backend: Backend) -> None:
    """A feeder that takes over settles what its predecessor may have settled."""
    opened(backend, 2)
    taken(backend, 0, 1)

    for _ in range(2):
        settle(backend, [0], "f", "tcp.refused", ["host=db"])
        settle(backend, [1], "f", "tcp.refused", ["host=db"])
    settle(backend, [0], "p")

    assert letters(backend) == "ff"
    assert causes(backend) == [CauseCount("tcp.refused", 2, [0, 1])]
    assert shared_facts(backend) == [("host=db", 2)]


@pytest.mark.parametrize("letter", ["p", "o", "f", "c", "e", "l"])
def test_only_an_item_at_work_is_settled(backend: Backend, letter: Letter) -> None:
    """Nothing is known of one that waits, and nothing changes of one that ended."""
    opened(backend, 1)

    settle(backend, [0], letter, "tcp.refused")
    assert letters(backend) == "q"
    assert causes(backend) == []
    taken(backend, 0)
    settle(backend, [0], letter)
    assert letters(backend) == letter


def test_equal_items_end_together_and_count_each(backend: Backend) -> None:
    """One test speaks for all of them, and each is a row of its caller's list."""
    opened(backend, 4, twins={0: [2, 3]})
    taken(backend, 0, 2, 3, 1)

    settle(backend, [0, 2, 3], "f", "tcp.refused", ["host=db"])

    assert letters(backend) == "fwff"
    assert causes(backend, 2) == [CauseCount("tcp.refused", 3, [0, 2])]
    assert shared_facts(backend) == [("host=db", 3)]


def test_all_that_wait_are_ended_and_nothing_else(backend: Backend) -> None:
    """What runs goes on to its end, and what ended stays as it was."""
    opened(backend, 5)
    taken(backend, 1, 2)
    settle(backend, [2], "p")

    ask(backend, lambda store: store.end_waiting(BATCH, "c"))

    assert letters(backend) == "cwpcc"
    assert taken(backend, *range(5)) == []
    settle(backend, [1], "f")
    assert letters(backend) == "cfpcc"


@pytest.mark.parametrize(("letter", "expected"), [("c", True), ("e", False)])
def test_a_batch_remembers_that_it_was_cancelled(
    backend: Backend, letter: Letter, *, expected: bool
) -> None:
    """Who was handing out its items at that moment has to call them back."""
    opened(backend, 1)
    assert not ask(backend, lambda store: store.is_cancelled(BATCH))

    ask(backend, lambda store: store.end_waiting(BATCH, letter))

    assert ask(backend, lambda store: store.is_cancelled(BATCH)) is expected


@pytest.mark.parametrize("letter", ["p", "o", "f", "c", "e", "l"])
def test_the_sealed_request_goes_with_a_pass(backend: Backend, letter: Letter) -> None:
    """What failed may be repeated; of what passed nobody needs the credentials."""
    opened(backend, 2)
    taken(backend, 0, 1)

    settle(backend, [0], letter)

    assert sealed(backend, 0, 1) == [None if letter in "po" else SEALED, SEALED]


def test_causes_are_counted_the_most_frequent_first(backend: Backend) -> None:
    """That is the one to mend first."""
    opened(backend, 20)
    taken(backend, *range(20))
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
    opened(backend, 24)
    taken(backend, *range(24))
    for index in indexes:
        settle(backend, [index], "f", "tcp.refused")

    found = ask(backend, lambda store: store.bits(BATCH, ["tcp.refused", "other"]))

    assert [n for n in range(32) if found["tcp.refused"] >> n & 1] == indexes
    assert found["other"] == 0


def test_what_one_item_alone_has_is_not_shared(backend: Backend) -> None:
    """Every platform has an address."""
    opened(backend, 3)
    taken(backend, 0, 1, 2)
    settle(backend, [0], "f", facts=["issuer=CN=Old CA", "host=a"])
    settle(backend, [1], "f", facts=["issuer=CN=Old CA", "host=b"])
    settle(backend, [2], "p", facts=[])

    assert shared_facts(backend) == [("issuer=CN=Old CA", 2)]


def test_no_more_facts_are_shown_than_anybody_reads(backend: Backend) -> None:
    """Ten thousand addresses with two platforms each explain nothing."""
    opened(backend, 2)
    taken(backend, 0, 1)
    facts = [f"address=192.0.2.{number}" for number in range(2 * MOST_SHARED_FACTS)]

    settle(backend, [0, 1], "f", facts=[*facts, "host=db"])
    assert len(shared_facts(backend)) == MOST_SHARED_FACTS


def test_a_batch_of_which_an_item_has_not_ended_is_not_finished(backend: Backend) -> None:
    """A feeder that was frozen may believe so, while another one has taken its place."""
    opened(backend, 2)
    taken(backend, 0)
    settle(backend, [0], "p")
    finish(backend)  # one waits
    taken(backend, 1)
    finish(backend)  # and is at work
    assert state(backend).finished_at is None
    assert ask(backend, lambda store: store.open_batches()) == [BATCH]

    settle(backend, [1], "p")
    finish(backend)

    assert state(backend).finished_at is not None
    assert ask(backend, lambda store: store.open_batches()) == []


def test_a_batch_finishes_once(backend: Backend) -> None:
    """Its end is what its pace and its duration are counted by."""
    opened(backend, 1)
    taken(backend, 0)
    settle(backend, [0], "p")
    finish(backend)
    finished_at = state(backend).finished_at

    finish(backend)

    assert state(backend).finished_at == finished_at


@pytest.mark.parametrize(
    ("change", "announced"),
    [
        (lambda store: store.settle(BATCH, [Settled([0], "p", "", [])]), b"settled"),
        (lambda store: store.end_waiting(BATCH, "c"), b"settled"),
        (lambda store: store.finish(BATCH), b"closed"),
    ],
    ids=["settle", "end_waiting", "finish"],
)
def test_who_watches_is_told(
    backend: Backend, change: Callable[[BatchStore], Awaitable[None]], announced: bytes
) -> None:
    """Otherwise they would have to ask again and again."""
    opened(backend, 1)
    taken(backend, 0)
    if announced == b"closed":
        settle(backend, [0], "p")

    with listening_to(backend, batch_key(BATCH)) as listening:
        ask(backend, change)
        message = listening.get_message(timeout=5)

    assert message is not None
    assert message["data"] == announced


def everything(backend: Backend) -> None:
    """Have a batch that went through all that can happen to one."""
    opened(backend, 5, twins={0: [1]})
    taken(backend, 0, 1, 2, 3)
    settle(backend, [0, 1], "f", "tcp.refused", ["host=db"])
    settle(backend, [2], "o", "tls.expires_soon")
    settle(backend, [3], "p")
    ask(backend, lambda store: store.end_waiting(BATCH, "c"))
    finish(backend)


def test_nothing_of_a_batch_stays_for_ever(backend: Backend) -> None:
    """Whatever was once tested would fill Redis; the list of open batches alone may stay."""
    opened(backend, 1)
    assert {key for key, lives in lives_s(backend).items() if lives == -1} == {OPEN}
    backend.sync.flushall()

    everything(backend)

    kept_s = DEADLINE_S + TTL_S
    of_the_batch = (
        batch_key,
        letters_key,
        items_key,
        targets_key,
        twins_key,
        causes_key,
        facts_key,
    )
    of_causes = {cause_key(BATCH, code) for code in ("tcp.refused", "tls.expires_soon")}
    found = lives_s(backend)
    assert set(found) == {*(key(BATCH) for key in of_the_batch), *of_causes, sealed_key(BATCH)}
    assert found.pop(sealed_key(BATCH)) == pytest.approx(DEADLINE_S, abs=5)
    assert all(lives == pytest.approx(kept_s, abs=5) for lives in found.values())


def test_credentials_go_when_no_test_may_begin_any_more(backend: Backend) -> None:
    """The results are kept longer than what was sealed for them."""
    opened(backend, 1, start_within_s=-1)

    assert sealed(backend, 0) == [None]
    assert letters(backend) == "q"


@pytest.mark.parametrize(
    "write",
    [
        lambda store: store.take(BATCH, [0]),
        lambda store: store.settle(BATCH, [SETTLED]),
        lambda store: store.end_waiting(BATCH, "c"),
        lambda store: store.finish(BATCH),
    ],
    ids=["take", "settle", "end_waiting", "finish"],
)
def test_a_late_write_does_not_bring_half_of_a_batch_back(
    backend: Backend, write: Callable[[BatchStore], Awaitable[object]]
) -> None:
    """What has expired would come back without a time to live."""
    opened(backend, 1)
    for key in (batch_key, letters_key, items_key, targets_key, sealed_key):
        backend.sync.delete(key(BATCH))

    ask(backend, write)

    assert set(lives_s(backend)) <= {OPEN}


def test_an_expired_batch_is_open_no_more(backend: Backend) -> None:
    """The list of open batches has no time to live of its own."""
    opened(backend, 1)
    backend.sync.delete(letters_key(BATCH))
    assert ask(backend, lambda store: store.state(BATCH)) is None

    finish(backend)

    assert ask(backend, lambda store: store.open_batches()) == []


def test_a_batch_that_is_not_there_has_nothing(backend: Backend) -> None:
    """It may expire between two looks at it."""
    assert ask(backend, lambda store: store.state(BATCH)) is None
    assert ask(backend, lambda store: store.rejected(BATCH)) == []
    assert ask(backend, lambda store: store.twins(BATCH)) == {}
    assert ask(backend, lambda store: store.items(BATCH, [])) == []
    with pytest.raises(BatchGoneError):
        ask(backend, lambda store: store.items(BATCH, [0]))
    assert sealed(backend) == []
    assert causes(backend) == []
    assert shared_facts(backend) == []


def test_an_item_that_is_equal_to_another_needs_no_request_of_its_own(backend: Backend) -> None:
    """Its credentials lie in Redis once."""
    items = [new_item(0), NewItem(1, new_item(1).item, "")]

    ask(backend, lambda store: store.add(BATCH, items))

    assert sealed(backend, 0, 1) == [SEALED, None]


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_a_store_that_is_away_is_named_so(
    fallible: tuple[Backend, Outages], operation: Callable[[BatchStore], Awaitable[object]]
) -> None:
    """The API answers 503 to that and to nothing else."""
    backend, outages = fallible
    outages.begin()

    with pytest.raises(StoreUnreachableError):
        ask(backend, operation)
