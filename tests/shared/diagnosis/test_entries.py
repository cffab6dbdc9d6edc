import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from shared.diagnosis.entries import (
    Closed,
    Entry,
    FoundCause,
    Queued,
    StepEnded,
    begins_sign_in,
    entry_from_json,
)
from shared.diagnosis.outcomes import Finding
from tests.shared.diagnosis.stories import (
    BEGAN_AT,
    CLOCK_OFF,
    KNOWN,
    REFUSED,
    closed,
    queued,
    requeued,
    started,
    step,
)

KINDS = [
    queued(),
    started(),
    *step("tcp_connect"),
    step("tcp_connect", REFUSED)[1],
    step("product_identify", CLOCK_OFF)[1],
    requeued(),
    closed("lost"),
]


@pytest.mark.parametrize("entry", KINDS, ids=lambda entry: entry.kind)
def test_an_entry_survives_being_written_and_read(entry: Entry) -> None:
    """A worker writes it and an API of another process reads it."""
    assert entry_from_json(entry.model_dump_json()) == entry


def test_the_tenant_is_stored_under_the_name_that_redis_knows() -> None:
    """Processes of the release before read it while they are replaced."""
    assert json.loads(queued().model_dump_json())["caller"] == queued().tenant


def test_a_sign_in_begins_when_its_step_starts() -> None:
    """The key pair may be on the wire from then on, and accounts are locked by a second one."""
    began, ended = step("authenticate")

    assert [begins_sign_in(entry) for entry in (began, ended)] == [True, False]
    assert not any(map(begins_sign_in, KINDS))


def test_facts_keep_their_types() -> None:
    """A number that comes back as text, or a yes as 1, would change the report."""
    facts = {"a": "x", "b": 7, "c": 1.0, "d": True, "e": ("x", "y"), "f": 10**30}
    ended = StepEnded(at=BEGAN_AT, step="authorize", outcome="passed", took_ms=1, facts=facts)

    read = entry_from_json(ended.model_dump_json())

    assert isinstance(read, StepEnded)
    assert {name: (type(fact), fact) for name, fact in read.facts.items()} == {
        name: (type(fact), fact) for name, fact in facts.items()
    }


def test_a_cause_is_put_into_words_once() -> None:
    """A report must read tomorrow as it read today, whatever the next release says."""
    found = FoundCause.of(Finding(REFUSED, {"errno": 111}), KNOWN)

    assert found.summary == "db.example.com refused the connection on port 8443"
    assert found.remedies[1] == "Check that the service is running on db.example.com."
    assert (found.code, found.owner, found.field) == ("tcp.refused", "platform", "endpoint")
    assert found.facts == {"errno": 111}


def test_a_moment_without_a_zone_is_refused() -> None:
    """Two machines would read it as two moments."""
    with pytest.raises(ValidationError, match="timezone"):
        Closed(at=datetime(2026, 11, 23, tzinfo=UTC).replace(tzinfo=None), status="finished")


@pytest.mark.parametrize("text", ["", "{}", '{"kind":"other"}', '{"kind":"closed"}', "[]"])
def test_what_is_no_entry_is_refused(text: str) -> None:
    """A stream that somebody else wrote to must not be taken for a job."""
    with pytest.raises(ValidationError):
        entry_from_json(text)


def test_an_entry_of_a_newer_release_is_refused_rather_than_half_read() -> None:
    """An unknown field may be the one that matters."""
    newer = queued().model_dump_json()[:-1] + ',"secret":"x"}'

    with pytest.raises(ValidationError, match="secret"):
        entry_from_json(newer)


def test_a_queued_entry_has_no_room_for_credentials() -> None:
    """The stream is kept for a day, in clear."""
    told = {
        *("at", "kind", "tenant", "share_of", "token_name", "client"),
        *("product_type", "endpoint", "target", "queue", "steps"),
    }

    # The name of a job is no way to what was sealed for it.
    assert set(Queued.model_fields) == told | {"sealed_as"}


def test_what_an_older_version_does_not_know_is_written_only_where_it_matters() -> None:
    """Workers are upgraded first, and an older API reads what they write."""
    plain = queued().model_dump(), closed("expired").model_dump()

    assert "share_of" not in plain[0]
    assert "waited_for" not in plain[1]
    assert queued().model_copy(update={"share_of": "acme"}).model_dump()["share_of"] == "acme"
