"""The calls that send many platforms, as data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal
from uuid import uuid4

import httpx

from conncheck_client.calls import BATCHES_PATH, IDEMPOTENCY_KEY, Call, read_as
from conncheck_client.form import FilePart, form_of
from conncheck_client.models.batches import BatchAccepted
from conncheck_client.models.platforms import BatchRowLike, ndjson_of
from conncheck_client.models.uploads import DryRun

NDJSON = "application/x-ndjson"
TableFile = Literal["csv", "xlsx"]
_MEDIA_TYPES: Mapping[TableFile, str] = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(frozen=True, slots=True)
class Upload:
    """A file with platforms, and what its sender says about it."""

    content: bytes = field(repr=False)
    media_type: str
    mapping: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Fields by the headers of columns, or by their numbers from 1."""
    sheet: str = ""
    product_type: str = ""
    site: str = ""

    def call(
        self, params: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[bytes, dict[str, str], dict[str, str]]:
        """Return the body, the headers and the parameters of a call that sends it."""
        wishes = {"sheet": self.sheet, "productType": self.product_type, "site": self.site}
        content, media_type = self._body()
        return (
            content,
            {"Content-Type": media_type, **headers},
            {**{name: value for name, value in wishes.items() if value}, **params},
        )

    def _body(self) -> tuple[bytes, str]:
        if not self.mapping:
            return self.content, self.media_type
        if self.media_type.lower().startswith("multipart/"):
            raise ValueError("mapping: a form has its own, as its first part")
        return form_of([FilePart("upload", self.content, self.media_type)], self.mapping)


def upload(file: Upload, *, strict: bool = False, key: str | None = None) -> Call[BatchAccepted]:
    """Return the call that tests all platforms of a file."""
    params = {"strict": "true"} if strict else {}
    sent = file.call(params, {IDEMPOTENCY_KEY: key or str(uuid4())})
    return Call("POST", BATCHES_PATH, partial(read_as, BatchAccepted), *sent)


def submit_batch(
    rows: Iterable[BatchRowLike], *, strict: bool = False, key: str | None = None
) -> Call[BatchAccepted]:
    """Return the call that tests all of `rows`."""
    return upload(Upload(ndjson_of(rows), NDJSON), strict=strict, key=key)


def dry_run(file: Upload) -> Call[DryRun]:
    """Return the call that says what a file would test."""
    sent = file.call({"dryRun": "true"}, {})
    return Call("POST", BATCHES_PATH, partial(read_as, DryRun), *sent, changes_nothing=True)


def invalid_rows(file: Upload, form: TableFile) -> Call[bytes]:
    """Return the call that gives the invalid rows of a file as a table to be mended."""
    sent = file.call({"dryRun": "true"}, {"Accept": _MEDIA_TYPES[form]})
    return Call("POST", BATCHES_PATH, _content, *sent, changes_nothing=True)


def template(form: TableFile) -> Call[bytes]:
    """Return the call that gives a table to be filled in."""
    return Call("GET", f"{BATCHES_PATH}/template.{form}", _content)


def _content(answer: httpx.Response) -> bytes:
    return answer.content
