"""What is known of a batch and of its items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest
from typing import Any, Final, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import to_json

from shared.diagnosis.sentences import Sentence
from shared.site_name import DEFAULT_SITE
from shared.store.batches.letters import AT_WORK


class BatchGoneError(Exception):
    """Raised where a batch expires while it is looked at, or where another version wrote it."""


class TooManyOpenBatchesError(Exception):
    """Raised where a tenant has as many unfinished batches as it may have."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most


class UploadColumn(NamedTuple):
    """A column of the upload that is shown again with the results."""

    header: str
    field: str


class Batch(BaseModel):
    """What is known of a batch as a whole from its beginning on."""

    model_config = ConfigDict(frozen=True, validate_by_name=True, serialize_by_alias=True)

    tenant: str = Field(alias="caller")  # as Redis knows it
    """Who the batch belongs to."""
    share_of: str = Field(default="", exclude_if=lambda tenant: not tenant)
    """The tenant whose limits it counts for; empty for one of the operator's own tokens."""
    token_name: str = ""
    client: str = ""
    items_per_minute: int | None = None
    """How many of its tests may begin; None for any number."""
    created_at: AwareDatetime
    start_by: AwareDatetime
    """Until when its tests may begin, and be repeated: its sealed requests go then."""
    total: int
    rejected: int
    labels: tuple[str, ...] = Field(default=(), exclude_if=lambda names: not names)
    """The names of the labels that its items have, at most MOST_NAMES of an ItemIndex."""
    columns: tuple[UploadColumn, ...] = Field(default=(), exclude_if=lambda columns: not columns)
    """Of its upload, those that results are shown with; none for the usual ones."""
    repeats: str = ""
    """The batch whose failed items this one repeats."""
    repeated_by: str = Field(default="", exclude_if=lambda allowance: not allowance)
    """The Allowance of the token that repeats them, as JSON; the first token's counts too.

    It is that at the default site.
    """
    repeated_by_at: dict[str, str] = Field(default={}, exclude_if=lambda others: not others)
    """The same at other sites, by their names."""
    sites: tuple[str, ...] = Field(default=(), exclude_if=lambda names: not names)
    """The sites of its items beside the default one."""

    @property
    def all_sites(self) -> tuple[str, ...]:
        """The sites that its items may be at."""
        return DEFAULT_SITE, *self.sites

    def allowance_at(self, site: str) -> str:
        """Return the Allowance, as JSON, of the token that repeats items at a site."""
        return self.repeated_by_at.get(site, self.repeated_by)


class BatchState(NamedTuple):
    """A batch and where it stands."""

    batch: Batch
    letters: str
    began_at: datetime | None
    finished_at: datetime | None

    @property
    def at_work(self) -> Sequence[int]:
        """The items that were handed to the queue, and that have not been settled."""
        return [n for n, letter in enumerate(self.letters) if letter == AT_WORK]


class BatchHead(NamedTuple):
    """A batch, and when its tests began and ended."""

    batch: Batch
    began_at: datetime | None
    finished_at: datetime | None


class BatchProgress(NamedTuple):
    """A batch and how far it is."""

    batch: Batch
    began_at: datetime | None
    finished_at: datetime | None
    counts: Mapping[str, int]
    """How many items have a letter."""
    waiting_at_work: int
    """How many of those that were handed to the queue no worker has begun."""


_NOTHING: Final[Mapping[str, str]] = {}


class BatchItem(NamedTuple):
    """What was sent of one platform, without its key pair."""

    place: str
    name: str
    ref: str
    product_type: str
    endpoint: str
    sealed_as: str
    """The job that the request was sealed for."""
    labels: Mapping[str, str] = _NOTHING
    """What the caller calls it by; never sent to a platform."""
    typed: Mapping[str, str] = _NOTHING
    """What stood in columns of the upload, by their fields, where nothing else here says it."""
    site: str = DEFAULT_SITE
    """Where it is tested."""


class RejectedRow(NamedTuple):
    """A row that is no platform to test, and why."""

    place: str
    field: str
    reason: str
    said: Sentence | None = None
    """The reason, if it has facts in it."""
    line: int | None = None
    """The line of a text or the row of a sheet, from 1."""
    column: int | None = None
    """The column that sets the field, from 1."""
    example: str | None = None
    """A valid value of the field."""
    before: int | None = None
    """The index of the first item behind it in the upload, if that is known."""


_ITEM: TypeAdapter[BatchItem] = TypeAdapter(BatchItem)
REASONS: TypeAdapter[list[Sentence | None]] = TypeAdapter(list[Sentence | None])
"""How Redis keeps them; the sentences stand apart, since older versions do not know them."""

_ROWS: TypeAdapter[list[list[Any]]] = TypeAdapter(list[list[Any]])
_WHAT: TypeAdapter[tuple[str, str, str]] = TypeAdapter(tuple[str, str, str])
_Where = tuple[int | None, int | None, str | None, int | None]
_WHERE: TypeAdapter[_Where] = TypeAdapter(_Where)
_UNKNOWN = (None, None, None, None)
_PARTS: TypeAdapter[list[Any]] = TypeAdapter(list[Any])
_OPTIONAL: Final = len(BatchItem._field_defaults)


def item_to_json(item: BatchItem) -> bytes:
    """Return the item as Redis keeps it: without what it does not have at its end."""
    site = "" if item.site == DEFAULT_SITE else item.site
    parts: list[Any] = [*item[:-_OPTIONAL], dict(item.labels), dict(item.typed), site]
    while len(parts) > len(item) - _OPTIONAL and not parts[-1]:
        del parts[-1]
    return to_json(parts)


def item_from_json(text: bytes) -> BatchItem:
    """Return the item of `item_to_json`; a newer version may have added to its end.

    One that can't be read is an item without a name: it is tested, since its sealed request counts.
    """
    try:
        item = _ITEM.validate_python(_PARTS.validate_json(text)[: len(BatchItem._fields)])
        return item if item.site else item._replace(site=DEFAULT_SITE)
    except ValidationError:
        return BatchItem("", "", "", "", "", "")


def rejected_as_json(rows: Sequence[RejectedRow]) -> bytes:
    """Return the rows without their sentences, which REASONS writes.

    Older versions read the first three parts of each: place, field and reason.
    """
    return _ROWS.dump_json([[*row[:3], *row[4:]] for row in rows])


def rejected_from_json(text: bytes, reasons: bytes | None = None) -> Sequence[RejectedRow]:
    """Return the rows that `rejected_as_json` wrote; a newer version may have added to their ends.

    Their reasons in English are enough where REASONS can't be read, or are not there.

    Raises:
        ValidationError: they can't be read.
    """
    rows = _ROWS.validate_json(text)
    try:
        said = REASONS.validate_json(reasons) if reasons else []
    except ValidationError:
        said = []
    known = zip_longest(rows, said[: len(rows)])
    return [_rejected(row, one) for row, one in known]


def _rejected(row: list[Any], said: Sentence | None) -> RejectedRow:
    place, name, reason = _WHAT.validate_python(row[:3])
    line, column, example, before = _where(row)
    return RejectedRow(place, name, reason, said, line, column, example, before)


def _where(row: list[Any]) -> _Where:
    """Return line, column, example and the item behind; the version before wrote none."""
    try:
        return _WHERE.validate_python(row[3:7])
    except ValidationError:
        return _UNKNOWN


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item with its sealed request, which one that is equal to another does without."""

    index: int
    item: BatchItem
    sealed: str
    same_as: int | None = None
    """The equal item that is tested for this one, if it is not tested itself."""


@dataclass(frozen=True, slots=True)
class CauseCount:
    """How many items have a cause, and the first of them."""

    code: str
    count: int
    first: Sequence[int]
    letter: str = field(default="", compare=False)
    """Where the first of them stands."""
