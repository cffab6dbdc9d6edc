"""The arguments of `conncheck bulk`, and which of them go together."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cli.bulk.output.results_file import check_results_file
from cli.terminal.exit_status import refuse
from conncheck_client import ResultSort
from shared.diagnosis.translations import Language
from shared.text import printable
from shared.uploads.wishes import AS_IT_COMES, Wishes

STDIN = Path("-")
BAD_ROWS_ENDINGS = TEMPLATE_ENDINGS = (".csv", ".xlsx")
_CHARSET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,39}")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which failed tests are retried: those that match all of it."""

    cause: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    refs: Sequence[str] = ()
    """One of them must match."""

    def __bool__(self) -> bool:
        return bool(self.cause or self.labels or self.refs)


@dataclass(frozen=True, slots=True)
class BulkWishes:
    """The arguments of the command line."""

    files: Sequence[Path]
    output: Path | None
    as_json: bool
    language: Language
    parallel: int
    batch_id: str | None
    cancel: bool
    retry: bool
    choice: Choice = field(default_factory=Choice)
    sort: ResultSort | None = None
    dry_run: bool = False
    template: Path | None = None
    reading: Wishes = AS_IT_COMES
    """How the files are read."""
    charset: str = ""

    def check(self, *, has_server: bool) -> None:
        """End the command where arguments contradict each other."""
        if self.template:
            self._check_template(self.template)
            return
        if self.batch_id or self.cancel or self.retry or self.choice:
            self._check_batch(has_server=has_server)
        elif not self.files:
            refuse("give a FILE of platforms; `conncheck bulk --help` names the formats")
        self._check_reading()
        self._check_output()

    def _check_batch(self, *, has_server: bool) -> None:
        if self.batch_id and (self.files or not has_server):
            refuse("--batch needs --server, and no FILE")
        if not self.batch_id:
            refuse("--cancel and --retry, with --cause, --label or --ref, need --batch")
        if self.cancel and self.retry:
            refuse("choose either --cancel or --retry")
        if self.choice and not self.retry:
            refuse("--cause, --label and --ref need --retry")

    def _check_reading(self) -> None:
        if self.files.count(STDIN) > 1:
            refuse("give - for standard input only once")
        if self.batch_id and (self.dry_run or self.charset or self.reading != AS_IT_COMES):
            refuse("--dry-run, --sheet, --product, --map, --site and --encoding need a FILE")
        if self.charset and not _CHARSET.fullmatch(self.charset):
            refuse(f"--encoding: {printable(self.charset)!r} is not the name of an encoding")

    def _check_output(self) -> None:
        if self.output and self.dry_run:
            check_ending("--output", self.output, BAD_ROWS_ENDINGS)
        elif self.output:
            check_results_file(self.output)

    def _check_template(self, path: Path) -> None:
        others = self.files or self.batch_id or self.output or self.dry_run or self.as_json
        if others or self.cancel or self.retry:
            refuse("--template needs no FILE and no other action")
        if path != STDIN:
            check_ending("--template", path, TEMPLATE_ENDINGS)


def check_ending(option: str, path: Path, endings: Sequence[str]) -> None:
    """End the command if the file can't be written to `path`, or has another ending."""
    if path.suffix.lower() not in endings:
        refuse(f"{option}: {path}: the file name must end in {', '.join(endings)}")
    if not path.parent.is_dir():
        refuse(f"{option}: {path.parent} is not a directory")


def mapping_of(texts: Sequence[str]) -> Mapping[str, str]:
    """Return the fields of columns that --map gives, by header or number."""
    fields: dict[str, str] = {}
    for text in texts:
        header, sign, name = text.rpartition("=")  # a header may contain the sign, a field does not
        if not sign or not header.strip():
            refuse("--map: write HEADER=FIELD, e.g. Account=accessKey; HEADER= leaves a column out")
        if header in fields:
            refuse(f"--map: {printable(header)!r} is given twice")
        fields[header] = name.strip()
    return fields


def labels_of(texts: Sequence[str]) -> Mapping[str, str]:
    """Return the labels that --label gives, each as NAME=VALUE."""
    labels: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name or name in labels:
            refuse("--label: write NAME=VALUE, each NAME once, e.g. owner=Alice")
        labels[name] = value
    return labels
