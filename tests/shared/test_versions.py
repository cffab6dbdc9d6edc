"""What the version before wrote, word for word, and what this one writes for it to read.

While a service is upgraded, both are at work on the same Redis (docs/operations.md). Each record
here must be read, and must still be written in the same way: the version before refuses messages
and entries with a field that it does not know.
"""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from shared.diagnosis.entries import Entry, entry_from_json
from shared.policy.target_policy import TargetPolicy
from shared.request import JobRequest
from shared.request.message import JobMessage
from shared.store.batches.batch import (
    Batch,
    BatchItem,
    RejectedRow,
    UploadColumn,
    item_from_json,
    item_to_json,
    rejected_as_json,
    rejected_from_json,
)
from shared.store.idempotency import Claim
from tests.shared.diagnosis.stories import (
    CLOCK_OFF,
    REFUSED,
    at,
    closed,
    queued,
    requeued,
    started,
    step,
)

QUEUED = (
    '{"at":"2026-11-23T17:43:52Z","kind":"queued","caller":"alice","token_name":"","client":"",'
    '"product_type":"zstack","endpoint":"http://db.example.com:8443","target":"",'
    '"queue":"interactive","sealed_as":"","steps":["dns_lookup","tcp_connect","http_response",'
    '"product_identify","authenticate","authorize"]}'
)
FAILED = (
    '{"at":"2026-11-23T17:43:55Z","kind":"step_ended","step":"tcp_connect","outcome":"failed",'
    '"took_ms":1.5,"causes":[{"code":"tcp.refused","owner":"platform","severity":"failed",'
    '"field":"endpoint","summary":"db.example.com refused the connection on port 8443",'
    '"remedies":["Check the port number.","Check that the service is running on db.example.com."],'
    '"facts":{"errno":111},"known":{"host":"db.example.com","port":8443}}],"command":"",'
    '"facts":{"address":"192.0.2.7"}}'
)
WARNED = (
    '{"at":"2026-11-23T17:43:55Z","kind":"step_ended","step":"product_identify",'
    '"outcome":"warning","took_ms":1.5,"causes":[{"code":"api.clock_off","owner":"platform",'
    '"severity":"warning","field":null,"summary":"The clock of db.example.com is off",'
    '"remedies":["Set NTP right on db.example.com."],"facts":{"errno":111},'
    '"known":{"host":"db.example.com"}}],"command":"","facts":{"address":"192.0.2.7"}}'
)
ENTRIES: Sequence[tuple[str, Entry]] = (
    (QUEUED, queued()),
    ('{"at":"2026-11-23T17:43:53Z","kind":"started","worker":"w1"}', started()),
    (
        '{"at":"2026-11-23T17:43:54Z","kind":"step_started","step":"tcp_connect"}',
        step("tcp_connect")[0],
    ),
    (FAILED, step("tcp_connect", REFUSED, facts={"errno": 111})[1]),
    (WARNED, step("product_identify", CLOCK_OFF, facts={"errno": 111})[1]),
    ('{"at":"2026-11-23T17:43:57Z","kind":"requeued","waits_s":15.0}', requeued()),
    ('{"at":"2026-11-23T17:44:01Z","kind":"closed","status":"lost"}', closed("lost")),
)
BATCH_RECORD = (
    '{"caller":"alice","token_name":"t","client":"192.0.2.9","items_per_minute":600,'
    '"created_at":"2026-11-23T17:43:52Z","start_by":"2026-11-23T17:45:32Z","total":3,"rejected":1,'
    '"repeats":""}'
)
ITEM_RECORD = (
    b'["line 1","name","ref","zstack","http://db.example.com:8443",'
    b'"bbbbbbbbbbbbbbbbbbbbbbbb00000000"]'
)
REJECTED_RECORD = b'[["line 2","endpoint","is required"]]'
MESSAGE = (
    '{"request":{"productType":"zstack","endpoint":"https://db.example.com:8443",'
    '"accessKey":"AKID","secretKey":"SECRET","options":{"timeoutSeconds":5,"tls":{"verify":true,'
    '"caCertificate":null,"fingerprintSha256":null},"force":false,"mock":null,"timeZone":"UTC"}},'
    '"budgetS":5.0,"startBy":"2026-11-23T17:45:32Z","policy":{"networks":[],"deniedNetworks":[],'
    '"domains":[],"deniedDomains":[],"ports":[8443]},"isMetered":true,"traceparent":""}'
)


def a_batch() -> Batch:
    """Return the batch that was recorded."""
    return Batch(
        tenant="alice",
        token_name="t",
        client="192.0.2.9",
        items_per_minute=600,
        created_at=at(0),
        start_by=at(100),
        total=3,
        rejected=1,
    )


def a_message() -> JobMessage:
    """Return the message that was recorded."""
    options: dict[str, Any] = {"timeoutSeconds": 5, "timeZone": "UTC"}
    request = JobRequest.model_validate(
        {
            "productType": "zstack",
            "endpoint": "https://db.example.com:8443",
            "accessKey": "AKID",
            "secretKey": "SECRET",
            "options": options,
        }
    )
    policy = TargetPolicy(ports=(8443,))
    return JobMessage(request=request, budget_s=5, start_by=at(100), policy=policy, is_metered=True)


def without_empty_fields(content: Any) -> Any:
    """Return what an entry says, without the fields that say nothing."""
    if isinstance(content, list):
        return [without_empty_fields(one) for one in content]
    if not isinstance(content, dict):
        return content
    return {k: without_empty_fields(one) for k, one in content.items() if one not in ("", [], {})}


@pytest.mark.parametrize(("text", "entry"), ENTRIES, ids=[entry.kind for _, entry in ENTRIES])
def test_entries_are_the_same_in_both_versions(text: str, entry: Entry) -> None:
    """Workers are upgraded first: the API of the version before reads what they write.

    It takes a field that is left out for an empty one, as this version does.
    """
    written = entry.model_dump_json()

    assert entry_from_json(text) == entry_from_json(written) == entry
    assert json.loads(written) == without_empty_fields(json.loads(text))


def test_a_batch_is_the_same_in_both_versions() -> None:
    """One version's feeder takes over from the other's."""
    item = BatchItem(
        *("line 1", "name", "ref", "zstack", "http://db.example.com:8443", "b" * 24 + "0" * 8)
    )
    rejected = [RejectedRow("line 2", "endpoint", "is required")]

    assert Batch.model_validate_json(BATCH_RECORD) == a_batch()
    assert json.loads(a_batch().model_dump_json()) == json.loads(BATCH_RECORD)
    assert item_from_json(ITEM_RECORD) == item
    assert item_to_json(item) == ITEM_RECORD
    assert rejected_from_json(REJECTED_RECORD) == rejected
    written = json.loads(rejected_as_json(rejected))
    assert [row[:3] for row in written] == json.loads(REJECTED_RECORD)  # what that version reads
    assert rejected_from_json(rejected_as_json(rejected)) == rejected


def test_where_a_rejected_row_stands_is_kept_behind_what_older_versions_read() -> None:
    """They read three parts of each row."""
    rejected = [RejectedRow("line 2", "endpoint", "is required", None, 2, 3, "10.0.0.5:8443", 7)]

    written = rejected_as_json(rejected)

    assert json.loads(written)[0][:3] == ["line 2", "endpoint", "is required"]
    assert rejected_from_json(written) == rejected
    assert rejected_from_json(written[:-2] + b',"new"]]') == rejected


def test_an_item_with_labels_is_read_by_the_version_before() -> None:
    """It takes the first six parts; this version finds what was added behind them."""
    labels, typed = {"owner": "Alice"}, {"endpoint": "db.example.com"}
    plain = item_from_json(ITEM_RECORD)
    labelled = plain._replace(labels=labels)
    whole = labelled._replace(typed=typed)

    assert json.loads(item_to_json(whole)) == [*json.loads(ITEM_RECORD), labels, typed]
    assert json.loads(item_to_json(labelled)) == [*json.loads(ITEM_RECORD), labels]
    assert json.loads(item_to_json(plain._replace(typed=typed)))[6:] == [{}, typed]
    assert item_from_json(item_to_json(whole)) == whole
    assert item_from_json(item_to_json(labelled)) == labelled


def test_an_item_of_the_default_site_is_written_as_before() -> None:
    """The site of others stands behind what the version before reads."""
    plain = item_from_json(ITEM_RECORD)
    elsewhere = plain._replace(site="fra1")

    assert item_to_json(plain) == ITEM_RECORD
    assert json.loads(item_to_json(elsewhere)) == [*json.loads(ITEM_RECORD), {}, {}, "fra1"]
    assert item_from_json(item_to_json(elsewhere)) == elsewhere
    assert item_from_json(item_to_json(plain._replace(labels={"a": "b"}))).site == plain.site


def test_the_sites_of_a_batch_are_passed_over_by_the_version_before() -> None:
    """They stand under names of their own, and only where a batch has another site."""
    at_fra1 = {"sites": ("fra1",), "repeated_by": "{}", "repeated_by_at": {"fra1": "[]"}}
    batch = a_batch().model_copy(update=at_fra1)

    written = json.loads(batch.model_dump_json())

    assert written == {**json.loads(BATCH_RECORD), **at_fra1, "sites": ["fra1"]}
    assert Batch.model_validate(written) == batch
    assert batch.all_sites == ("default", "fra1")
    assert [batch.allowance_at(site) for site in ("default", "fra1", "sin1")] == ["{}", "[]", "{}"]


def test_columns_and_labels_of_a_batch_are_passed_over_by_the_version_before() -> None:
    """They stand under names of their own, and only where a batch has any."""
    columns = (UploadColumn("Host", "host"),)
    batch = a_batch().model_copy(update={"columns": columns, "labels": ("owner",)})

    written = json.loads(batch.model_dump_json())

    known = json.loads(BATCH_RECORD)
    assert written == {**known, "columns": [["Host", "host"]], "labels": ["owner"]}
    assert Batch.model_validate(written) == batch


def test_a_newer_batch_is_read_as_far_as_it_is_known() -> None:
    """What a newer API adds stands at the end of a list, or under a name of its own."""
    newer_batch = BATCH_RECORD[:-1] + ',"a_new_field":[1]}'
    newer_item = ITEM_RECORD[:-1] + b',{},{},"",{"new":1}]'
    newer_rejected = REJECTED_RECORD[:-2] + b',"new"]]'

    assert Batch.model_validate_json(newer_batch) == a_batch()
    assert item_from_json(newer_item) == item_from_json(ITEM_RECORD)
    assert rejected_from_json(newer_rejected) == rejected_from_json(REJECTED_RECORD)
    assert rejected_from_json(REJECTED_RECORD, b'{"new":1}') == rejected_from_json(REJECTED_RECORD)


def test_a_sealed_message_is_the_same_in_both_versions() -> None:
    """A worker that does not know a field refuses the whole message: it could be a restriction."""
    assert JobMessage.from_bytes(MESSAGE.encode()) == a_message()
    assert json.loads(a_message().to_bytes()) == json.loads(MESSAGE)


def test_a_key_of_a_newer_version_still_names_its_job() -> None:
    """A request that is repeated during an upgrade must not be made twice."""
    claim = Claim("name", "f00d")

    assert claim.result_in(b"f00d:4f2a") == "4f2a"
    assert claim.result_in(b"f00d:4f2a:and more") == "4f2a"
    assert claim.naming("4f2a") == "f00d:4f2a"
