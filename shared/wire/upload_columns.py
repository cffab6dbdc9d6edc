"""The columns of an upload that come back with its results; none of them holds a secret."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final, Protocol

from pydantic import SecretStr

from shared.labels import LABEL
from shared.products import PRODUCTS
from shared.request.options import ExpectedIdentity, Options, TlsOptions
from shared.site_name import DEFAULT_SITE
from shared.store.batches.batch import BatchItem, UploadColumn
from shared.text import is_visible
from shared.uploads.field_names import SITE
from shared.uploads.reading import Reading
from shared.uploads.row import Row
from shared.wire.batches import LONGEST_TEXT, BatchRow

_ATTRIBUTES: Final = {
    "name": "name",
    "ref": "ref",
    "productType": "product_type",
    "endpoint": "endpoint",
    SITE: "site",
}
_PARTS: Final = ("host", "port", "scheme")
"""What an endpoint is put together from in a table."""
_OPTIONS: Final = "options."
_NO_CELLS: Final = {"tls", "tls.caCertificate", "expect"}


def columns_of(reading: Reading, labels: Sequence[str]) -> tuple[UploadColumn, ...]:
    """Return the columns of an upload that was a table, without those that may hold a secret.

    What was left out of the upload is not there either. Of an upload that was no table, there are
    no columns unless its items have `labels`.
    """
    if reading.is_table:
        shown = [column for column in reading.columns if _is_shown(column.field)]
        return tuple(UploadColumn(column.header or column.field, column.field) for column in shown)
    return with_labels(labels) if labels else ()


def with_labels(labels: Sequence[str]) -> tuple[UploadColumn, ...]:
    """Return the columns of an upload that was no table, whose items have these labels."""
    fields = (*(name for name in _ATTRIBUTES if name != SITE), *(LABEL + name for name in labels))
    return tuple(UploadColumn(field, field) for field in fields)


def item_of(
    row: Row,
    request: BatchRow,
    reading: Reading,
    sealed_as: str = "",
    site: str = DEFAULT_SITE,
) -> BatchItem:
    """Return what is shown of a row with its result: no key pair, and nothing of other columns."""
    target = str(request.target)
    item = BatchItem(
        *(row.place, request.name, request.ref, request.product_type, target, sealed_as),
        labels=request.labels,
        site=site,
    )
    return item._replace(typed=typed_in(row, item, reading))


def typed_in(row: Row, item: BatchItem, reading: Reading) -> Mapping[str, str]:
    """Return what stood in the shown columns of a table's row, where `item` does not say it.

    That is "10.0.0.5" for http://10.0.0.5:8080, and the options.
    """
    found: dict[str, str] = {}
    if not row.cells:
        return found
    for column in reading.columns:
        if not _is_shown(column.field):
            continue
        cell = row.cells[column.number - 1].strip() if column.number <= len(row.cells) else ""
        is_short = len(cell) <= LONGEST_TEXT and is_visible(cell)
        if cell and is_short and cell != said_by(item, column.field):
            found[column.field] = cell
    return found


class Named(Protocol):
    """An item, or its result."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def ref(self) -> str: ...  # noqa: D102
    @property
    def product_type(self) -> str: ...  # noqa: D102
    @property
    def endpoint(self) -> str: ...  # noqa: D102
    @property
    def labels(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def site(self) -> str: ...  # noqa: D102


def said_by(one: Named, field: str) -> str:
    """Return what an item or its result says of a field; an empty text where it says nothing."""
    if field.startswith(LABEL):
        return one.labels.get(field.removeprefix(LABEL), "")
    if field in _ATTRIBUTES:
        return str(getattr(one, _ATTRIBUTES[field]))
    scheme, _, place = one.endpoint.partition("://")
    host, _, port = place.partition("/")[0].rpartition(":")
    return {"host": host.strip("[]"), "port": port, "scheme": scheme}.get(field, "")


def _is_shown(field: str) -> bool:
    if field.startswith(_OPTIONS):
        return field.removeprefix(_OPTIONS) in _harmless_options()
    return field in _ATTRIBUTES or field in _PARTS or field.startswith(LABEL)


@cache  # and not at the import: it loads every product
def _harmless_options() -> frozenset[str]:
    """Return the options that are neither secrets nor certificates, by their paths.

    A name that is a secret of one product is none of them, whatever it is of another.
    """
    plain, secret = set[str](), set[str]()
    for product in PRODUCTS.values():
        for name, field in product.options.model_fields.items():
            names = {name, field.alias or name}
            (secret if SecretStr in _types(field.annotation) else plain).update(names)
    common = {field.alias or name for name, field in Options.model_fields.items()}
    tls = {f"tls.{field.alias or name}" for name, field in TlsOptions.model_fields.items()}
    expected = {f"expect.{name}" for name in ExpectedIdentity.model_fields}
    return frozenset((plain | common | tls | expected) - secret - _NO_CELLS)


def _types(annotation: object) -> Sequence[object]:
    """Return the types that an annotation is made of."""
    parts = getattr(annotation, "__args__", ())
    return [annotation, *(one for part in parts for one in _types(part))]
