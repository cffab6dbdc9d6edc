import pytest
from redis import ConnectionError as RedisConnectionError
from redis import ResponseError

from shared.entries import Entry
from shared.job_keys import (
    CLOSING,
    QUEUED_ID,
    RunGivenUpError,
    entry_of,
    job_key,
    refuse_lost_writes,
    run_of,
    running_key,
    sealed_key,
    sign_of_queue,
    sign_of_worker,
)
from tests.shared.stories import closed, queued

NO_SUCH_FIELDS: dict[bytes, bytes] = {}


def test_no_two_things_share_a_key() -> None:
    """A worker named like a queue must not pass for one."""
    keys = [key("x") for key in (job_key, sealed_key, sign_of_worker, sign_of_queue, running_key)]

    assert len(set(keys)) == len(keys)


def test_every_key_is_under_our_name() -> None:
    """A Redis may be shared, and a rule for who may write what needs a prefix."""
    for key in (job_key, sealed_key, sign_of_worker, sign_of_queue, running_key):
        assert key("x").startswith("conncheck:")


@pytest.mark.parametrize("entry", [queued(), closed()], ids=lambda entry: entry.kind)
def test_a_row_says_what_was_written(entry: Entry) -> None:
    """What one process appends another must read."""
    assert entry_of((b"0-1", {b"entry": entry.model_dump_json().encode()})) == entry


@pytest.mark.parametrize(("entry_id", "run"), [(QUEUED_ID, 0), ("1-0", 1), (f"12-{CLOSING}", 12)])
def test_the_run_of_a_row_is_the_first_half_of_its_id(entry_id: str, run: int) -> None:
    """Whoever takes the wrong number for a run shuts itself out."""
    assert run_of((entry_id.encode(), NO_SUCH_FIELDS)) == run


@pytest.mark.parametrize("refused", [ResponseError("ID is equal or smaller"), None])
def test_a_refused_write_says_that_the_run_was_given_up(refused: object) -> None:
    """None is what Redis says of a stream that is gone."""
    with pytest.raises(RunGivenUpError):
        refuse_lost_writes([b"1-1", refused, 1, 1], 2)


def test_a_lost_connection_is_not_taken_for_a_given_up_run() -> None:
    """The one is tried again, the other is not."""
    with pytest.raises(RedisConnectionError):
        refuse_lost_writes([RedisConnectionError("lost")], 1)


def test_what_comes_after_the_writes_is_not_looked_at() -> None:
    """The commands after them may answer None."""
    refuse_lost_writes([b"1-1", b"1-2", None], 2)
