"""Write an empty table to fill in, with what belongs into it."""

import sys
from pathlib import Path

from cli.bulk.output.atomic_file import replace_file
from cli.bulk.wishes import STDIN
from shared.diagnosis.translations import Language


def write_template(path: Path, language: Language) -> None:
    """Write the service's template to `path`, as CSV or as a workbook by its ending.

    `-` is CSV on standard output. End the command where the file can't be written.
    """
    content = _content(path, language)
    if path == STDIN:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        replace_file("--template", path, content)


def _content(path: Path, language: Language) -> bytes:
    # Here, because XlsxWriter is for workbooks alone.
    if path.suffix.lower() == ".xlsx":
        from shared.wire.sheets.template_xlsx import template_xlsx

        return template_xlsx(language)
    from shared.wire.sheets.template import template_csv

    return template_csv(language)
