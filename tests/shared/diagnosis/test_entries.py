import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from shared.diagnosis.entries import (
    LARGEST_ENTRY,
    MOST_CAUSES,
    MOST_COMMAS,
    MOST_FACTS,
    Closed,
    Entry,
    FoundCause,
    Queued,
    StepEnded,
    Unread,
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


@pytest.mark.parametrize("text", ["", "{}", '{"kind":7}', '{"kind":"closed"}', "[]", "\xff"])
def test_what_is_no_entry_is_a_gap_in_the_story(text: str) -> None:
    """It must stop nobody who reads it, and nothing may be concluded from what is missing."""
    read = entry_from_json(text)

    assert isinstance(read, Unread)
    assert read.hides_something
    assert begins_sign_in(read)  # perhaps: a second one could lock the account


@pytest.mark.parametrize(
    "content",
    [
        {"step": "Call 555-0100"},
        {"step": "x" * 65},
        {"took_ms": -1},
        {"took_ms": 1e300},
        {"at": "0001-01-01T00:00:00Z"},
        {"at": "9999-12-31T23:59:59Z"},
        {"facts": {"says": "x" * LARGEST_ENTRY}},
        {"causes": [{}] * MOST_COMMAS},
    ],
    ids=lambda content: "".join(content),
)
def test_an_entry_that_cannot_be_shown_or_calculated_with_is_not_read(
    content: dict[str, object],
) -> None:
    """A stolen worker would have the API spend its time on it, or fail."""
    known = json.loads(step("tcp_connect", REFUSED)[1].model_dump_json())

    read = entry_from_json(json.dumps({**known, **content}))

    assert isinstance(read, Unread)
    assert read.hides_something


def test_too_many_facts_or_causes_are_left_out_together() -> None:
    """Each costs time; whether the step failed is known without them."""
    entry = step("tcp_connect", REFUSED)[1]
    known = json.loads(entry.model_dump_json())
    many = {f"f{n}": n for n in range(MOST_FACTS + 1)}
    crowd = [{"code": "tcp.refused"}] * (MOST_CAUSES + 1)

    read = entry_from_json(json.dumps({**known, "facts": many, "causes": crowd}))

    assert read == entry.model_copy(update={"facts": {}, "causes": ()})


def test_a_cause_needs_no_more_than_its_code() -> None:
    """A later worker need not write texts that nobody reads."""
    known = json.loads(step("tcp_connect")[1].model_dump_json())

    read = entry_from_json(json.dumps({**known, "causes": [{"code": "tcp.refused"}]}))

    assert isinstance(read, StepEnded)
    assert read.causes == (FoundCause(code="tcp.refused"),)


@pytest.mark.parametrize("entry", KINDS, ids=lambda entry: entry.kind)
def test_an_entry_of_a_newer_release_is_read_as_far_as_it_is_known(entry: Entry) -> None:
    """Workers are upgraded first: the API reads what they write."""
    newer = entry.model_dump_json()[:-1] + ',"a_new_field":{"of":["any","form"]}}'

    assert entry_from_json(newer) == entry


def test_a_kind_of_a_newer_release_only_adds_to_the_story() -> None:
    """Its moment is kept: a job expires some time after its last entry."""
    newer = {"kind": "paused", "at": closed().at.isoformat(), "why": "a new kind"}

    read = entry_from_json(json.dumps(newer))

    assert read == Unread(at=closed().at, kind="paused")
    assert isinstance(read, Unread)
    assert not read.hides_something
    assert not begins_sign_in(read)


def test_a_step_of_a_newer_release_keeps_its_name_and_its_outcome() -> None:
    """If it failed, the platform did not pass."""
    ended = StepEnded(at=BEGAN_AT, step="quota_check", outcome="failed", took_ms=1)

    assert entry_from_json(ended.model_dump_json()) == ended


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("causes", [{"code": "tcp.refused", "owner": "an unknown one"}], {"causes": ()}),
        ("facts", {"port": {"of": "another type"}}, {"facts": {}}),
        ("command", ["curl", "-v"], {"command": ""}),
    ],
)
def test_a_value_of_a_newer_release_is_left_out(
    field: str, value: object, kept: dict[str, object]
) -> None:
    """The rest of the step is known; above all, whether it failed."""
    entry = step("tcp_connect", REFUSED)[1]
    newer = {**json.loads(entry.model_dump_json()), field: value}

    assert entry_from_json(json.dumps(newer)) == entry.model_copy(update=kept)


def test_a_queue_and_a_step_of_a_newer_release_leave_the_job_its_tenant() -> None:
    """An older API shows the job, and who it belongs to is known."""
    newer = {**json.loads(queued().model_dump_json()), "queue": "nightly", "steps": ["quota_check"]}

    assert entry_from_json(json.dumps(newer)) == queued().model_copy(update={"steps": ()})


def test_a_queued_entry_has_no_room_for_credentials() -> None:
    """The stream is kept for a day, in clear."""
    told = {
        *("at", "kind", "tenant", "share_of", "token_name", "client"),
        *("product_type", "endpoint", "target", "queue", "steps", "site", "verifies"),
    }

    # The name of a job is no way to what was sealed for it, and a policy is no secret.
    assert set(Queued.model_fields) == told | {"sealed_as", "repeated_by"}


def test_what_an_older_version_does_not_know_is_written_only_where_it_matters() -> None:
    """Workers are upgraded first, and an older API reads what they write."""
    plain = queued().model_dump(), closed("expired").model_dump()

    assert "share_of" not in plain[0]
    assert "waited_for" not in plain[1]
    assert queued().model_copy(update={"share_of": "acme"}).model_dump()["share_of"] == "acme"
