from shared.store.batches.batch import RejectedRow, UploadColumn
from shared.wire.batches import BatchResult, result
from shared.wire.result_sheet import ResultSheet
from tests.shared.diagnosis.stories import REFUSED, REFUSED_REMEDY, step
from tests.shared.store.batches.batches import new_item
from tests.shared.store.batches.test_item_outcome import job

SHEET = ResultSheet((UploadColumn("ref", "ref"), UploadColumn("name", "host")))
FULLWIDTH_COLON = "\N{FULLWIDTH COLON}"
OLDER = (
    "index,name,ref,productType,endpoint,status,outcome,step,cause,owner,field,errorMsg,"
    "recommendation,tookMs,queueMs,finishedAt,jobId,statusUrl,docUrl"
)


def failed() -> BatchResult:
    """Return the result of an item that failed at tcp_connect."""
    ended = job(step("dns_lookup"), step("tcp_connect", REFUSED))
    return result(3, "f", new_item(3).item, "j" * 32, ended)


def test_the_verdict_stands_behind_the_columns_of_the_upload() -> None:
    """A reader looks for it there, and a program finds what it knew by name."""
    assert SHEET.header[:9] == [
        *("ref", "name", "line", "outcome", "cause", "summary", "recommendation", "owner"),
        "dns_lookup ms",
    ]
    assert SHEET.header.index("testedAt") < SHEET.header.index("index")
    assert SHEET.header.count("ref") == 1
    assert SHEET.header.count("name") == 2  # the upload's is a host


def test_programs_find_the_columns_that_they_know() -> None:
    """Scripts read them by their names, whatever table was uploaded."""
    row = dict(zip(SHEET.header, SHEET.row(failed(), {"host": "db"}), strict=True))

    assert set(OLDER.split(",")) <= row.keys()
    assert (row["name"], row["index"], row["ref"], row["status"]) == (
        "name-3",
        3,
        "ref-3",
        "failed",
    )


def test_a_row_has_the_verdict_and_the_time_of_each_step() -> None:
    """Whoever gets the sheet does not ask the service."""
    row = SHEET.row(failed(), {"host": "db"})
    told = dict(zip(SHEET.header[2:], row[2:], strict=True))

    assert row[:2] == ["ref-3", "db"]
    assert (told["line"], told["outcome"], told["cause"]) == (4, "failed", "tcp.refused")
    assert told["summary"] == "db.example.com refused the connection on port 8443"
    assert told["recommendation"] == REFUSED_REMEDY
    assert told["owner"] == "platform"
    assert (told["dns_lookup ms"], told["tcp_connect ms"]) == (1.5, 1.5)
    assert told["tls_handshake ms"] is None
    assert told["testedAt"] == told["finishedAt"]


def test_an_item_without_a_verdict_has_its_status_for_an_outcome() -> None:
    """An empty cell would be read as passed."""
    waiting = result(0, "q", new_item(0).item, "j" * 32, None)

    assert dict(zip(SHEET.header, SHEET.row(waiting), strict=True))["outcome"] == "queued"


def test_an_invalid_row_says_why_and_nothing_of_its_cells() -> None:
    """They may be anything: a password in the column of names."""
    row = RejectedRow("line 17", "endpoint", "is required")

    told = dict(zip(SHEET.header, SHEET.invalid(row), strict=True))
    chinese = dict(zip(SHEET.header, SHEET.invalid(row, "zh-CN"), strict=True))

    assert {name: value for name, value in told.items() if value is not None} == {
        "line": 17,
        "outcome": "invalid",
        "summary": "endpoint: is required",
        "status": "invalid",
    }
    assert chinese["summary"] == f"endpoint{FULLWIDTH_COLON}为必填项"
