"""The arguments of `conncheck bulk`, and which of them go together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.bulk.results_file import check_results_file
from cli.terminal.exit_status import refuse
from shared.diagnosis.translations import Language
from shared.uploads.wishes import AS_IT_COMES, Wishes

STDIN = Path("-")


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
    reading: Wishes = AS_IT_COMES
    charset: str = ""

    def check(self, *, has_server: bool) -> None:
        """End the command where arguments contradict each other."""
        if self.batch_id or self.cancel or self.retry:
            self._check_batch(has_server=has_server)
        elif not self.files:
            refuse("give a FILE of platforms; `conncheck bulk --help` names the formats")
        if self.files.count(STDIN) > 1:
            refuse("give - for standard input only once")
        if self.output:
            check_results_file(self.output)

    def _check_batch(self, *, has_server: bool) -> None:
        if self.batch_id and (self.files or not has_server):
            refuse("--batch needs --server, and no FILE")
        if not self.batch_id and (self.cancel or self.retry):
            refuse("--cancel and --retry need --batch")
        if self.cancel and self.retry:
            refuse("choose either --cancel or --retry")
