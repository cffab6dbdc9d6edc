"""The client against a running service."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from conncheck_client import (
    Client,
    ConflictError,
    InvalidRequestError,
    NoSuchError,
    NotSignedInError,
    Platform,
    PlatformFailedError,
    RowError,
    raise_if_failed,
)
from tests.running.service import Service, a_request
from tests.stand_ins.zstack import ZstackNode

NODE = tuple[ZstackNode, str]


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    with Client(service.url, service.token) as opened:
        yield opened


def ndjson(*items: dict[str, object]) -> bytes:
    return "".join(json.dumps(item) + "\n" for item in items).encode()


def test_a_test_gives_the_job_when_it_is_over(client: Client, node: NODE) -> None:
    """The usual case must be one call, with typed results."""
    job = client.test(a_request(node[1]))

    assert job.success is True
    assert job.items[-1].name == "authorize"
    assert job.job_id
    raise_if_failed(job)


def test_a_request_can_be_a_model(client: Client, node: NODE) -> None:
    """Its secret must be sent in clear to the service, and nowhere else be shown."""
    platform = Platform.model_validate(a_request(node[1]))

    assert client.answer(platform).success
    assert "SECRET" not in repr(platform)


def test_a_failed_platform_can_be_raised_with_its_cause(client: Client, node: NODE) -> None:
    """A script wants to branch on the code, not on a sentence."""
    job = client.test(a_request(node[1], secretKey="wrong"))

    with pytest.raises(PlatformFailedError) as raised:
        raise_if_failed(job)
    assert raised.value.cause == "auth.secret_mismatch"
    assert raised.value.owner == "caller"
    assert raised.value.remedies


def test_events_tell_each_step_and_can_be_resumed(client: Client, node: NODE) -> None:
    """Whoever lost the connection must not see anything twice, nor miss anything."""
    job_id = client.submit(a_request(node[1])).job_id

    events = list(client.events(job_id))
    later = list(client.events(job_id, after=events[3].id))

    assert events[0].kind == "queued"
    assert events[-1].kind == "closed"
    ended = [event.item.name for event in events if event.item]
    assert ended == [event.step for event in events if event.kind == "step_started"]
    assert later == events[4:]


def test_the_same_key_tests_once(client: Client, node: NODE) -> None:
    """A script that was restarted must not sign in again."""
    first = client.submit(a_request(node[1]), key="one-key-of-the-sync-client")
    again = client.submit(a_request(node[1]), key="one-key-of-the-sync-client")

    client.finished(first.job_id)
    assert first == again
    assert node[0].judged == ["AKID"]


def test_own_jobs_and_batches_are_listed(client: Client, node: NODE) -> None:
    """Whoever has lost an id finds it; pages are read one after the other."""
    began_at = datetime.now(UTC) - timedelta(seconds=1)
    jobs = [client.test(a_request(node[1], secretKey=key)) for key in ("SECRET", "wrong")]
    taken = client.submit_batch([a_request(node[1])])
    client.finished_batch(taken.batch_id)

    listed = list(client.jobs(endpoint=node[1]))
    failed = list(client.jobs(endpoint=node[1], outcome="failed", since=began_at))
    batches = list(client.batches(status="finished", since=began_at))

    assert [one.job_id for one in listed] == [job.job_id for job in reversed(jobs)]
    assert [one.cause for one in failed] == ["auth.secret_mismatch"]
    assert taken.batch_id in [one.batch_id for one in batches]


def test_a_job_can_be_cancelled(client: Client, node: NODE) -> None:
    """It must end, also where the platform does not answer."""
    node[0].hold = Event()
    job_id = client.submit(a_request(node[1])).job_id
    assert node[0].changed.wait(30)

    client.cancel(job_id)

    assert client.finished(job_id).status == "cancelled"
    node[0].hold.set()


def test_a_batch_is_uploaded_followed_read_and_repeated(client: Client, node: NODE) -> None:
    """All that the batch API can do is there, each as one call."""
    good = a_request(node[1], ref="1", name="a", labels={"owner": "Alice"})
    bad = a_request(node[1], ref="2", name="b", labels={"owner": "Bob"}, accessKey="AK2")
    taken = client.upload(ndjson(good, bad, {"endpoint": "x"}), "application/x-ndjson")

    *_, last = client.batch_events(taken.batch_id)
    results = list(client.results(taken.batch_id))
    failed = list(client.results(taken.batch_id, outcome="failed"))
    node[0].keys["AK2"] = "SECRET"
    bobs = client.results(taken.batch_id, labels={"owner": "Bob"}, sort="-tookMs")
    named = client.results(taken.batch_id, refs=["1", "2"], sort="-name")
    header, *rows = client.results_table(taken.batch_id).decode().splitlines()
    (_, alice) = client.results_table(taken.batch_id, labels={"owner": "Alice"}).splitlines()
    workbook = client.results_table(taken.batch_id, "xlsx", sort="name")
    with pytest.raises(ConflictError, match="match"):
        client.retry_batch(taken.batch_id, labels={"owner": "Alice"})
    with pytest.raises(NoSuchError):
        client.results_table("b" * 24)
    again = client.retry_batch(taken.batch_id, labels={"owner": "Bob"}, refs=["2"])
    *_, repeated = client.batch_events(again.batch_id)

    assert (taken.accepted, taken.rejected) == (2, 1)
    assert last.finished
    assert last.finished.failed == 1
    assert [one.status for one in results] == ["passed", "failed"]
    assert [one.index for one in failed] == [1]
    assert [one.labels for one in bobs] == [{"owner": "Bob"}]
    assert [one.ref for one in named] == ["2", "1"]
    assert header.startswith("name,ref,productType,endpoint,label.owner,line,outcome,cause,")
    assert [row.split(",")[6] for row in rows] == ["passed", "failed", "invalid"]
    assert alice.startswith(b"a,1,zstack,")
    assert workbook.startswith(b"PK")
    assert repeated.finished
    assert repeated.finished.total == 1


def test_a_file_is_looked_at_before_it_is_tested(client: Client, node: NODE) -> None:
    """A wrong file costs a look, and no sign-in."""
    row = {name: value for name, value in a_request(node[1]).items() if name != "productType"}
    file = ndjson(row, {"endpoint": "ftp://h"})

    looked = client.dry_run(file, "application/x-ndjson", product_type="zstack")
    table = client.invalid_rows(file, "application/x-ndjson", product_type="zstack")
    workbook = client.invalid_rows(file, "application/x-ndjson", form="xlsx")

    assert node[0].requests == []
    assert (looked.accepted, looked.rejected, looked.read.format) == (1, 1, "NDJSON")
    assert [(one.place, one.field) for one in looked.errors] == [("line 2", "endpoint")]
    assert looked.first[0].values["secretKey"] == "••••"
    assert b"ftp://h" in table
    assert workbook.startswith(b"PK")
    assert b"endpoint" in client.template()
    assert client.template("xlsx").startswith(b"PK")
    taken = client.upload(file, "application/x-ndjson", product_type="zstack")
    assert taken.accepted == 1
    assert taken.read
    assert taken.errors == looked.errors


def test_the_errors_of_an_upload_are_typed(client: Client) -> None:
    """A portal shows them beside the file."""
    with pytest.raises(InvalidRequestError) as raised:
        client.upload(ndjson({"endpoint": "h"}), "application/x-ndjson")

    (error,) = raised.value.errors
    assert isinstance(error, RowError)
    assert (error.place, error.field, error.example) == ("line 1", "productType", "zstack")
    assert raised.value.problem.rejected == 1
    assert raised.value.problem.read
    assert raised.value.causes == []


def test_a_batch_can_be_cancelled(client: Client, node: NODE) -> None:
    """Whoever uploaded the wrong file wants it to end."""
    node[0].hold = Event()
    items = [a_request(node[1], accessKey=f"AK{n}") for n in range(9)]
    batch_id = client.upload(ndjson(*items), "application/x-ndjson").batch_id
    assert node[0].changed.wait(30)

    client.cancel_batch(batch_id)
    node[0].hold.set()
    *_, last = client.batch_events(batch_id)

    assert last.finished
    assert last.finished.cancelled > 0


def test_what_is_not_valid_names_the_field_and_the_cause(client: Client) -> None:
    """The service's own words, typed."""
    with pytest.raises(InvalidRequestError) as raised:
        client.submit(a_request("ftp://h"))

    assert [error.field for error in raised.value.errors] == ["endpoint"]
    assert raised.value.causes == ["input.scheme_unsupported"]


def test_an_unknown_job_is_a_problem_of_its_own(client: Client) -> None:
    """A script that polls must know when to give up."""
    with pytest.raises(NoSuchError):
        client.job("0" * 32)
    with pytest.raises(NoSuchError):
        list(client.events("../../healthz"))


def test_a_wrong_token_is_a_problem_of_its_own(service: Service) -> None:
    """And it is not in the message that goes to a log."""
    with Client(service.url, "wrong-token-wrong") as client:
        with pytest.raises(NotSignedInError) as raised:
            client.job("0" * 32)
        assert "wrong-token" not in str(raised.value) + repr(client)


def test_ready_tells_the_kinds_of_tests(client: Client) -> None:
    """The doctor asks for it."""
    ready = client.ready()

    assert {*ready.queues} == {"interactive", "bulk"}
    assert ready.date


def test_the_language_is_asked_for(service: Service) -> None:
    """The service tells its causes in the reader's language."""
    with Client(service.url, service.token, language="zh-CN") as client:
        job = client.test(a_request("127.0.0.1:1"))

    assert "拒绝" in job.made[-1].summary
