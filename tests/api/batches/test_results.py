import csv
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from openpyxl import load_workbook
from redis import Redis

from api.batches.finding.choice import EVERYTHING, Choice
from api.batches.finding.ordering import Sort
from api.batches.results import PAGE, Results
from shared.diagnosis.entries import Queued
from shared.queue.queued_job import BULK
from shared.store.batches.batch import BatchState, NewItem, RejectedRow, UploadColumn
from shared.store.batches.batch_keys import index_key, job_id_of
from shared.store.batches.batch_store import BatchStore
from shared.store.batches.item_index import MOST_VALUES, ItemIndex
from shared.store.batches.item_outcome import ItemOutcome
from shared.store.batches.letters import Letter
from shared.store.jobs.job_creation import NewJob
from shared.wire.batches import BatchResult
from shared.wire.result_sheet import ResultSheet
from tests.api.batches.batching import Api, with_api
from tests.shared.conftest import forced, worker_of
from tests.shared.diagnosis.stories import CLOCK_OFF, REFUSED, queued, step
from tests.shared.store.batches.batches import BATCH, a_batch, new_item
from tests.shared.store.batches.batches import keep as keep_indexed

pytestmark = pytest.mark.usefixtures("real_redis")  # empty

T = TypeVar("T")

LETTERS = "pofcelqw" * 3
"""How the items of the batch in these tests stand; every third is of another product."""
CAUSES = {"f": REFUSED, "o": CLOCK_OFF}
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|'/c calc'!A1"]


def item(index: int, name: str = "") -> NewItem:
    new = new_item(index)
    product = "zsphere" if index % 3 == 2 else "zstack"
    changed = new.item._replace(product_type=product, name=name or new.item.name)
    return NewItem(index, changed, new.sealed)


async def keep(store: BatchStore, letters: str, names: Sequence[str] = ()) -> None:
    """Keep a batch that stands as `letters` say."""
    each = names or [""] * len(letters)
    await store.creation.add(BATCH, [item(index, name) for index, name in enumerate(each)])
    await store.creation.create(BATCH, a_batch(len(letters)), [], ["t"] * len(letters), {})
    await store.feed.put_to_work(BATCH, [n for n, letter in enumerate(letters) if letter != "q"])
    known: dict[str, Letter] = {"p": "p", "o": "o", "f": "f", "c": "c", "e": "e", "l": "l"}
    causes = {letter: cause.code for letter, cause in CAUSES.items()}
    await store.settler.settle(
        BATCH,
        [
            ItemOutcome([n], known[letter], causes.get(letter, ""), [])
            for n, letter in enumerate(letters)
            if letter in known
        ],
    )


def ask(
    url: str,
    call: Callable[[Results], Awaitable[T]],
    *,
    letters: str = LETTERS,
    names: Sequence[str] = (),
    **wanted: Any,
) -> T:
    """Return what is said of a batch's results."""

    async def asked(api: Api) -> T:
        await keep(api.store, letters, names)
        state = await api.store.records.state(BATCH)
        assert state
        return await call(Results(api.batches.reader, BATCH, state, Choice(**wanted)))

    return with_api(url, asked)


async def paged(results: Results, size: int, first: int = 0) -> list[list[int]]:
    """Return the indexes of all pages from the item `first` on."""
    pages: list[list[int]] = []
    following: int | None = first
    while following is not None:
        found, following = await results.page(following, size)
        pages.append([one.index for one in found])
    return pages


async def whole(lines: AsyncIterator[str]) -> str:
    return "".join([part async for part in lines])


def lines(url: str, **options: Any) -> list[dict[str, Any]]:
    """Return what the lines of JSON say."""
    text = ask(url, lambda results: whole(results.as_ndjson(0)), **options)
    return [json.loads(line) for line in text.splitlines()]


def table(url: str, **options: Any) -> list[dict[str, str]]:
    """Return the rows of the CSV as a spreadsheet reads them."""
    text = ask(url, lambda results: whole(results.as_csv(0)), **options)
    return [*csv.DictReader(io.StringIO(text, newline=""))]


@pytest.mark.parametrize("size", [1, 5, 8, 23, 24, 1000])
def test_pages_miss_no_item_and_repeat_none(real_redis: Redis, redis_url: str, size: int) -> None:
    """Whoever pages through must come to the same list."""
    pages = ask(redis_url, lambda results: paged(results, size))

    assert [index for page in pages for index in page] == [*range(len(LETTERS))]
    assert all(len(page) == size for page in pages[:-1])
    assert 0 < len(pages[-1]) <= size


@pytest.mark.parametrize("first", [0, 7, 23])
def test_a_page_begins_where_the_one_before_ended(redis_url: str, first: int) -> None:
    """Its cursor is the place of an item."""
    pages = ask(redis_url, lambda results: paged(results, 5, first))

    assert [index for page in pages for index in page] == [*range(first, len(LETTERS))]


def test_behind_the_last_item_there_is_nothing(redis_url: str) -> None:
    """A cursor may be made up."""
    assert ask(redis_url, lambda results: paged(results, 5, 99)) == [[]]


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("passed", "po"),
        ("warning", "o"),
        ("failed", "f"),
        ("cancelled", "c"),
        ("expired", "e"),
        ("lost", "l"),
        ("queued", "q"),
        ("running", "w"),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 100])
def test_only_those_that_stand_so_are_given(
    redis_url: str, outcome: str, expected: str, size: int
) -> None:
    """A page of failures is a page of failures, not one of gaps."""
    pages = ask(redis_url, lambda results: paged(results, size), outcome=outcome)

    found = [index for page in pages for index in page]
    assert found == [n for n, letter in enumerate(LETTERS) if letter in expected]


@pytest.mark.parametrize(
    ("cause", "expected"), [("tcp.refused", "f"), ("api.clock_off", "o"), ("other", ""), ("", "")]
)
def test_only_those_with_the_cause_are_given(redis_url: str, cause: str, expected: str) -> None:
    """A summary says how many there are; this says which."""
    pages = ask(redis_url, lambda results: paged(results, 2), cause=cause)

    found = [index for page in pages for index in page]
    assert found == [n for n, letter in enumerate(LETTERS) if letter in expected]


def test_only_those_of_the_product_are_given(redis_url: str) -> None:
    """Each product has people of its own."""
    pages = ask(redis_url, lambda results: paged(results, 3), product_type="zsphere")

    assert [index for page in pages for index in page] == [*range(2, len(LETTERS), 3)]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Choice(product_type="other"), 1),  # the items
        (Choice(outcome="running"), 2),  # the items, and which of them are tested
    ],
)
def test_a_small_page_of_what_is_rare_takes_few_reads(
    redis_url: str, wanted: Choice, expected: int
) -> None:
    """One call could have the store asked 50,000 times, an item each."""

    async def reads(api: Api) -> int:
        await keep(api.store, "q" * 200)
        state = await api.store.records.state(BATCH)
        assert state
        before = await read(api)
        assert await Results(api.batches.reader, BATCH, state, wanted).page(0, 1) == ([], None)
        return await read(api) - before

    async def read(api: Api) -> int:
        return int(
            (await api.redis.info("commandstats")).get("cmdstat_hmget", {"calls": 0})["calls"]
        )

    assert with_api(redis_url, reads) == expected


def test_filters_are_combined(redis_url: str) -> None:
    """Whoever gives two wants what meets both."""
    wanted = {"outcome": "failed", "cause": "tcp.refused", "product_type": "zsphere"}

    pages = ask(redis_url, lambda results: paged(results, 10), **wanted)
    never = ask(
        redis_url, lambda results: paged(results, 10), outcome="passed", cause="tcp.refused"
    )

    assert pages == [[2]]
    assert never == [[]]


def test_what_stands_in_the_queue_is_queued_and_not_running(redis_url: str) -> None:
    """It was handed out, and no worker has begun it."""

    async def asked(api: Api) -> list[list[list[int]]]:
        await keep(api.store, "qww")
        await api.jobs.store.creation.create_all([waiting_job(1)])
        state = await api.store.records.state(BATCH)
        assert state
        return [
            await paged(Results(api.batches.reader, BATCH, state, Choice(outcome=outcome)), 10)
            for outcome in ("queued", "running")
        ]

    assert with_api(redis_url, asked) == [[[0, 1]], [[2]]]


def waiting_job(index: int) -> NewJob:
    begins: Queued = queued().model_copy(update={"queue": BULK})
    return NewJob(job_id_of(BATCH, index), begins, "sealed", a_batch(1).start_by)


def test_a_result_has_what_its_job_found(real_redis: Redis, redis_url: str) -> None:
    """It is read from the job, and kept there once."""

    async def found(results: Results) -> Sequence[BatchResult]:
        return (await results.page(0, 10))[0]

    async def prepared(api: Api) -> None:
        await api.jobs.store.creation.create_all([waiting_job(0)])

    with_api(redis_url, prepared)
    run = worker_of(real_redis, "worker-1").begin(forced(job_id_of(BATCH, 0)))
    run.close(*step("tcp_connect", REFUSED), status="finished")

    first, second = ask(redis_url, found, letters="fq")

    assert (first.status, first.cause, first.step) == ("failed", "tcp.refused", "tcp_connect")
    assert first.job_id == job_id_of(BATCH, 0)
    assert (second.status, second.cause, second.job_id) == ("queued", None, None)


def test_equal_items_have_the_same_job(redis_url: str) -> None:
    """One was tested for all of them."""

    async def found(api: Api) -> list[str | None]:
        await api.store.creation.add(BATCH, [item(0), item(1), item(2)])
        await api.store.creation.create(BATCH, a_batch(3), [], ["t"] * 3, {0: [2]})
        await api.jobs.store.creation.create_all([waiting_job(0), waiting_job(1)])
        state = await api.store.records.state(BATCH)
        assert state
        page, _ = await Results(api.batches.reader, BATCH, state, Choice()).page(0, 10)
        return [one.job_id for one in page]

    first, second = job_id_of(BATCH, 0), job_id_of(BATCH, 1)
    assert with_api(redis_url, found) == [first, second, first]


def test_each_line_of_json_is_one_result(redis_url: str) -> None:
    """It can be read line by line, however long it is."""
    found = lines(redis_url)

    assert [one["index"] for one in found] == [*range(len(LETTERS))]
    assert set(found[0]) == {
        field.alias or name for name, field in BatchResult.model_fields.items()
    }
    assert found[0]["productType"] == "zstack"


def test_all_results_of_a_large_batch_are_given(redis_url: str) -> None:
    """They are read page by page, the last of which is a short one."""
    letters = "p" * (2 * PAGE + 1)

    assert [one["index"] for one in lines(redis_url, letters=letters)] == [*range(len(letters))]
    assert len(table(redis_url, letters=letters)) == len(letters)


def test_a_table_has_a_header_and_the_same_columns_as_the_json(redis_url: str) -> None:
    """Its readers know the one from the other."""
    found = table(redis_url, outcome="failed")

    assert [*found[0]] == ResultSheet().header
    assert [row["index"] for row in found] == ["2", "10", "18"]
    assert (found[0]["status"], found[0]["cause"]) == ("failed", "")


@pytest.mark.parametrize("most", [1, 3, 24, 1000])
def test_a_table_and_lines_keep_their_limit(redis_url: str, most: int) -> None:
    """A preview of three rows must not load fifty thousand."""
    text = ask(redis_url, lambda results: whole(results.as_csv(0, most)))
    lined = ask(redis_url, lambda results: whole(results.as_ndjson(2, most)), outcome="failed")

    rows = [*csv.DictReader(io.StringIO(text, newline=""))]
    assert [int(row["index"]) for row in rows] == [*range(len(LETTERS))][:most]
    assert [json.loads(line)["index"] for line in lined.splitlines()] == [2, 10, 18][:most]


def test_a_limit_above_one_read_is_kept_too(redis_url: str) -> None:
    """The results are read in parts."""
    most, letters = PAGE + 1, "p" * (PAGE + 3)
    text = ask(redis_url, lambda results: whole(results.as_ndjson(0, most)), letters=letters)

    assert len(text.splitlines()) == most


def test_a_table_without_rows_has_its_header(redis_url: str) -> None:
    """An empty file looks like a broken one."""
    text = ask(redis_url, lambda results: whole(results.as_csv(0)), cause="other")

    assert text.splitlines() == [",".join(ResultSheet().header)]


@pytest.mark.parametrize("name", FORMULAS)
def test_no_cell_can_pass_for_a_formula(redis_url: str, name: str) -> None:
    """A spreadsheet would run what somebody has called a platform."""
    (row,) = table(redis_url, letters="p", names=[name])

    assert row["name"] == f"'{name}"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a;=1+1;b", "a;'=1+1;b"),
        ('a; "@SUM(A1)', "a;' \"@SUM(A1)"),
        ("-1;;+1", "'-1;;'+1"),
    ],
)
def test_no_part_behind_a_semicolon_can_pass_for_a_formula(
    redis_url: str, name: str, shown: str
) -> None:
    """Half of Europe's spreadsheets begin a new cell there, whatever the quotation marks say."""
    (row,) = table(redis_url, letters="p", names=[name])

    assert row["name"] == shown


@pytest.mark.parametrize(
    "name", ['a"b', "a,b", "a'b", "a;b", " a=1", "a=1", "é\N{CJK UNIFIED IDEOGRAPH-4E0A}"]
)
def test_other_cells_stay_as_they_were_sent(redis_url: str, name: str) -> None:
    """They are matched with lists of the caller's own."""
    (row,) = table(redis_url, letters="p", names=[name])

    assert row["name"] == name


def test_json_is_not_changed_for_spreadsheets(redis_url: str) -> None:
    """No program runs what stands in it."""
    found = lines(redis_url, letters="p" * len(FORMULAS), names=FORMULAS)

    assert [one["name"] for one in found] == FORMULAS


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("name", [3, 1, 0, 2]),
        ("-name", [0, 1, 3, 2]),
        ("tookMs", [2, 0, 3, 1]),
        ("-tookMs", [3, 0, 2, 1]),
        ("cause", [1, 0, 3, 2]),
        ("-cause", [0, 3, 1, 2]),
    ],
)
def test_results_are_sorted(redis_url: str, sort: Sort, expected: list[int], size: int) -> None:
    """The slowest ones are of interest, and not the first ones of an upload."""

    async def sorted_pages(api: Api) -> list[int]:
        names = ["zebra", "Berlin 2", "", "berlin 1"]
        items = [item(n, "x") for n in range(4)]
        new = [
            replace(one, item=one.item._replace(name=name))
            for one, name in zip(items, names, strict=True)
        ]
        await keep_indexed(api.store, a_batch(4), items=new)
        await api.store.feed.put_to_work(BATCH, range(4))
        ends = [
            ItemOutcome([0], "f", "tcp.refused", [], 12.0),
            ItemOutcome([1], "o", "api.clock_off", [], None),
            ItemOutcome([2], "p", "", [], 3.0),
            ItemOutcome([3], "f", "tcp.refused", [], 200.0),
        ]
        await api.store.settler.settle(BATCH, ends)
        state = await api.store.records.state(BATCH)
        assert state
        results = Results(api.batches.reader, BATCH, state, EVERYTHING, "en", sort)
        return [index for page in await paged(results, size) for index in page]

    assert with_api(redis_url, sorted_pages) == expected


@pytest.mark.parametrize("is_indexed", [True, False])
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Choice(labels=[("owner", "Alice")]), [0, 3]),
        (Choice(labels=[("owner", "Alice"), ("site", "Berlin")]), [3]),
        (Choice(labels=[("owner", "")]), [2]),
        (Choice(labels=[("none", "")]), [0, 1, 2, 3]),
        (Choice(labels=[("none", "x")]), []),
        (Choice(refs=frozenset({"r-1", "r-3", "r-9"})), [1, 3]),
        (Choice(product_type="zsphere"), [2]),
        (Choice(outcome="failed", refs=frozenset({"r-1", "r-3"})), [3]),
        (Choice(outcome="failed", labels=[("owner", "Alice")], cause="tcp.refused"), [3]),
    ],
)
def test_items_are_chosen_by_what_their_caller_calls_them(
    redis_url: str, wanted: Choice, expected: list[int], *, is_indexed: bool
) -> None:
    """A batch of the version before has no index; its items are read."""
    labels = [{"owner": "Alice"}, {"owner": "Bob"}, {}, {"owner": "Alice", "site": "Berlin"}]

    async def chosen(api: Api) -> list[int]:
        new = [
            replace(item(n), item=item(n).item._replace(labels=own, ref=f"r-{n}"))
            for n, own in enumerate(labels)
        ]
        await keep_indexed(api.store, a_batch(4), items=new)
        await api.store.feed.put_to_work(BATCH, range(4))
        ends = [ItemOutcome([n], "p", "", []) for n in range(3)]
        ends.append(ItemOutcome([3], "f", "tcp.refused", []))
        await api.store.settler.settle(BATCH, ends)
        if not is_indexed:
            await api.redis.delete(index_key(BATCH))
        state = await api.store.records.state(BATCH)
        assert state
        results = Results(api.batches.reader, BATCH, state, wanted)
        return [index for page in await paged(results, 2) for index in page]

    assert with_api(redis_url, chosen) == expected


def test_an_item_is_found_by_a_label_that_each_has_another_value_of(redis_url: str) -> None:
    """A serial number groups nothing, and finds its platform without 50,000 being read."""
    total = MOST_VALUES + 100

    async def found(api: Api) -> tuple[list[int], int]:
        new = [
            replace(one, item=one.item._replace(labels={"serial": f"s-{n}"}))
            for n, one in enumerate(map(new_item, range(total)))
        ]
        await keep_indexed(api.store, a_batch(total), items=new)
        state = await api.store.records.state(BATCH)
        assert state
        choice = Choice(labels=[("serial", f"s-{total - 7}")])
        await api.redis.config_resetstat()
        pages = await paged(Results(api.batches.reader, BATCH, state, choice), 100)
        calls = await api.redis.info("commandstats")
        return [index for page in pages for index in page], calls["cmdstat_hmget"]["calls"]

    assert with_api(redis_url, found) == ([total - 7], 3)  # groups, the item, what it is equal to


def test_a_result_shows_its_labels(redis_url: str) -> None:
    """They are the caller's own columns."""

    async def shown(api: Api) -> dict[str, str]:
        new = new_item(0)
        labelled = replace(new, item=new.item._replace(labels={"owner": "Alice"}))
        await keep_indexed(api.store, a_batch(1), items=[labelled])
        state = await api.store.records.state(BATCH)
        assert state
        ((one,), _) = await Results(api.batches.reader, BATCH, state).page(0, 1)
        return one.labels

    assert with_api(redis_url, shown) == {"owner": "Alice"}


REJECTED = [
    RejectedRow("line 2", "endpoint", "is required", line=2, before=0),
    RejectedRow("line 5", "", "is not valid CSV", line=5, before=2),
    RejectedRow("line 8", "secretKey", "is required", line=8, before=4),
]
COLUMNS = (
    UploadColumn("Host", "host"),
    UploadColumn("名称", "name"),
    UploadColumn("Owner", "label.owner"),
    UploadColumn("options.tls.verify", "options.tls.verify"),
)


async def uploaded(api: Api) -> BatchState:
    """Return a batch of four items, of a table with three invalid rows."""
    items = [
        replace(
            one,
            item=one.item._replace(
                place=f"line {line}",
                labels={"owner": "=Alice"},
                typed={"host": f"10.0.0.{n}", "options.tls.verify": "FALSE"},
            ),
        )
        for n, (one, line) in enumerate(zip(map(new_item, range(4)), (3, 4, 6, 7), strict=True))
    ]
    batch = a_batch(4, rejected=3).model_copy(update={"columns": COLUMNS, "labels": ("owner",)})
    await api.store.creation.add(BATCH, items)
    await api.store.creation.create(BATCH, batch, REJECTED, ["t"] * 4, {})
    return await api.batches.reader.own(BATCH, "alice")


async def csv_rows(results: Results, first: int = 0, most: int | None = None) -> list[list[str]]:
    text = await whole(results.as_csv(first, most))
    return [*csv.reader(io.StringIO(text, newline=""))]


def test_a_sheet_comes_back_with_its_own_columns_and_all_its_rows(redis_url: str) -> None:
    """Its sender hands it on to people who know their rows by their own columns."""

    async def sheet(api: Api) -> list[list[str]]:
        return await csv_rows(Results(api.batches.reader, BATCH, await uploaded(api)))

    header, *rows = with_api(redis_url, sheet)

    assert header[:7] == ["Host", "名称", "Owner", "options.tls.verify", "line", "outcome", "cause"]
    assert [row[4] for row in rows] == ["2", "3", "4", "5", "6", "7", "8"]
    assert rows[1][:6] == ["10.0.0.0", "name-0", "'=Alice", "FALSE", "3", "queued"]
    assert rows[0][:8] == ["", "", "", "", "2", "invalid", "", "endpoint: is required"]
    assert rows[3][7] == "is not valid CSV"


@pytest.mark.parametrize(
    ("first", "most", "lines"),
    [
        (0, 2, ["2", "3", "4"]),
        (2, 2, ["5", "6", "7"]),
        (2, 9, ["5", "6", "7", "8"]),
        (4, None, ["8"]),
    ],
)
def test_a_part_of_a_sheet_has_the_invalid_rows_before_its_items(
    redis_url: str, first: int, most: int | None, lines: list[str]
) -> None:
    """Parts that are put together are the whole."""

    async def sheet(api: Api) -> list[list[str]]:
        return await csv_rows(Results(api.batches.reader, BATCH, await uploaded(api)), first, most)

    assert [row[4] for row in with_api(redis_url, sheet)[1:]] == lines


@pytest.mark.parametrize(
    ("choice", "sort", "lines"),
    [
        (Choice(outcome="queued"), None, ["3", "4", "6", "7"]),
        (EVERYTHING, "-name", ["7", "6", "4", "3", "2", "5", "8"]),
    ],
)
def test_invalid_rows_match_no_filter_and_come_last_in_another_order(
    redis_url: str, choice: Choice, sort: Sort | None, lines: list[str]
) -> None:
    """They have no outcome, and no name to sort by."""

    async def sheet(api: Api) -> list[list[str]]:
        state = await uploaded(api)
        return await csv_rows(Results(api.batches.reader, BATCH, state, choice, "en", sort))

    async def indexed(api: Api) -> list[list[str]]:
        index = ItemIndex()
        for n in range(4):
            index.add(new_item(n).item)
        for name, content in index.contents().items():
            await api.redis.hset(index_key(BATCH), name, content)
        return await sheet(api)

    assert [row[4] for row in with_api(redis_url, indexed)[1:]] == lines


def test_the_last_part_of_a_sorted_sheet_has_all_invalid_rows(redis_url: str) -> None:
    """In another order, no part before it has any."""

    async def sheet(api: Api) -> list[list[str]]:
        results = Results(api.batches.reader, BATCH, await uploaded(api), EVERYTHING, "en", "-name")
        return [*await csv_rows(results, 0, 3), *await csv_rows(results, 3)]

    lines = [row[4] for row in with_api(redis_url, sheet)]
    assert lines == ["line", "7", "6", "4", "line", "3", "2", "5", "8"]


def test_a_workbook_has_the_same_rows_as_the_csv(redis_url: str) -> None:
    """It is written while it is sent, so nobody holds all of it."""

    async def both(api: Api) -> tuple[list[list[str]], list[bytes]]:
        results = Results(api.batches.reader, BATCH, await uploaded(api))
        return await csv_rows(results), [part async for part in results.as_xlsx(0)]

    rows, parts = with_api(redis_url, both)

    sheet = load_workbook(io.BytesIO(b"".join(parts)), read_only=True).worksheets[0]
    found = [["" if cell is None else str(cell) for cell in row] for row in sheet.values]
    assert len(parts) > 1
    assert found == [[cell.removeprefix("'") for cell in row] for row in rows]
