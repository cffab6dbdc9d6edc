import logging
from base64 import b64encode
from time import monotonic  # noqa: TID251 -- one time is held against another
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from shared.diagnosis.causes import Cause
from shared.diagnosis.entries import StepEnded, StepNoted, StepStarted
from shared.diagnosis.outcomes import Fact, Failed, Finding, Passed
from shared.platform.keys.input_checks import CREDENTIAL_WHITESPACE
from shared.platform.product import Credentials
from shared.store.errors import RunGivenUpError
from shared.text import LONGEST_SHOWN
from tests.network.loopback import KNOWN, soon
from tests.network.slow_store import ROUND_TRIP_S, round_trip
from tests.worker.jobs import JOB_ID, Jobs, queued_job
from worker.deadline import Deadline
from worker.investigations.investigator import Investigator
from worker.recorder import BUDGET_EXHAUSTED, INTERNAL_ERROR, Recorder
from worker.redaction import REDACTED, Redactor

SECRET = "s3cr/et+value"
CREDENTIALS = Credentials(SecretStr("AKID1234"), SecretStr(SECRET))
ABOUT_KEY = {"field": "secretKey", "side": "ends"}
NO_TIME = Investigator(budget_s=0)
DOWN = Cause("test.down", "platform", "{host} says {word}", ("Mend {host}.",), field="endpoint")
DOUBTFUL = Cause("test.doubtful", "caller", "{host} is odd", (), severity="warning")


@pytest.fixture
def jobs() -> Jobs:
    """Give a job that waits for a worker."""
    return queued_job()


@pytest.fixture
def step(jobs: Jobs) -> Recorder:
    """Give the recorder of a worker that has taken the job."""
    return Recorder(jobs.begin(), KNOWN, Redactor(CREDENTIALS), soon(), NO_TIME)


def dns_lookup(value: int, **facts: Fact) -> Passed[int]:
    return Passed(value, **facts)


def tcp_connect(word: str) -> Passed[int]:
    raise Failed(DOWN, word=word)


def tls_handshake() -> Passed[int]:
    return Passed(7, Finding(DOUBTFUL), Finding(DOWN, {"word": "x"}), protocol="TLSv1.3")


def http_response(error: Exception) -> Passed[int]:
    raise error


def ended(jobs: Jobs) -> StepEnded:
    (entry,) = [entry for entry in jobs.entries() if isinstance(entry, StepEnded)]
    return entry


def test_a_step_gives_what_it_found(step: Recorder) -> None:
    """The pipeline reads as if the recorder were not there."""
    assert step(dns_lookup, 5) == 5


def test_what_happened_is_written_in_its_order(jobs: Jobs, step: Recorder) -> None:
    """The stream is what the caller is shown, live."""
    step(dns_lookup, 5)
    step(tls_handshake)
    step.finish()

    told = [
        (entry.kind, entry.step if isinstance(entry, StepStarted | StepEnded) else "")
        for entry in jobs.entries()
    ]
    assert told == [
        ("queued", ""),
        ("started", ""),
        ("step_started", "dns_lookup"),
        ("step_ended", "dns_lookup"),
        ("step_started", "tls_handshake"),
        ("step_ended", "tls_handshake"),
        ("closed", ""),
    ]


def test_what_becomes_known_later_is_written_before_the_end(jobs: Jobs, step: Recorder) -> None:
    """It belongs to a step that has ended, in words and without secrets like the rest."""
    step(dns_lookup, 5)
    step.note("dns_lookup", [Finding(DOUBTFUL, {"word": SECRET})], {"tried": SECRET})
    step.finish()

    *_, noted, closed = jobs.entries()
    assert (noted.kind, closed.kind) == ("step_noted", "closed")
    assert isinstance(noted, StepNoted)
    assert [cause.severity for cause in noted.causes] == ["warning"]
    assert SECRET not in jobs.raw()


def test_the_start_of_a_step_is_written_before_it_runs(jobs: Jobs, step: Recorder) -> None:
    """A worker that dies in the middle must have said where: a sign-in is not made twice."""
    seen: list[str] = []

    def authenticate() -> Passed[None]:
        seen.extend(jobs.kinds())
        return Passed(None)

    step(authenticate)

    assert seen[-1] == "step_started"


def test_a_step_that_passed_is_written_with_its_facts(jobs: Jobs, step: Recorder) -> None:
    """Facts are the evidence that a caller may check."""
    step(dns_lookup, 5, addresses=("10.0.0.7",), count=1)
    step.finish()

    entry = ended(jobs)
    assert (entry.outcome, entry.causes) == ("passed", ())
    assert entry.facts == {"addresses": ("10.0.0.7",), "count": 1}
    assert 0 <= entry.took_ms < 60_000


def test_a_failure_is_written_in_words_and_goes_on(jobs: Jobs, step: Recorder) -> None:
    """The words are kept as they were said, whatever a later version would say."""
    with pytest.raises(Failed) as raised:
        step(tcp_connect, "no")
    step.finish()

    assert raised.value.cause is DOWN
    entry = ended(jobs)
    assert entry.outcome == "failed"
    (cause,) = entry.causes
    assert (cause.code, cause.owner, cause.field) == ("test.down", "platform", "endpoint")
    assert (cause.summary, cause.remedies) == (
        "cloud.example.com says no",
        ("Mend cloud.example.com.",),
    )
    assert cause.facts == {"word": "no"}


def test_warnings_are_written_and_the_step_goes_on(jobs: Jobs, step: Recorder) -> None:
    """A warning does not stop a test."""
    assert step(tls_handshake) == 7
    step.finish()

    entry = ended(jobs)
    assert entry.outcome == "warning"
    assert [cause.code for cause in entry.causes] == ["test.doubtful", "test.down"]
    assert entry.facts == {"protocol": "TLSv1.3"}


@pytest.mark.parametrize("error", [ValueError(SECRET), KeyError(SECRET), RecursionError(SECRET)])
def test_a_bug_of_ours_is_never_the_platforms_fault(
    jobs: Jobs, step: Recorder, error: Exception
) -> None:
    """The type of the error goes to the caller, its text does not: it may hold anything."""
    with pytest.raises(Failed) as raised:
        step(http_response, error)
    step.finish()

    assert raised.value.cause is INTERNAL_ERROR
    assert raised.value.__cause__ is None
    (cause,) = ended(jobs).causes
    assert cause.owner == "us"
    assert type(error).__name__ in cause.summary
    assert JOB_ID in cause.remedies[0]
    assert SECRET not in jobs.raw()


def test_the_end_of_the_budget_is_no_bug(jobs: Jobs, step: Recorder) -> None:
    """The caller can give the test more time."""
    with pytest.raises(Failed) as raised:
        step(http_response, TimeoutError())
    step.finish()

    assert raised.value.cause is BUDGET_EXHAUSTED
    (cause,) = ended(jobs).causes
    assert (cause.owner, cause.field) == ("caller", "options.timeoutSeconds")


def test_a_step_without_time_is_not_begun_and_blames_nobody_else(jobs: Jobs) -> None:
    """Steps that ran with no time left would say that the platform did not answer within 0 s."""
    step = Recorder(jobs.begin(), KNOWN, Redactor(CREDENTIALS), Deadline.after(-60), NO_TIME)
    calls: list[int] = []

    def authenticate() -> Passed[None]:
        calls.append(1)
        return Passed(None)

    with pytest.raises(Failed) as raised:
        step(authenticate)
    step.finish()

    assert raised.value.cause is BUDGET_EXHAUSTED
    assert calls == []
    assert [cause.code for cause in ended(jobs).causes] == [BUDGET_EXHAUSTED.code]


def test_evidence_is_bounded_and_can_be_shown(jobs: Jobs, step: Recorder) -> None:
    """A platform that answers with a header of 60 000 bytes must not fill the store with it."""
    hostile = "x\x1b[31m\x00" * 20_000
    step(dns_lookup, 5, server=hostile, names=(hostile,))
    with pytest.raises(Failed):
        step(tcp_connect, hostile)
    step.finish()

    first, second = (entry for entry in jobs.entries() if isinstance(entry, StepEnded))
    texts = [str(first.facts["server"]), *second.causes[0].facts.values()]
    assert all(len(str(text)) <= LONGEST_SHOWN + 1 for text in texts)
    assert all(str(text).isprintable() for text in texts)
    assert len(jobs.raw()) < 50 * LONGEST_SHOWN


@pytest.mark.parametrize(
    "form", [SECRET, quote(SECRET, safe=""), b64encode(SECRET.encode()).decode(), "AKID1234"]
)
def test_secrets_are_taken_out_of_everything_that_is_kept(
    jobs: Jobs, step: Recorder, form: str
) -> None:
    """A platform that echoes what it was sent must not make us publish it."""
    step(dns_lookup, 5, text=f"you sent {form}!", texts=(form,))
    with pytest.raises(Failed):
        step(tcp_connect, f"bad key {form}!")
    step.finish()

    assert form not in jobs.raw()
    first, second = (entry for entry in jobs.entries() if isinstance(entry, StepEnded))
    assert first.facts == {"text": f"you sent {REDACTED}!", "texts": (REDACTED,)}
    assert second.causes[0].summary == f"cloud.example.com says bad key {REDACTED}!"


def test_what_happens_can_be_seen_before_the_job_is_over(jobs: Jobs, step: Recorder) -> None:
    """Steps are written together with those of other jobs, and that is done all the time."""
    step(dns_lookup, 5)
    jobs.store.write_all()
    assert jobs.kinds() == ["queued", "started", "step_started"]

    step(tls_handshake)
    jobs.store.write_all()
    assert jobs.kinds() == ["queued", "started", "step_started", "step_ended", "step_started"]


def test_a_job_that_is_not_ours_any_more_is_not_signed_in_for(jobs: Jobs, step: Recorder) -> None:
    """Two workers at one platform would sign in twice."""
    jobs.requeue()
    calls: list[int] = []

    def authenticate() -> Passed[None]:
        calls.append(1)
        return Passed(None)

    with pytest.raises(RunGivenUpError):
        step(authenticate)
    assert calls == []


def test_a_job_that_is_not_ours_any_more_is_not_worked_on(jobs: Jobs, step: Recorder) -> None:
    """The platform is spared every step that begins after a write was refused."""
    jobs.requeue()
    step(dns_lookup, 5)
    jobs.store.write_all()
    calls: list[int] = []

    def tcp_connect() -> Passed[None]:
        calls.append(1)
        return Passed(None)

    with pytest.raises(RunGivenUpError):
        step(tcp_connect)
    assert calls == []
    assert jobs.kinds() == ["queued", "started", "requeued"]


def test_every_step_is_one_line_of_the_log(
    step: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    """Operators search the log by job, step and cause; of those that pass, there are too many."""
    caplog.set_level(logging.DEBUG, "worker.recorder")
    step(dns_lookup, 5)
    with pytest.raises(Failed):
        step(tcp_connect, SECRET)

    first, second = caplog.messages
    assert [record.levelname for record in caplog.records] == ["DEBUG", "INFO"]
    assert first.startswith(f"step job={JOB_ID} step=dns_lookup outcome=passed cause=- took_ms=")
    assert second.startswith(f"step job={JOB_ID} step=tcp_connect outcome=failed cause=test.down")
    assert SECRET not in caplog.text


def test_the_bookkeeping_takes_nothing_from_the_platforms_time(jobs: Jobs) -> None:
    """A slow store must not end in "the platform did not answer in time"."""
    deadline = Deadline.after(10)
    step = Recorder(jobs.begin(), KNOWN, Redactor(CREDENTIALS), deadline, NO_TIME)
    before_s, began_s = deadline.clock.now_s(), monotonic()

    step(dns_lookup, 5)

    assert deadline.clock.now_s() - before_s < monotonic() - began_s


def test_the_store_takes_nothing_of_a_steps_own_time(jobs: Jobs) -> None:
    """A step that asks a store far away is as fast as its platform."""
    deadline = soon()
    step = Recorder(jobs.begin(), KNOWN, Redactor(CREDENTIALS), deadline, NO_TIME)

    def authenticate() -> Passed[None]:
        with deadline.clock.stopped():
            round_trip()
        return Passed(None)

    began_s = monotonic()
    step(authenticate)
    took_s = monotonic() - began_s
    step.finish()

    assert ended(jobs).took_ms <= (took_s - ROUND_TRIP_S) * 1000


def test_what_a_step_found_is_redacted_where_a_later_step_names_it(
    jobs: Jobs, step: Recorder
) -> None:
    """A platform may put the secret into its Server header, and fail the next step."""
    step(dns_lookup, 5, word=f"we got {SECRET}")
    with pytest.raises(Failed):
        step(http_response, Failed(DOWN))
    step.finish()

    assert SECRET not in jobs.raw()
    assert REDACTED in jobs.raw()


def test_our_own_words_about_a_key_are_shown_though_the_secret_is_one_of_them(jobs: Jobs) -> None:
    """What a platform says about it is still hidden."""

    def authenticate() -> Passed[int]:
        raise Failed(DOWN, Finding(CREDENTIAL_WHITESPACE, ABOUT_KEY), word="SECRETS secretKey")

    redact = Redactor(Credentials(SecretStr("AKID1234"), SecretStr("SECRET")))
    step = Recorder(jobs.begin(), KNOWN, redact, soon(), NO_TIME)
    with pytest.raises(Failed):
        step(authenticate)
    step.finish()

    platforms, ours = ended(jobs).causes
    assert platforms.facts["word"] == f"{REDACTED} {REDACTED}"
    assert ours.summary == "The secretKey ends with whitespace, as pasted keys often do"
