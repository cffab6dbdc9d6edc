import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis

from api.access.caller import Caller
from api.batches.errors import TooManyItemsError
from api.batches.item_proofs import ItemProofs, Stored, sealed_in
from api.batches.receiving.intake import TOGETHER, Intake, new_intake
from api.batches.receiving.judging import Judging
from shared.ca_certificates import attached, sealed_as
from shared.diagnosis.sentences import Sentence
from shared.request import JobRequest
from shared.request.message import JobMessage
from shared.sealing import Opener
from shared.store.batches.batch import RejectedRow
from shared.store.batches.batch_keys import ca_certificates_key, items_key, job_id_of, sealed_key
from shared.uploads import Reading, Row, UploadError
from shared.uploads.reading import ReadColumn
from shared.uploads.row import unreadable
from shared.uploads.wishes import AS_IT_COMES
from shared.wire.rows import MOST_REJECTED
from tests.api.batches.batching import ALICE, DEADLINE_S, PRIVATE, SIGNER, Api, with_api
from tests.certificates.authority import Authority
from tests.running.service import a_request
from tests.shared.store.batches.batches import BATCH

pytestmark = pytest.mark.usefixtures("real_redis")  # empty
ACCESS, SECRET = "canary-AKID-7f3a", "canary-secret-9e1b"


def content(host: str = "cloud.example.com", **changes: Any) -> dict[str, Any]:
    """Return what one row has to say."""
    pair = {"accessKey": ACCESS, "secretKey": SECRET}
    return {**a_request(f"{host}:8080"), **pair, **changes}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in content().items() if key != name}


async def rows(contents: Sequence[dict[str, Any]]) -> AsyncIterator[Row]:
    for number, each in enumerate(contents, 1):
        yield Row(f"line {number}", each)


def read(
    url: str,
    upload: AsyncIterator[Row],
    most: int = 100_000,
    caller: Caller = ALICE,
    reading: Reading | None = None,
) -> Intake:
    """Return what was kept of an upload."""

    async def done(api: Api) -> Intake:
        judging = Judging(caller, api.jobs, AS_IT_COMES, reading or Reading())
        intake = await new_intake(BATCH, judging, api.store.creation, api.jobs, DEADLINE_S)
        await intake.read(upload, most)
        return intake

    return with_api(url, done)


def refused(url: str, *contents: dict[str, Any]) -> tuple[str, str]:
    """Return the field and the reason of the first of `contents`, which is no platform to test."""
    intake = read(url, rows(contents))
    assert (intake.rejected_count, intake.targets) == (len(contents), [])
    assert intake.rejected[0].place == "line 1"
    return intake.rejected[0].field, intake.rejected[0].reason


def message(redis: Redis, index: int) -> JobMessage:
    """Return what a worker finds in the sealed request of an item."""
    sealed = redis.hget(sealed_key(BATCH), str(index))
    assert isinstance(sealed, bytes)
    opened = Opener([PRIVATE]).open(sealed_in(sealed.decode()), job_id_of(BATCH, index))
    return JobMessage.from_bytes(opened)


def item(redis: Redis, index: int) -> list[Any]:
    """Return what is kept of an item in clear."""
    kept = redis.hget(items_key(BATCH), str(index))
    assert isinstance(kept, bytes)
    found: list[Any] = json.loads(kept)
    return found


def everything(redis: Redis) -> bytes:
    """Return every byte that Redis has."""
    return b"".join(bytes(redis.dump(key) or b"") for key in redis.scan_iter())


def test_what_can_be_tested_is_kept_in_the_order_in_which_it_came(
    real_redis: Redis, redis_url: str
) -> None:
    """A result belongs to a row by its place."""
    intake = read(
        redis_url,
        rows([content("a.example.com", name="A", ref="r-1"), content("b.example.com")]),
    )

    assert intake.targets == ["a.example.com:8080", "b.example.com:8080"]
    assert item(real_redis, 0) == [
        *("line 1", "A", "r-1", "zstack", "http://a.example.com:8080", job_id_of(BATCH, 0))
    ]
    assert item(real_redis, 1)[:3] == ["line 2", "", ""]


def test_a_worker_can_open_and_read_what_was_sealed(real_redis: Redis, redis_url: str) -> None:
    """What the caller calls a platform is no part of its test."""
    options = {"timeoutSeconds": 7}
    intake = read(redis_url, rows([content(name="A", ref="r-1", options=options)]))

    found = message(real_redis, 0)

    assert isinstance(found.request, JobRequest)
    assert found.request.secret_key.get_secret_value() == SECRET
    assert found.budget_s == 7
    assert found.start_by == intake.start_by
    assert abs(found.start_by - datetime.now(UTC) - timedelta(seconds=DEADLINE_S)) < timedelta(
        seconds=10
    )


def test_a_bad_row_does_not_sink_the_others(real_redis: Redis, redis_url: str) -> None:
    """One typo in fifty thousand lines must not cost the whole upload."""
    intake = read(redis_url, rows([content("a.example.com"), {}, content("b.example.com")]))

    assert intake.targets == ["a.example.com:8080", "b.example.com:8080"]
    (rejected,) = intake.rejected
    assert rejected == RejectedRow(
        "line 2", "productType", "is required", example="zstack", before=1
    )
    assert item(real_redis, 1)[0] == "line 3"
    batch = intake.batch(datetime.now(UTC))
    assert (batch.tenant, batch.total, batch.rejected) == ("alice", 2, 1)


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (without("secretKey"), "secretKey"),
        (content(productType="vmwre"), "productType"),
        (content(endpoint="http://user:pw@h"), "endpoint"),
        (content(endpoint=["h"]), "endpoint"),
        (content(secretKey=" "), "secretKey"),
        (content(options={"timeoutSeconds": 0}), "options.timeoutSeconds"),
        (content(options={"tls": {"verify": "no"}}), "options.tls.verify"),
        (content(options={"other": 1}), "options.other"),
        (content(options=None), "options"),
        (content(other=1), "other"),
        (content(name="x" * 201), "name"),
        (content(ref=["x"]), "ref"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fault_is_told_with_its_field_and_without_what_was_sent(
    real_redis: Redis, redis_url: str, bad: dict[str, Any], field: str
) -> None:
    """Whoever has to mend it sees where; whoever reads along sees no secret."""
    bad = {key: f"{SECRET}\n" if value == SECRET else value for key, value in bad.items()}
    if field != "secretKey":
        bad["secretKey"] = SECRET

    told, reason = refused(redis_url, bad)

    assert told == field
    assert reason
    assert SECRET not in reason
    assert real_redis.dbsize() == 0


@pytest.mark.parametrize("name", ["name", "ref"])
@pytest.mark.parametrize(
    "character",
    ["\n", "\r", "\t", "\0", "\x1b", "\x7f", "\u2028", "\u202e", "\u200b", "\ufeff"],
    ids=lambda character: f"U+{ord(character):04X}",
)
def test_a_label_has_only_characters_that_can_be_seen(
    redis_url: str, name: str, character: str
) -> None:
    """It goes into pages, terminals and spreadsheets of people who did not write it."""
    told, reason = refused(redis_url, content(**{name: f"a{character}b"}))

    assert told == name
    assert reason == "must not contain line breaks or other invisible characters"


def test_a_label_may_be_written_in_any_language(real_redis: Redis, redis_url: str) -> None:
    """Its caller calls it so."""
    read(redis_url, rows([content(name="\N{CJK UNIFIED IDEOGRAPH-4E0A} é =1+1", ref="x" * 200)]))

    assert item(real_redis, 0)[1:3] == ["\N{CJK UNIFIED IDEOGRAPH-4E0A} é =1+1", "x" * 200]


def test_labels_are_kept_with_the_item_and_out_of_its_message(
    real_redis: Redis, redis_url: str
) -> None:
    """They are for who reads the results: no platform and no worker needs them."""
    labels = {"owner": "Alice", "负责人": "王芳", "empty": ""}

    intake = read(redis_url, rows([content(labels=labels), content()]))

    assert item(real_redis, 0)[6:] == [{"owner": "Alice", "负责人": "王芳"}]
    assert item(real_redis, 1)[6:] == []
    assert intake.twins == {0: [1]}
    assert b"Alice" not in message(real_redis, 0).to_bytes()


def test_what_is_kept_of_a_table_s_columns_is_no_secret(real_redis: Redis, redis_url: str) -> None:
    """Its results come back with them, and stay for days."""
    header = ["Host", "User", "Password", "Owner", "Comment", "verify"]
    fields = ["host", "accessKey", "secretKey", "label.owner", "", "options.tls.verify"]
    columns = [
        ReadColumn(n, text, field)
        for n, (text, field) in enumerate(zip(header, fields, strict=True), 1)
    ]
    reading = Reading(format="CSV", separator=",", header_line=1, columns=columns)
    options = {"tls": {"verify": False}}
    cells = ["cloud.example.com", ACCESS, SECRET, "Alice", SECRET, "FALSE"]

    async def table() -> AsyncIterator[Row]:
        yield Row("line 2", {}, Sentence("is not valid CSV"), 2)
        yield Row("line 3", content(labels={"owner": "Alice"}, options=options), None, 3, cells)
        yield Row("line 4", {}, Sentence("is not valid CSV"), 4)

    intake = read(redis_url, table(), reading=reading)

    batch = intake.batch(datetime.now(UTC))
    assert [tuple(column) for column in batch.columns] == [
        ("Host", "host"),
        ("Owner", "label.owner"),
        ("verify", "options.tls.verify"),
    ]
    assert batch.labels == ("owner",)
    assert item(real_redis, 0)[7] == {"options.tls.verify": "FALSE"}
    assert [row.before for row in intake.kept] == [0, 1]
    assert SECRET.encode() not in everything(real_redis)
    assert SECRET not in batch.model_dump_json()


@pytest.mark.parametrize(
    ("labels", "field", "reason"),
    [
        ({"owner": "a\nb"}, "labels.owner", "line breaks"),
        ({"owner": "x" * 201}, "labels.owner", "too long"),
        ({"owner": 7}, "labels.owner", "must be a String"),
        ({f"label-{n}": "x" for n in range(17)}, "labels", "more than 16 labels"),
        ({"pass=word": "x"}, "labels", "whose name"),
        ({"": "x"}, "labels", "whose name"),
        ({"x" * 65: "x"}, "labels", "whose name"),
        (["owner"], "labels", "JSON object"),
    ],
)
def test_labels_are_bounded(redis_url: str, labels: Any, field: str, reason: str) -> None:
    """They are kept for days and shown in lists, so there can't be many or long ones."""
    found = refused(redis_url, content(labels=labels))

    assert found[0] == field
    assert reason in found[1]
    assert "pass word" not in found[1]


def test_a_row_that_could_not_be_read_is_told_as_it_was_found(redis_url: str) -> None:
    """The parser knows what is wrong with it."""

    async def upload() -> AsyncIterator[Row]:
        yield unreadable("line 7", "is no JSON object")
        yield Row("line 8", content())

    intake = read(redis_url, upload())

    assert intake.rejected == [RejectedRow("line 7", "", "is no JSON object", line=7, before=0)]
    assert len(intake.targets) == 1


def test_an_item_is_kept_with_the_proof_that_the_api_has_stored_it(
    real_redis: Redis, redis_url: str
) -> None:
    """Its job is signed hours later, on the strength of what Redis says then."""
    intake = read(redis_url, rows([content()]))

    kept = real_redis.hget(sealed_key(BATCH), "0")
    assert isinstance(kept, bytes)
    job_id = job_id_of(BATCH, 0)
    stored = Stored("default", job_id, job_id, intake.caller.tenant)
    assert ItemProofs(SIGNER).signer_for(stored, kept.decode()) is SIGNER


def test_equal_requests_are_sealed_and_tested_once(real_redis: Redis, redis_url: str) -> None:
    """A second sign-in with the same key pair finds out nothing and counts at the platform."""
    one, other = content("a.example.com"), content("b.example.com")
    intake = read(redis_url, rows([one, other, {**one, "name": "again"}, {**one, "ref": "r"}]))

    assert intake.twins == {0: [2, 3]}
    assert len(intake.targets) == 4
    assert item(real_redis, 2)[1:] == [
        *("again", "", "zstack", "http://a.example.com:8080", job_id_of(BATCH, 0))
    ]
    assert sorted(real_redis.hkeys(sealed_key(BATCH))) == [b"0", b"1"]


@pytest.mark.parametrize(
    "change",
    [
        {"secretKey": "another"},
        {"accessKey": "another"},
        {"endpoint": "cloud.example.com:8081"},
        {"productType": "zsphere"},
        {"options": {"timeoutSeconds": 7}},
        {"options": {"force": True}},
    ],
    ids=["secret", "account", "port", "product", "budget", "force"],
)
def test_what_differs_in_anything_is_tested_by_itself(
    redis_url: str, change: dict[str, Any]
) -> None:
    """The answer of one would be shown as that of the other."""
    intake = read(redis_url, rows([content(), content(**change)]))

    assert intake.twins == {}
    assert len(intake.targets) == 2


def test_what_is_stored_of_a_batch_is_known(real_redis: Redis, redis_url: str) -> None:
    """Its memory is counted, and not its items alone."""
    pem = Authority().pem
    one, other = ({"tls": {"caCertificate": pem + text}} for text in ("", "# other"))
    intake = read(redis_url, rows([content(options=each) for each in (one, one, other, {})]))

    stored = [*real_redis.hvals(sealed_key(BATCH)), *real_redis.hvals(ca_certificates_key(BATCH))]
    assert intake.sealed_bytes == sum(map(len, stored))


def test_a_forced_test_takes_no_turns(redis_url: str) -> None:
    """Its caller has said so."""
    intake = read(redis_url, rows([content(options={"force": True}), content()]))

    assert intake.targets == ["", "cloud.example.com:8080"]


def test_a_forced_test_of_a_token_with_a_rate_takes_turns_in_a_batch(redis_url: str) -> None:
    """Else a batch would test a platform at the token's rate, five times the platform's own."""
    metered = replace(ALICE, tests_per_minute=600)
    intake = read(redis_url, rows([content(options={"force": True})]), caller=metered)

    assert intake.targets == ["cloud.example.com:8080"]


def test_as_many_items_as_may_be_are_read_and_not_one_more(redis_url: str) -> None:
    """Fifty thousand are a batch; fifty million are an attack."""
    three = [content(f"{name}.example.com") for name in "abc"]

    assert len(read(redis_url, rows(three), most=3).targets) == 3
    with pytest.raises(TooManyItemsError):
        read(redis_url, rows(three), most=2)


def test_bad_rows_count_as_items_too(redis_url: str) -> None:
    """They cost as much to read."""
    with pytest.raises(TooManyItemsError):
        read(redis_url, rows([{}] * 3), most=2)


def test_of_very_many_bad_rows_the_first_are_told_and_all_are_counted(redis_url: str) -> None:
    """A file of another kind must not fill the memory with complaints."""
    intake = read(redis_url, rows([{}] * (MOST_REJECTED + 5)))

    assert len(intake.rejected) == MOST_REJECTED
    assert intake.rejected_count == MOST_REJECTED + 5


def test_an_upload_of_any_length_is_kept_whole(real_redis: Redis, redis_url: str) -> None:
    """It is written in parts, the last of which is a short one."""
    count = 2 * TOGETHER + 3

    intake = read(redis_url, rows([content(f"h{number}.example.com") for number in range(count)]))

    assert len(intake.targets) == count
    assert real_redis.hlen(items_key(BATCH)) == real_redis.hlen(sealed_key(BATCH)) == count
    assert message(real_redis, count - 1).request.endpoint.host == f"h{count - 1}.example.com"


def test_an_upload_that_breaks_off_is_told(redis_url: str) -> None:
    """What came before it must not be taken for the whole."""

    async def upload() -> AsyncIterator[Row]:
        yield Row("line 1", content())
        raise UploadError("It ends in the middle of a line.")

    with pytest.raises(UploadError):
        read(redis_url, upload())


def test_i18_nothing_that_is_written_shows_a_secret(real_redis: Redis, redis_url: str) -> None:
    """Redis, its dump and its backups are read by more people than workers."""
    accepted = [content(f"h{number}.example.com", name=f"n{number}") for number in range(3)]
    named = [
        {**content(), SECRET: 1},
        content(options={SECRET: 1}),
        content(options={"tls": {SECRET: 1}}),
        content(options={f"tls.{SECRET}": 1}),
    ]
    intake = read(redis_url, rows([*accepted, content(name="a\nb"), *named]))

    async def created(api: Api) -> None:
        batch = intake.batch(datetime.now(UTC))
        await api.store.creation.create(BATCH, batch, intake.kept, intake.targets, intake.twins)

    with_api(redis_url, created)

    kept = everything(real_redis)
    assert b"h2.example.com" in kept
    assert ACCESS.encode() not in kept
    assert SECRET.encode() not in kept
    assert SECRET not in repr([row.reason for row in intake.rejected])
    assert [row.field for row in intake.kept] == [
        "name",
        "",
        "options",
        "options.tls",
        "options.tls",
    ]
    assert sum(SECRET in row.field for row in intake.rejected) == len(named)


def with_authority(pem: str, host: str = "cloud.example.com") -> dict[str, Any]:
    return content(host, options={"tls": {"caCertificate": pem}})


def test_i3_ca_certificates_are_kept_once_however_many_rows_name_them(
    real_redis: Redis, redis_url: str, authority: Authority
) -> None:
    """50,000 rows with a bundle of 200 KB would take 12 GB of Redis."""
    hosts = [f"host-{n}.example.com" for n in range(20)]
    read(redis_url, rows([with_authority(authority.pem * 50, host) for host in hosts]))
    bundle = len(authority.pem) * 50

    kept = real_redis.hgetall(ca_certificates_key(BATCH))
    sealed = real_redis.hvals(sealed_key(BATCH))

    assert len(kept) == 1
    assert len(sealed) == 20
    assert sum(map(len, sealed)) < bundle
    assert all(len(one) < 2 * bundle for one in kept.values())


def test_ca_certificates_are_kept_sealed_and_named_by_each_request(
    real_redis: Redis, redis_url: str, authority: Authority
) -> None:
    """They tell of a private network, and a worker must know those that were sent."""
    read(redis_url, rows([with_authority(authority.pem)]))
    found = message(real_redis, 0)

    sealed = real_redis.hget(ca_certificates_key(BATCH), found.ca_certificate_sha256)
    assert isinstance(sealed, bytes)
    opened = Opener([PRIVATE]).open(sealed.decode(), sealed_as(found.ca_certificate_sha256))

    assert attached(found, opened.decode()).request.options.tls.ca_certificate == authority.pem
    assert b"CERTIFICATE" not in everything(real_redis)


def test_rows_that_differ_in_their_authority_alone_are_not_equal(
    redis_url: str, authority: Authority
) -> None:
    """One may be trusted where the other is not."""
    rows_ = [with_authority(pem) for pem in (authority.pem, Authority().pem, authority.pem)]

    assert read(redis_url, rows(rows_)).twins == {0: [2]}


@pytest.mark.parametrize(
    "end", ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_ca_certificates_are_parsed_once_however_many_rows_name_them(
    redis_url: str, authority: Authority, end: str
) -> None:
    """200 KB take 20 ms of the event loop, whether they are valid or not."""
    pem = Authority().pem + authority.pem + end
    parsed: Counter[str] = Counter()
    sys.setprofile(lambda _, kind, called: parsed.update([called_name(kind, called)]))
    try:
        read(redis_url, rows([with_authority(pem, f"host-{n}") for n in range(20)]))
    finally:
        sys.setprofile(None)

    assert parsed["load_verify_locations"] == 1


def called_name(kind: str, called: object) -> str:
    return str(getattr(called, "__name__", "")) if kind == "c_call" else ""
