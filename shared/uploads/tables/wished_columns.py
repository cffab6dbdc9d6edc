"""What a caller says that the columns of a table mean."""

from collections.abc import Mapping, Sequence

from shared.uploads.field_names import KNOWN, LONGEST_NAME, PARTS, is_target, spelling
from shared.uploads.row import UploadError


class Wished:
    """The fields that a caller wishes for columns, each by its header's text or by its number."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        for field in columns.values():
            if field and not is_target(field):
                raise UploadError(
                    "A column can't set {field}; choose one of {known}, options.NAME, label.NAME, "
                    "or nothing to leave it out.",
                    field=field[:LONGEST_NAME],
                    known=(*KNOWN, *PARTS),
                )
        self._columns = columns
        self._spelled = {spelling(key): key for key in columns}

    def __bool__(self) -> bool:
        return bool(self._columns)

    def knows(self, header: str) -> bool:
        """Return whether the caller calls a column by this header."""
        return bool(self._key_of(header))

    def by_number(self, header: Sequence[str]) -> Mapping[int, str]:
        """Return the wished fields by the numbers of the columns, from 1.

        Raises:
            UploadError: There is no such column.
        """
        by_text = ((number, self._key_of(cell)) for number, cell in enumerate(header, start=1))
        keys = {number: key for number, key in by_text if key}
        found = {number: self._columns[key] for number, key in keys.items()}
        for key, field in self._columns.items():
            if key in keys.values():
                continue
            number = int(key) if key.isdecimal() and len(key) <= 3 else 0
            if not 1 <= number <= len(header):
                detail = "There is no column {column}; the table has {count:column|columns}."
                raise UploadError(detail, column=key[:LONGEST_NAME], count=len(header))
            found[number] = field
        return found

    def _key_of(self, header: str) -> str:
        text = header.strip()
        if text in self._columns:
            return text
        spelled = spelling(text)
        return self._spelled.get(spelled, "") if spelled else ""
