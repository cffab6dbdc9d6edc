import asyncio
import csv
import io
import json
from dataclasses import replace

import pytest
from fastapi.responses import Response
from redis import Redis
from starlette.requests import Request

from api.batches.answers import wanted_form
from api.batches.errors import SlowUploadError, TooManyItemsError
from api.batches.receiving.dry_run import dry_run, dry_run_answer
from api.batches.receiving.upload import Upload
from shared.policy.target_policy import TargetPolicy
from shared.uploads import UploadError, Wishes
from shared.uploads.wishes import AS_IT_COMES
from shared.wire.dry_run import DryRunRows
from shared.wire.sheets.xlsx_sheet import MEDIA_TYPE as XLSX
from tests.api.batches.batching import ALICE, MAX_ITEMS, Api, with_api
from tests.api.batches.receiving.test_intake import SECRET, content
from tests.running.batches import NDJSON, Rows, ndjson

pytestmark = pytest.mark.usefixtures("real_redis")  # empty, and without a worker


def looked_at(
    url: str,
    body: bytes,
    media_type: str = NDJSON,
    wishes: Wishes = AS_IT_COMES,
    longest_s: float = 60,
    ports: tuple[int, ...] = (),
) -> DryRunRows:
    """Return what a dry run finds, for a caller who may test `ports` alone."""
    caller = replace(ALICE, policy=TargetPolicy(ports=ports)) if ports else ALICE
    never = asyncio.Event()

    async def receive() -> dict[str, object]:
        if not body:
            await never.wait()
        return {"type": "http.request", "body": body, "more_body": False}

    async def made(api: Api) -> DryRunRows:
        request = Request({"type": "http", "method": "POST", "headers": []}, receive)
        submission = replace(api.batches.submission, longest_upload_s=longest_s)
        upload = Upload(request, media_type, wishes)
        return await dry_run(submission, upload, caller, keeps_bad_rows=True)

    return with_api(url, made)


def file_of(found: DryRunRows, accept: str) -> tuple[Response, bytes]:
    answer = asyncio.run(dry_run_answer(found, wanted_form(accept), "en"))
    return answer, bytes(answer.body)


def test_what_would_be_tested_is_told_and_nothing_is_stored(
    real_redis: Redis, redis_url: str
) -> None:
    """It needs no worker, and leaves nothing that could be tested or read."""
    rows: Rows = [
        content(),
        content("b.example.com", name="B"),
        content(endpoint="http://u:p@h"),
        "{",
    ]

    view = looked_at(redis_url, ndjson(rows)).view()

    assert (view.accepted, view.rejected) == (2, 2)
    assert [(one.place, one.field) for one in view.errors] == [
        ("line 3", "endpoint"),
        ("line 4", ""),
    ]
    assert view.read.text == "Read as NDJSON in UTF-8."
    assert [one.values["endpoint"] for one in view.first] == [
        "cloud.example.com:8080",
        "b.example.com:8080",
    ]
    assert real_redis.dbsize() == 0


def test_no_secret_is_shown(redis_url: str) -> None:
    """Somebody else may look at the same screen."""
    view = looked_at(redis_url, ndjson([content(name="A")])).view()

    assert view.first[0].values["secretKey"] == "••••"
    assert view.first[0].values["accessKey"] == "ca••••3a"
    assert SECRET not in view.model_dump_json()


def test_an_upload_of_bad_rows_alone_is_no_error(redis_url: str) -> None:
    """The caller has asked what is wrong with them."""
    view = looked_at(redis_url, ndjson([{}, {}])).view()

    assert (view.accepted, view.rejected, view.first) == (0, 2, ())


def test_what_the_caller_may_not_test_is_told(redis_url: str) -> None:
    """The real call would skip it."""
    view = looked_at(redis_url, ndjson([content()]), ports=(443,)).view()

    assert view.rejected == 1
    assert "8080" in view.errors[0].reason


def test_the_product_that_is_wished_is_that_of_rows_without_one(redis_url: str) -> None:
    """A list of vCenters says so once."""
    bare = {name: value for name, value in content().items() if name != "productType"}

    view = looked_at(redis_url, ndjson([bare]), wishes=Wishes("zsphere")).view()

    assert view.first[0].values["productType"] == "zsphere"


@pytest.mark.parametrize(
    ("body", "media_type", "error"),
    [
        (ndjson([{}] * (MAX_ITEMS + 1)), NDJSON, TooManyItemsError),
        (b"{", "application/json", UploadError),
        (b"x", "image/png", UploadError),
    ],
    ids=["too-many", "unreadable", "image"],
)
def test_what_the_real_call_refuses_is_refused(
    redis_url: str, body: bytes, media_type: str, error: type[Exception]
) -> None:
    """A look must not cost more than a test, nor promise what is not kept."""
    with pytest.raises(error):
        looked_at(redis_url, body, media_type)


def test_an_upload_that_takes_too_long_is_given_up(redis_url: str) -> None:
    """It would hold one of the tenant's open uploads."""
    with pytest.raises(SlowUploadError):
        looked_at(redis_url, b"", longest_s=0.05)


def test_bad_rows_come_back_as_a_table_to_be_mended(redis_url: str) -> None:
    """They are sent again with their secrets, which are the caller's own."""
    bad = content(endpoint="http://u:p@h", options={"tls": {"verify": False}})
    found = looked_at(redis_url, ndjson([content(), bad]))

    answer, body = file_of(found, "text/csv")

    header, row = csv.reader(io.StringIO(body.decode("utf-8-sig")))
    told = dict(zip(header, row, strict=True))
    assert told["secretKey"] == SECRET
    assert told["options.tls.verify"] == "false"
    assert told["conncheck: problem"].startswith("line 2: endpoint: ")
    assert header[-1] == "conncheck: problem"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == 'attachment; filename="invalid-rows.csv"'
    assert (answer.headers["conncheck-rejected"], answer.headers["conncheck-rows"]) == ("1", "1")


TABLE = b"""Host;User;Password;Secret note;label.owner;productType
h.example.com:8080;admin;=1+1;hunter2;Alice;unheard-of
"""


@pytest.mark.parametrize("accept", ["text/csv", XLSX])
@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (TABLE, "text/csv"),
        (ndjson([content(productType="unheard-of", secretKey="=1+1")]), NDJSON),
    ],
    ids=["table", "json"],
)
def test_a_mended_file_is_read_again(
    redis_url: str, body: bytes, media_type: str, accept: str
) -> None:
    """Whoever mends it sends the file that they got, and a key may begin like a formula."""
    bad = looked_at(redis_url, body, media_type)
    assert bad.rejected == 1
    answer, file = file_of(bad, accept)
    again = looked_at(redis_url, file, str(answer.media_type), Wishes("zstack"))
    assert again.rejected == 1  # nothing was mended yet

    if accept == "text/csv":
        mended = file.replace(b"unheard-of", b"zstack", 1)
        intact = looked_at(redis_url, mended, "text/csv")
        assert (intact.accepted, intact.rejected) == (1, 0)


def test_secrets_survive_the_way_through_a_file(redis_url: str) -> None:
    """The apostrophe that keeps a spreadsheet from computing them is taken away again."""
    bad = looked_at(redis_url, TABLE, "text/csv")
    _, once = file_of(bad, "text/csv")
    _, twice = file_of(looked_at(redis_url, once, "text/csv"), "text/csv")

    def cells(file: bytes) -> list[str]:
        _, row = csv.reader(io.StringIO(file.decode("utf-8-sig")))
        return row

    assert "'=1+1" in cells(once)
    assert cells(once) == cells(twice)


def test_bad_rows_come_back_as_a_workbook(redis_url: str) -> None:
    """Whoever has sent one mends one."""
    answer, body = file_of(looked_at(redis_url, ndjson([{}])), XLSX)

    assert body.startswith(b"PK")
    assert answer.media_type == XLSX


def test_an_answer_is_in_the_callers_language(redis_url: str) -> None:
    """So are its reasons and its sentence."""
    found = looked_at(redis_url, ndjson([{}]))

    answer = asyncio.run(dry_run_answer(found, "json", "zh-CN"))
    shown = json.loads(bytes(answer.body))

    assert shown["read"]["text"] == "已按 NDJSON（编码 UTF-8）读取。"  # noqa: RUF001
    assert shown["errors"][0]["reason"] == "为必填项"
    assert answer.headers["content-language"] == "zh-CN"


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("name,type,adress,Team\n", {1: "name", 2: "productType", 3: "", 4: ""}),
        ("type,host,server\n", {1: "productType", 2: "host", 3: "host"}),
        ("user,x\n10.0.0.1:80,7\n", {1: "", 2: ""}),
        ("10.0.0.1,AK1,S1\n10.0.0.2,AK2,S2\n", {1: "endpoint", 2: "accessKey", 3: "secretKey"}),
    ],
)
def test_the_columns_of_a_refused_header_are_told(
    redis_url: str, table: str, columns: dict[int, str]
) -> None:
    """The caller says what they mean, and sends the file again."""
    with pytest.raises(UploadError) as refused:
        looked_at(redis_url, table.encode(), "text/csv")

    assert {one.number: one.field for one in refused.value.reading.columns} == columns
