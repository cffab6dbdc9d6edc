"""Make rows of what an inventory has: platforms, and entries that can't be tested."""

from collections.abc import Mapping
from typing import Any

from shared.diagnosis.outcomes import Fact
from shared.diagnosis.sentences import Sentence
from shared.labels import MOST_LABELS, is_label_name, is_label_value
from shared.text import printable
from shared.uploads.reading import Reading
from shared.uploads.row import Row

LONGEST_PLACE = 64
"""Characters that are told of an entry's name."""


def place_of(kind: str, name: str) -> str:
    """Return the place of an entry, such as "cloud prod"; `kind` is one that place_in knows."""
    return f"{kind} {printable(name, LONGEST_PLACE)}"


def entry(
    place: str,
    product: str,
    endpoint: str,
    *,
    name: str,
    key_pair: tuple[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Row:
    """Return the row of a platform; empty values are left out, in `options` as well."""
    content: dict[str, Any] = {"productType": product, "endpoint": endpoint, "name": name}
    if key_pair:
        content |= {"accessKey": key_pair[0], "secretKey": key_pair[1]}
    if given := {
        option: value for option, value in (options or {}).items() if value not in ("", {})
    }:
        content["options"] = given
    if kept := fitting(labels or {}):
        content["labels"] = kept
    return Row(place, {name: value for name, value in content.items() if value != ""})


def fitting(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels that a row may have."""
    found = (
        (name, value)
        for name, value in labels.items()
        if is_label_name(name) and is_label_value(value)
    )
    return dict(pair for pair, _ in zip(found, range(MOST_LABELS), strict=False))


def with_authority(options: dict[str, Any], pem: str) -> dict[str, Any]:
    """Return `options` with the certificates in `pem` to trust."""
    return {**options, "tls": {**options.get("tls", {}), "caCertificate": pem}}


def doubt_authority(reading: Reading, place: str) -> None:
    """Say that a file of certificates, which the entry at `place` names, is not here."""
    said = Sentence(
        "The entry names a file of certificates, which is not in the upload; paste it into "
        "options.tls.caCertificate if the test needs it"
    )
    reading.doubt(place, None, "options.tls.caCertificate", said)


def quoted(name: str) -> Fact:
    """Return a name of the file's in a form that a sentence may quote."""
    return printable(name, LONGEST_PLACE)
