import pytest
from redis import ConnectionError as RedisConnectionError
from redis import ResponseError

from shared.diagnosis.entries import Closed, Entry, Queued, Unread
from shared.store.jobs.job_stream import (
    CLOSING,
    QUEUED_ID,
    Appender,
    entry_of,
    run_of,
    was_written,
)
from shared.store.site_keys import DEFAULT_KEYS
from tests.shared.conftest import Backend
from tests.shared.diagnosis.stories import closed, queued

NO_SUCH_FIELDS: dict[bytes, bytes] = {}


@pytest.mark.parametrize("entry", [queued(), closed()], ids=lambda entry: entry.kind)
def test_a_row_says_what_was_written(entry: Entry) -> None:
    """What one process appends another must read."""
    assert entry_of((b"0-1", {b"entry": entry.model_dump_json().encode()})) == entry


@pytest.mark.parametrize("fields", [NO_SUCH_FIELDS, {b"entry": b"\x00"}, {b"text": b"{}"}])
def test_a_row_without_a_readable_entry_says_what_its_id_says(fields: dict[bytes, bytes]) -> None:
    """Ids are the same in every version: a job that is over must not be waited for."""
    first, later, last = (
        entry_of((entry_id.encode(), fields)) for entry_id in (QUEUED_ID, "1-2", f"1-{CLOSING}")
    )

    assert isinstance(first, Queued)
    assert first.tenant == ""  # so nobody is shown the job
    assert isinstance(later, Unread)
    assert isinstance(last, Closed)
    assert last.status == "lost"


@pytest.mark.parametrize(("entry_id", "run"), [(QUEUED_ID, 0), ("1-0", 1), (f"12-{CLOSING}", 12)])
def test_the_run_of_a_row_is_the_first_half_of_its_id(entry_id: str, run: int) -> None:
    """Whoever takes the wrong number for a run shuts itself out."""
    assert run_of((entry_id.encode(), NO_SUCH_FIELDS)) == run


def test_a_refused_write_is_not_taken_for_a_written_one() -> None:
    """The script says 1 or 0; the one begins what follows, the other ends a run."""
    assert was_written(1)
    assert not was_written(0)


@pytest.mark.parametrize("error", [RedisConnectionError("lost"), ResponseError("OOM")])
def test_an_error_is_not_taken_for_a_given_up_run(error: Exception) -> None:
    """The one is tried again, the other is not."""
    with pytest.raises(type(error)):
        was_written(error)


def test_what_goes_wrong_in_redis_is_not_taken_for_a_refusal(backend: Backend) -> None:
    """The script catches the errors of Redis, and must tell one from another."""
    backend.sync.set(DEFAULT_KEYS.job("4f2a"), "no stream")
    with backend.sync.pipeline(transaction=False) as pipe:
        Appender(60, DEFAULT_KEYS).queue(pipe, "4f2a", [("1-1", closed())])
        (result,) = pipe.execute(raise_on_error=False)

    with pytest.raises(ResponseError):
        was_written(result)


def test_what_follows_does_so_only_when_all_is_written(backend: Backend) -> None:
    """A run that was shut out must not undo what belongs to the next one."""
    results: list[bool] = []
    for entry_id, told in ((QUEUED_ID, queued()), ("1-1", closed()), ("1-1", closed())):
        with backend.sync.pipeline(transaction=False) as pipe:
            Appender(60, DEFAULT_KEYS).queue(
                pipe, "4f2a", [(entry_id, told)], [("INCR", "follows")]
            )
            results += map(was_written, pipe.execute())

    assert results == [True, True, False]
    assert backend.sync.get("follows") == b"2"
