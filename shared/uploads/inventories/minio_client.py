"""Read config.json of the MinIO client: a row for each alias.

Facts are from mc's cmd/config-v10.go and config-v9.go.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from shared.diagnosis.sentences import Sentence
from shared.uploads.inventories.entries import entry, place_of
from shared.uploads.inventories.values import first_text, mapping
from shared.uploads.reading import Reading
from shared.uploads.row import Row, unreadable

_EXAMPLE = "YOUR-ACCESS-KEY-HERE"
"""What mc writes for the services that it knows."""


def is_minio(document: Any) -> bool:
    """Return whether this is a configuration of mc; until version 9 aliases were called hosts."""
    content = mapping(document)
    found = (*mapping(content.get("aliases")).values(), *mapping(content.get("hosts")).values())
    return "version" in content and bool(found) and all("url" in mapping(one) for one in found)


def aliases(documents: Sequence[Any], reading: Reading) -> Iterator[Row]:
    """Yield a row for each alias."""
    for document in map(mapping, documents):
        found = mapping(document.get("aliases")) or mapping(document.get("hosts"))
        for name, content in found.items():
            yield _row(name, mapping(content), reading)


def _row(name: str, alias: dict[str, Any], reading: Reading) -> Row:
    place = place_of("alias", name)
    key_pair = first_text(alias, "accessKey"), first_text(alias, "secretKey")
    if key_pair[0] == _EXAMPLE:
        return unreadable(place, "has the example that the MinIO client writes, and no key pair")
    if not all(key_pair):
        return unreadable(place, "has no key pair: it is used without signing in")
    if first_text(alias, "api").lower() == "s3v2":
        said = Sentence("The entry signs with version 2; the test signs with version 4")
        reading.doubt(place, None, "endpoint", said)
    options = {"sessionToken": first_text(alias, "sessionToken")}
    url = first_text(alias, "url")
    return entry(place, "s3", url, name=name, key_pair=key_pair, options=options)
