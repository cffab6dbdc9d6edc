"""Show one of the first rows of an upload, with its credentials masked."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from shared.text import MASK, printable
from shared.uploads.inventories.values import VAULTED
from shared.uploads.row import Row
from shared.wire.batches import BatchRow
from shared.wire.uploads import FirstRow

LONG_ENOUGH = 8
"""Characters of an accessKey of which the first and the last two are shown."""
_SHOWN_OF_PEM = len("-----BEGIN CERTIFICATE-----")


def first_row(row: Row, request: BatchRow) -> FirstRow:
    """Return what is shown of `row`, which names the platform `request`.

    The values are those of the validated request, whose secrets are hidden by their types.
    """
    values = dict(_flat(request.model_dump(mode="json", by_alias=True, exclude_unset=True)))
    values["productType"] = request.product_type
    values["accessKey"] = _masked(request.access_key.get_secret_value())
    values["secretKey"] = MASK if request.secret_key.get_secret_value() else ""
    for name in request.product_options.secrets:
        if f"options.{name}" in values:
            values[f"options.{name}"] = MASK
    if pem := values.get("options.tls.caCertificate"):
        values["options.tls.caCertificate"] = printable(pem.strip(), _SHOWN_OF_PEM)
    shown = {printable(name): printable(value) for name, value in values.items() if value}
    return FirstRow(place=row.place, line=row.line, values=shown)


def flat_names(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the members of `content` by the names that a table's columns have for them."""
    for name, value in content.items():
        if isinstance(value, Mapping):
            inner = "label." if not prefix and name == "labels" else f"{prefix}{name}."
            yield from flat_names(value, inner)
        else:
            yield f"{prefix}{name}", value


def in_cell(value: object) -> str:
    """Return what a table's cell has for a member of JSON."""
    if isinstance(value, str):
        return value
    if value is None or value is VAULTED:
        return ""
    return json.dumps(value, ensure_ascii=False, default=lambda _: None)


def _flat(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in flat_names(content):
        yield name, in_cell(value)


def _masked(access_key: str) -> str:
    if len(access_key) < LONG_ENOUGH:
        return MASK if access_key else ""
    return f"{access_key[:2]}{MASK}{access_key[-2:]}"
