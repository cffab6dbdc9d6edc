"""Lay out results as a table, with the columns of the files and the verdict behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cli.bulk.judged import Item, JudgedFiles
from cli.bulk.output.results_file import TableForm
from cli.bulk.views.rows_view import RejectedRows
from conncheck_client import BatchResult, ResultSort
from shared.diagnosis.translations import Language
from shared.store.batches.batch import BatchItem, RejectedRow, UploadColumn
from shared.wire.result_rows import ResultRows
from shared.wire.result_sheet import ResultSheet
from shared.wire.sheets.csv_sheet import sheet_csv
from shared.wire.upload_columns import columns_of, with_labels

_UNKNOWN = BatchItem("", "", "", "", "", "")


@dataclass(frozen=True, slots=True)
class ResultTable:
    """What a table of results is made of, beside the results; the service makes the same."""

    columns: Sequence[UploadColumn]
    rejected: Sequence[RejectedRow]
    language: Language
    items: Mapping[int, BatchItem] = field(default_factory=dict)

    @classmethod
    def of(cls, judged: JudgedFiles, items: Sequence[Item]) -> "ResultTable":
        """Return the table of a test in this process."""
        sent = {item.index: item.sent for item in items}
        labels = tuple(dict.fromkeys(name for item in sent.values() for name in item.labels))
        columns = columns_of(judged.reading, labels) or with_labels(labels)
        return cls(columns, judged.rejected, judged.language, sent)

    @classmethod
    def of_rejected(cls, rows: RejectedRows, language: Language) -> "ResultTable":
        """Return the table of an upload that the service has refused, because of its rows."""
        told = [RejectedRow(row.place, row.field, row.reason, None, row.line) for row in rows.first]
        return cls(with_labels(()), told, language)

    def content(
        self, results: Sequence[BatchResult], form: TableForm, sort: ResultSort | None
    ) -> bytes:
        """Return the results as a file; without `sort`, the invalid rows are in their places."""
        sheet = ResultSheet(self.columns)
        rows = ResultRows(sheet, self.rejected, self.language, is_sorted=sort is not None)
        found = ((self.items.get(one.index, _UNKNOWN), one) for one in results)
        table: list[Sequence[object]] = [sheet.header, *rows.of(found), *rows.rest()]
        if form == "csv":
            return sheet_csv(table).encode()
        # Here, because the parts of XML that it needs are for workbooks alone.
        from shared.wire.sheets.xlsx_sheet import sheet_xlsx

        return sheet_xlsx(table)
