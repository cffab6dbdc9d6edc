from api.batches.answers import wanted_form
from shared.wire.sheets.xlsx_sheet import MEDIA_TYPE as XLSX


def test_json_is_answered_unless_a_file_is_wanted() -> None:
    """The page and the client ask for JSON, and browsers for anything."""
    assert [wanted_form(one) for one in ("", "*/*", "application/json", "text/csv", XLSX)] == [
        *("json", "json", "json", "csv", "xlsx")
    ]
