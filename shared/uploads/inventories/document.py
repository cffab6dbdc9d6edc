"""Read an inventory as a whole: its format is known when all of it is there."""

import codecs
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic_core import from_json

from shared.uploads.inventories import (
    aws_profiles,
    clouds_yaml,
    kubeconfig,
    minio_client,
    openrc,
    platform_list,
    prometheus,
    rclone_conf,
)
from shared.uploads.inventories.ansible import hosts, ini, yaml
from shared.uploads.inventories.sections import sections_of
from shared.uploads.inventories.together import not_together
from shared.uploads.inventories.yaml_value import MOST_NODES, yaml_documents
from shared.uploads.reading import Reading
from shared.uploads.row import Row, UploadError
from shared.uploads.wishes import Wishes

MOST_BYTES: Final = 4_194_304

Syntax = Literal["YAML", "JSON", "INI", "shell"]
SYNTAXES: Final[Mapping[str, Syntax]] = {
    "YAML": "YAML",
    "JSON document": "JSON",
    "INI": "INI",
    "shell": "shell",
}
"""The syntax of each kind of upload that is read as a whole."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format of a program, and how what was read of it becomes rows.

    `rows` gets all documents, and yields rows with a problem for entries that can't be tested.
    """

    name: str
    recognizes: Callable[[Any], bool]
    rows: Callable[[Sequence[Any], Wishes, Reading], Iterator[Row]]
    joins: bool = False
    """Whether several files of it say more together than each alone."""


def _known(
    read: Callable[[Sequence[Any], Reading], Iterator[Row]],
) -> Callable[[Sequence[Any], Wishes, Reading], Iterator[Row]]:
    return lambda documents, _, reading: read(documents, reading)


def _ansible(
    groups_in: Callable[[Any], Any],
) -> Callable[[Sequence[Any], Wishes, Reading], Iterator[Row]]:
    return lambda documents, _, __: (
        row for document in documents for row in hosts.rows_of(groups_in(document))
    )


_OF_VALUES = (
    Format("clouds.yaml", clouds_yaml.is_clouds, _known(clouds_yaml.clouds), joins=True),
    Format("kubeconfig", kubeconfig.is_kubeconfig, _known(kubeconfig.contexts), joins=True),
    Format("MinIO client config.json", minio_client.is_minio, _known(minio_client.aliases)),
    Format("prometheus.yml", prometheus.is_configuration, _known(prometheus.scraped)),
    Format("Prometheus targets", prometheus.is_target_groups, _known(prometheus.target_groups)),
    Format("Ansible inventory", yaml.is_ansible, _ansible(yaml.groups_in)),
    Format("", platform_list.is_list, platform_list.platforms),
)
_OF_SECTIONS = (
    Format("rclone.conf", rclone_conf.is_rclone, _known(rclone_conf.remotes)),
    Format("AWS profiles", aws_profiles.is_aws, _known(aws_profiles.profiles), joins=True),
    Format("Ansible inventory", ini.is_ansible, _ansible(ini.groups_in)),
)
_OF_SCRIPTS = (Format("openrc.sh", openrc.is_openrc, _known(openrc.scripts)),)


class DocumentParser:
    """Parser of an inventory; it holds the whole file, MOST_BYTES at most."""

    def __init__(self, syntax: Syntax, wishes: Wishes, reading: Reading) -> None:
        self.syntax = syntax
        self._wishes = wishes
        self._reading = reading
        self._content = bytearray()
        self._earlier: list[DocumentParser] = []

    def join(self, earlier: "DocumentParser") -> None:
        """Read this file together with an earlier one of the same form."""
        self._earlier = [*earlier._earlier, earlier]  # noqa: SLF001 -- of the same class

    def feed(self, chunk: bytes) -> Iterator[Row]:
        """Take `chunk`; the rows come at the end.

        Raises:
            UploadError: The file is too large.
        """
        self._content += chunk
        if len(self._content) > MOST_BYTES:
            detail = "A file of this format must not be larger than {most} bytes."
            raise UploadError(detail, kind="too-large", most=MOST_BYTES)
        return iter(())

    def finish(self) -> Iterator[Row]:
        """Yield the rows of all joined files.

        Raises:
            UploadError: The format is unknown, or the files don't belong together.
        """
        read = [(document, *document._read()) for document in (*self._earlier, self)]  # noqa: SLF001
        form = read[-1][1]
        if len(read) > 1 and (not form.joins or any(one[1] is not form for one in read)):
            raise not_together()
        self._reading.format = form.name or self.syntax
        self._reading.encoding = self._reading.encoding or "UTF-8"
        values = [value for _, _, found in read for value in found]
        yield from form.rows(values, self._wishes, self._reading)

    def _read(self) -> tuple[Format, list[Any]]:
        """Return the format, and what is in the file."""
        text = _decoded(bytes(self._content))
        self._content.clear()
        if self.syntax == "INI":
            return _format_of([sections_of(text)], _OF_SECTIONS, self.syntax)
        if self.syntax == "shell":
            return _format_of([text], _OF_SCRIPTS, self.syntax)
        values = yaml_documents(text) if self.syntax == "YAML" else [_json(text)]
        if not values:
            raise UploadError("The upload has no rows.")
        return _format_of(values, _OF_VALUES, self.syntax)


def _format_of(
    values: list[Any], formats: Sequence[Format], syntax: Syntax
) -> tuple[Format, list[Any]]:
    for form in formats:
        if all(map(form.recognizes, values)):
            return form, values
    known = tuple(form.name for form in formats if form.name)
    raise UploadError(
        "The file is {syntax}, but none of those that are known: {known}.",
        kind="unsupported-media-type",
        syntax=syntax,
        known=known,
    )


def _decoded(content: bytes) -> str:
    # Not raised in the except clause: the exception has the whole content.
    try:
        return content.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
    raise UploadError("{place}: is not valid UTF-8; save the file in UTF-8.", place=f"line {line}")


def _json(text: str) -> Any:
    if text.count(",") > MOST_NODES:
        detail = "{place}: has more than {most} members."
        raise UploadError(detail, kind="too-large", place="the document", most=MOST_NODES)
    try:
        # Cached strings, key pairs among them, would outlive the request.
        return from_json(text, allow_inf_nan=False, cache_strings="keys")
    except ValueError:
        pass
    raise UploadError("{place}: is not valid JSON in UTF-8.", place="the document")
