"""A table to be filled in."""

import httpx
import pytest

from shared.wire.sheets.xlsx_sheet import MEDIA_TYPE as XLSX
from tests.running.batches import BATCHES
from tests.running.service import Service


@pytest.mark.parametrize(
    ("ending", "media_type", "begin"),
    [("csv", "text/csv", b"\xef\xbb\xbfname,"), ("xlsx", XLSX, b"PK")],
)
@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_a_template_is_saved_as_a_file(
    service: Service, ending: str, media_type: str, begin: bytes, language: str
) -> None:
    """Its name is not taken for the id of a batch."""
    with service.client() as client:
        answer = client.get(f"{BATCHES}/template.{ending}", headers={"Accept-Language": language})

    assert answer.status_code == 200
    assert answer.content.startswith(begin)
    assert answer.headers["content-type"].startswith(media_type)
    assert answer.headers["content-language"] == language
    assert answer.headers["content-disposition"] == (
        f'attachment; filename="conncheck-template.{ending}"'
    )


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_template_is_an_upload_without_rows(service: Service, ending: str) -> None:
    """Whoever sends it as it is must not test its comments."""
    with service.client() as client:
        template = client.get(f"{BATCHES}/template.{ending}")
        answer = client.post(
            BATCHES,
            params={"dryRun": "true"},
            content=template.content,
            headers={"Content-Type": template.headers["content-type"]},
        )

    assert answer.status_code == 422
    assert answer.json()["detail"] == "The upload has no rows."


def test_a_template_is_for_those_who_may_test(service: Service) -> None:
    """As everything beside the page."""
    answer = httpx.get(f"{service.url}{BATCHES}/template.csv", trust_env=False)

    assert answer.status_code == 401
