"""The look at a file before its platforms are tested."""

import csv
import io
import json
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import Page, expect

from shared.wire.batches import BATCHES_PATH
from tests.page.conftest import Node
from tests.page.test_main import WIDTHS, serious
from tests.page.visitor import TOKEN, choose, column, first_sheet, start

CANARY = "canary-secret-4711"


@pytest.fixture
def table(tmp_path: Path, node: Node) -> Path:
    """Give a table with headers that people use, and one that says nothing."""
    node[0].keys.update({"AKID-0000-1": CANARY, "AKID-0000-2": CANARY})
    path = tmp_path / "platforms.csv"
    path.write_text(
        "Name;Type;Adresse;Benutzer;Kennwort;Team\n"
        f"Berlin;zstack;{node[1]};AKID-0000-1;{CANARY};Alice\n"
        f"Tokyo;zstack;{node[1]};AKID-0000-2;{CANARY};Bob\n"
        f"Wrong;zstack;http://user:word@x;AK;{CANARY};Bob\n"
    )
    return path


def batches(page: Page) -> set[str]:
    """Return the ids of all batches."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = page.request.get(BATCHES_PATH, headers=headers)
    return {one["batchId"] for one in answer.json()["items"]}


def test_nothing_is_tested_before_the_visitor_has_seen_what_was_read(
    page: Page, table: Path, node: Node
) -> None:
    """A file is often another one than its owner thinks."""
    before = batches(page)
    choose(page, table)

    expect(page.locator(".look")).to_contain_text("separated by semicolons")
    expect(column(page, "Adresse")).to_have_value("host")
    expect(column(page, "Kennwort")).to_have_value("secretKey")
    expect(column(page, "Team")).to_have_value("")
    expect(page.locator(".columns tr", has_text="Name").first).to_contain_text("Berlin")
    assert batches(page) == before
    assert not node[0].requests
    start(page, 2)


def test_no_secret_is_shown_or_kept(page: Page, table: Path) -> None:
    """Somebody may look over the visitor's shoulder, or sit down at the same browser."""
    choose(page, table)
    expect(page.locator(".columns")).to_be_visible()

    assert CANARY not in page.content()
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert CANARY not in kept
    assert "Berlin" not in kept


def test_each_invalid_row_says_where_and_why(page: Page, table: Path) -> None:
    """The reason alone sends a visitor searching."""
    choose(page, table)

    row = page.locator(".problems tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("line 4")
    expect(row).to_contain_text("3: Adresse")
    expect(row).to_contain_text("must not contain a user name")


def test_a_file_of_invalid_rows_alone_shows_the_reasons(page: Page, tmp_path: Path) -> None:
    """There is nothing to test, and each row says why."""
    path = tmp_path / "bad.csv"
    path.write_text("productType,endpoint\nnope,192.0.2.1\ntcp,http://user:word@x\n")
    choose(page, path)

    expect(page.locator(".verdict")).to_contain_text("2 invalid rows")
    expect(page.locator(".problems tbody tr")).to_have_count(2)
    expect(page.locator(".problems tbody tr").first).to_contain_text("is unknown")
    expect(page.get_by_role("button", name="Test 0 platforms")).to_be_disabled()


def test_a_column_can_be_taken_for_another_field(page: Page, tmp_path: Path, node: Node) -> None:
    """Nobody renames the columns of a list that a program exports each night."""
    path = tmp_path / "odd.csv"
    path.write_text(f"productType,qqq,accessKey,secretKey\nzstack,{node[1]},AKID,SECRET\n")
    choose(page, path)
    column(page, "qqq").select_option("endpoint")

    start(page, 1)
    expect(page.locator(".count.passed b")).to_have_text("1")


def test_a_field_has_one_column(page: Page, table: Path) -> None:
    """The column that had it before is left out."""
    choose(page, table)
    column(page, "Team").select_option("name")

    expect(column(page, "Name")).to_have_value("")
    expect(page.locator(".columns tr", has_text="Team")).to_contain_text("Alice")


def test_a_column_becomes_a_label_when_the_visitor_says_so(page: Page, table: Path) -> None:
    """An unknown column may hold passwords: it goes nowhere by itself."""
    choose(page, table)
    column(page, "Team").select_option("label.Team")
    expect(page.locator(".columns tr", has_text="Team")).to_contain_text("Alice")
    start(page, 2)

    expect(page.locator(".results")).to_contain_text("Team: Alice")


def test_the_invalid_rows_are_downloaded_mended_and_tested(
    page: Page, table: Path, tmp_path: Path, node: Node
) -> None:
    """Nobody searches a long list for the three rows that are wrong."""
    choose(page, table)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download invalid rows").click()
    assert waiting.value.suggested_filename == "platforms-errors.csv"
    text = waiting.value.path().read_text("utf-8-sig")
    bad = [*csv.reader(io.StringIO(text), delimiter=_separator(text))]
    assert len(bad) == 2
    assert bad[1][:2] == ["Wrong", "zstack"]
    assert "user name" in bad[1][-1]

    mended = tmp_path / "mended.csv"
    mended.write_text(text.replace("http://user:word@x", node[1]))
    choose(page, mended)
    start(page, 1)


def _separator(text: str) -> str:
    return max(";,", key=text.splitlines()[0].count)


def test_a_sheet_of_a_workbook_is_chosen(page: Page, tmp_path: Path, node: Node) -> None:
    """The list is rarely on the first sheet."""
    book = openpyxl.Workbook()
    book.worksheets[0].append(["made by", "nobody"])
    sheet = book.create_sheet("VMs")
    for row in (
        ["name", "type", "address", "user", "password"],
        ["Berlin", "zstack", node[1], "AKID", "SECRET"],
        ["Wrong", "nope", node[1], "AKID", "SECRET"],
    ):
        sheet.append(row)
    path = tmp_path / "platforms.xlsx"
    book.save(path)
    choose(page, path)
    page.get_by_label("Sheet").select_option("VMs")

    expect(page.get_by_role("button", name="Test 1 platform", exact=True)).to_be_enabled()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download invalid rows").click()
    assert waiting.value.suggested_filename == "platforms-errors.xlsx"
    assert [row[0] for row in first_sheet(waiting.value)] == ["name", "Wrong"]


def test_the_encoding_can_be_chosen(page: Page, tmp_path: Path, node: Node) -> None:
    """The visitor sees at once that a name reads wrong."""
    path = tmp_path / "list.csv"
    text = f"name,productType,endpoint,accessKey,secretKey\n北京,zstack,{node[1]},AKID,SECRET\n"
    path.write_bytes(text.encode("big5"))
    choose(page, path)
    page.get_by_label("Encoding").select_option("Big5")

    expect(page.locator(".columns tr", has_text="name").first).to_contain_text("北京")


def test_rows_without_a_product_take_the_chosen_one(page: Page, tmp_path: Path, node: Node) -> None:
    """A list of one product's platforms never names it."""
    path = tmp_path / "list.csv"
    path.write_text(f"endpoint,accessKey,secretKey\n{node[1]},AKID,SECRET\n")
    choose(page, path)
    expect(page.get_by_role("alert")).to_contain_text("no column is the productType")
    page.get_by_label("Product of rows that name none").select_option("zstack")

    start(page, 1)


def test_two_files_that_go_together_are_read_as_one(page: Page, tmp_path: Path) -> None:
    """OpenStack keeps the passwords in a file of their own."""
    clouds, secure = tmp_path / "clouds.yaml", tmp_path / "secure.yaml"
    clouds.write_text(
        "clouds:\n  prod:\n    auth:\n      auth_url: https://keystone.example.com:5000/v3\n"
        "      username: admin\n      project_name: admin\n      user_domain_name: Default\n"
        "      project_domain_name: Default\n"
    )
    secure.write_text(f"clouds:\n  prod:\n    auth:\n      password: {CANARY}\n")
    choose(page, clouds, secure)

    expect(page.get_by_role("heading", name="clouds.yaml + secure.yaml")).to_be_visible()
    expect(page.locator(".look")).to_contain_text("Read as clouds.yaml")
    expect(page.get_by_role("button", name="Test 1 platform", exact=True)).to_be_enabled()
    assert CANARY not in page.content()


def test_more_files_than_go_together_are_refused(page: Page, tmp_path: Path) -> None:
    """One list after the other."""
    paths = [tmp_path / f"{number}.csv" for number in range(5)]
    for path in paths:
        path.write_text("name\n")
    choose(page, *paths)

    expect(page.get_by_role("alert")).to_have_text("Choose at most 4 files that belong together.")


def test_a_file_that_was_saved_again_is_asked_for_again(page: Page, table: Path) -> None:
    """The browser sends no other content than what was chosen, and says only that it failed."""
    choose(page, table)
    button = page.get_by_role("button", name="Test 2 platforms", exact=True)
    expect(button).to_be_enabled()
    table.write_text(table.read_text().replace("Tokyo", "Osaka, Tokyo"))
    button.click()

    expect(page.get_by_role("alert")).to_contain_text("was changed or moved")


def test_markup_in_a_file_is_shown_as_text(page: Page, tmp_path: Path, node: Node) -> None:
    """A list may come from a stranger."""
    markup = "<img src=x onerror=document.title='taken'>"
    path = tmp_path / f"{markup.replace('/', '')}.csv"
    path.write_text(
        f"name,productType,endpoint,accessKey,secretKey,{markup}\n"
        f"{markup},zstack,{node[1]},AKID,SECRET,{markup}\n"
    )
    choose(page, path)

    expect(page.locator(".columns tbody tr")).to_have_count(6)
    expect(page.locator(".columns tbody tr").first).to_contain_text(markup)
    assert page.locator("main img").count() == 0
    assert page.title() == "conncheck"


def test_names_that_javascript_knows_are_shown_like_others(
    page: Page, tmp_path: Path, node: Node
) -> None:
    """Whoever names a member "constructor" must not break the page."""
    path = tmp_path / "answer.json"
    row = {"productType": "zstack", "endpoint": node[1], "accessKey": "AKID", "secretKey": "SECRET"}
    path.write_text(json.dumps({"items": [{**row, "constructor": "x", "__proto__": "y"}]}))
    choose(page, path)

    expect(column(page, "constructor")).to_have_value("")
    column(page, "__proto__").select_option("name")
    expect(page.locator(".columns tr", has_text="__proto__")).to_contain_text("y")


def test_the_look_is_in_the_chosen_language(page: Page, table: Path) -> None:
    """The reasons come from the service: they are asked for again."""
    choose(page, table)
    expect(page.locator(".problems")).to_be_visible()
    page.get_by_role("button", name="中文").click()

    expect(page.locator(".problems tbody tr")).to_contain_text("第 4 行")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_look_is_accessible_and_fits(page: Page, table: Path, scheme: str) -> None:
    """Each choice has a name, in both colour schemes and on a phone."""
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    choose(page, table)
    expect(page.locator(".problems")).to_be_visible()

    assert serious(page) == []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("kind", ["CSV", "Excel"])
def test_a_template_is_offered_and_can_be_read(page: Page, kind: str) -> None:
    """Who has no list yet learns from it which columns there are."""
    page.get_by_role("link", name="Bulk test").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name=f"Template ({kind})").click()

    if kind == "CSV":
        assert "productType" in waiting.value.path().read_text("utf-8-sig")
    else:
        assert "productType" in first_sheet(waiting.value)[0]


def test_an_unreadable_file_is_said(page: Page, tmp_path: Path) -> None:
    """A picture is no list of platforms."""
    path = tmp_path / "picture.csv"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    choose(page, path)

    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_text("Choose another file")).to_be_visible()


def test_members_of_json_are_mapped_like_columns(page: Page, tmp_path: Path, node: Node) -> None:
    """A portal's answer has its own names too."""
    path = tmp_path / "answer.json"
    row = {"productType": "zstack", "qqq": node[1], "accessKey": "AKID", "secretKey": "SECRET"}
    path.write_text(json.dumps({"items": [row]}))
    choose(page, path)
    column(page, "qqq").select_option("endpoint")

    start(page, 1)
