"""Judge the rows of files in this process, by the rules of the service."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from cli.arguments import check_product, settings_or_refuse
from cli.bulk.platform_files import PlatformFiles, read_files
from cli.bulk.views.rows_view import RejectedRows
from cli.bulk.wishes import BulkWishes
from cli.terminal.exit_status import refuse
from shared.diagnosis.outcomes import Failed
from shared.diagnosis.translations import Language
from shared.policy.target_policy import UNLIMITED
from shared.settings import Settings
from shared.site_name import DEFAULT_SITE
from shared.sites.site_choice import SITE_UNKNOWN
from shared.store.batches.batch import BatchItem, RejectedRow
from shared.uploads.reading import Reading
from shared.uploads.row import Row, UploadError
from shared.wire.batches import BatchRow
from shared.wire.rows import MOST_REJECTED, judged
from shared.wire.upload_columns import item_of
from shared.wire.uploads import RowError


@dataclass(frozen=True, slots=True)
class Item:
    """A valid row of the files."""

    index: int
    request: BatchRow
    sent: BatchItem
    """What is shown of it with its result."""


def judged_files(wishes: BulkWishes) -> "JudgedFiles":
    """Return the files of the command line; end the command where one can't be read."""
    settings = settings_or_refuse()
    if wishes.reading.product_type:
        check_product(wishes.reading.product_type)
    files = read_files(wishes, settings.max_upload_bytes)
    return JudgedFiles(files, settings, wishes.language)


@dataclass(slots=True)
class JudgedFiles:
    """The rows of files, by the operator's policy of this process."""

    files: PlatformFiles
    settings: Settings
    language: Language
    reading: Reading = field(default_factory=Reading)
    rejected: list[RejectedRow] = field(default_factory=list)
    """The first MOST_REJECTED of them."""
    rejected_count: int = 0
    _accepted: int = 0

    def items(self) -> list[Item]:
        """Return the valid rows; end the command where the files can't be read."""
        items: list[Item] = []
        for row, found in self.rows():
            if isinstance(found, BatchRow):
                items.append(Item(len(items), found, item_of(row, found, self.reading)))
        return items

    def rows(self) -> Iterator[tuple[Row, BatchRow | RejectedRow]]:
        """Yield each row with its verdict; end the command where the files can't be read."""
        count, problem = 0, ""
        try:
            for row in self.files.rows(self.reading):
                count += 1
                if count > self.settings.max_batch:
                    problem = f"has too many rows; the limit is {self.settings.max_batch}"
                    break
                found = judged(row, self.reading, self.files.wishes, self._check)
                if isinstance(found, RejectedRow):
                    self._reject(found)
                else:
                    self._accepted += 1
                yield row, found
        except UploadError as error:
            problem = error.said.in_language(self.language) + self._other_sheets()
        if problem or not count:
            refuse(f"{self.files.name}: {problem or 'the file has no rows'}")

    def _other_sheets(self) -> str:
        """Return which sheet was read, and which ones could be; nothing of a single one."""
        read, others = self.reading.sheet, [*self.reading.sheets]
        if read not in others or len(others) == 1:
            return ""
        others.remove(read)
        return f" The sheet is {read}; --sheet can choose another one: {', '.join(others)}."

    def rejected_rows(self) -> RejectedRows:
        """Return the invalid rows, with their columns."""
        headers = {column.number: column.header for column in self.reading.columns}
        return RejectedRows(self.rejected_count, RowError.of(self.rejected, self.language), headers)

    def _reject(self, row: RejectedRow) -> None:
        self.rejected_count += 1
        if len(self.rejected) < MOST_REJECTED:
            self.rejected.append(row._replace(before=self._accepted))

    def _check(self, request: BatchRow) -> None:
        if request.options.site not in (None, DEFAULT_SITE):
            raise Failed(SITE_UNKNOWN, sites=(DEFAULT_SITE,))  # sites are those of a service
        self.settings.service_policy.check(request, UNLIMITED)
