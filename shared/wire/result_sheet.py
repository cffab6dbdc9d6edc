"""Results of a batch as a table: the columns of the upload, and the verdict behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Protocol, get_args

from shared.diagnosis.translations import Language, sentence
from shared.places import line_of
from shared.steps import INSPECTION, StepName
from shared.store.batches.batch import RejectedRow, UploadColumn
from shared.uploads.field_names import SITE
from shared.wire.upload_columns import Named, said_by, with_labels
from shared.wire.uploads import RowError

INVALID: Final = "invalid"
"""The outcome of a row that could not be tested."""
STEPS: Final = tuple(step for step in get_args(StepName) if step not in INSPECTION[2:])
_VERDICT: Final = ("line", "outcome", "cause", "summary", "recommendation", "owner")
_TESTED_AT: Final = "testedAt"
_FOR_PROGRAMS: Final = (
    *("index", "name", "ref", "productType", "endpoint", "status", "step", "field", "errorMsg"),
    *("tookMs", "queueMs", "finishedAt", "jobId", "statusUrl", "docUrl", "site"),
)
_FIELDS: Final = {"site": SITE}
"""What a column of the upload sets that has the same values under another name."""
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class Resulted(Named, Protocol):
    """A result, of the service or as its client reads it."""

    @property
    def index(self) -> int: ...  # noqa: D102
    @property
    def status(self) -> str: ...  # noqa: D102
    @property
    def outcome(self) -> str | None: ...  # noqa: D102
    @property
    def took_ms_by_step(self) -> Mapping[str, float]: ...  # noqa: D102
    def model_dump(self, *, mode: str, by_alias: bool) -> dict[str, Any]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class ResultSheet:
    """The rows of one batch's results; each value is a text, a number or None."""

    columns: Sequence[UploadColumn] = field(default_factory=lambda: with_labels(()))
    """The upload's own."""

    @property
    def header(self) -> list[str]:
        """The names of the columns; a program finds those that it knows behind the upload's."""
        own = [column.header for column in self.columns]
        steps = [f"{step} ms" for step in STEPS]
        return [*own, *_VERDICT, *steps, _TESTED_AT, *self._for_programs]

    @property
    def _for_programs(self) -> Sequence[str]:
        """The columns that are not there already, under the same name and with the same values."""
        own = {(column.header, column.field) for column in self.columns}
        return [name for name in _FOR_PROGRAMS if (name, _FIELDS.get(name, name)) not in own]

    def row(self, result: Resulted, typed: Mapping[str, str] = _NOTHING) -> list[object]:
        """Return the row of a result; `typed` is what stood in columns of the upload."""
        values = result.model_dump(mode="json", by_alias=True)
        values["outcome"] = result.outcome or result.status
        own = [typed.get(one.field) or said_by(result, one.field) for one in self.columns]
        steps = [result.took_ms_by_step.get(step) for step in STEPS]
        verdict = [values[name] for name in _VERDICT]
        further = [values[name] for name in self._for_programs]
        return [*own, *verdict, *steps, values["finishedAt"], *further]

    def invalid(self, row: RejectedRow, language: Language = "en") -> list[object]:
        """Return the row of one that could not be tested; nothing is kept of its cells."""
        (told,) = RowError.of([row], language)
        template = sentence(language, "{field}: {reason}") if told.field else "{reason}"
        said = {
            "line": row.line or line_of(row.place),
            "outcome": INVALID,
            "summary": template.format(field=told.field, reason=told.reason),
            "status": INVALID,
        }
        own = len(self.columns)
        return [*[None] * own, *(said.get(name) for name in self.header[own:])]
