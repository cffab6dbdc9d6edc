import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.store.batches import batch_keys
from shared.store.batches.batch_keys import BATCH_ID_BYTES, is_batch_id, job_id_of
from shared.store.site_keys import DEFAULT_KEYS

BATCH = "8d4d17e8789ff7e43171802f"
MOST = 1_000_000  # items that a batch may have


@given(batch_id=st.binary(min_size=BATCH_ID_BYTES, max_size=BATCH_ID_BYTES).map(bytes.hex))
def test_what_is_made_for_a_batch_is_an_id_of_one(batch_id: str) -> None:
    """Its caller would be told that there is no such batch."""
    assert is_batch_id(batch_id)


@pytest.mark.parametrize(
    "text",
    ["", BATCH[1:], BATCH + "0", BATCH.upper(), BATCH + "\n", "g" * 24, "*" * 24, BATCH[1:] + ":"],
    ids=["empty", "short", "long", "upper", "newline", "letters", "stars", "colon"],
)
def test_what_a_caller_makes_up_is_no_id(text: str) -> None:
    """It becomes part of a key in Redis."""
    assert not is_batch_id(text)


@given(indexes=st.sets(st.integers(min_value=0, max_value=MOST)))
def test_each_item_has_a_job_of_its_own(indexes: set[int]) -> None:
    """A batch would be told of the wrong platform."""
    assert len({job_id_of(BATCH, index) for index in indexes}) == len(indexes)


def test_a_job_of_a_batch_looks_like_any_other_job() -> None:
    """It is shown, streamed and cancelled at the same address."""
    job_id = job_id_of(BATCH, 255)

    assert job_id == f"{BATCH}000000ff"
    assert len(job_id) == len(job_id_of(BATCH, MOST)) == 32


def test_no_two_things_of_a_batch_have_the_same_key() -> None:
    """The one would overwrite the other."""
    functions = dict(inspect.getmembers(batch_keys, inspect.isfunction))
    keys = [
        function(BATCH, "tls.expired") if name == "cause_key" else function(BATCH)
        for name, function in functions.items()
        if name.endswith("_key")
    ]

    assert (
        len({*keys, batch_keys.UNFINISHED_BATCHES, DEFAULT_KEYS.queued, DEFAULT_KEYS.running})
        == len(keys) + 3
    )
    assert all(BATCH in key for key in keys)
