"""Say that a workbook can't be read."""

from shared.uploads.row import UploadError


def damaged() -> UploadError:
    """Return the error for a workbook whose bytes are none of its format."""
    return UploadError("The workbook is damaged; open it in your spreadsheet and save it again.")


def encrypted() -> UploadError:
    """Return the error for a workbook that needs a password."""
    return UploadError("The workbook is protected by a password; save it without one.")


def too_large() -> UploadError:
    """Return the error for a workbook that unpacks to more than a table of platforms has."""
    detail = "The workbook unpacks to too much; copy the table alone into a new workbook."
    return UploadError(detail, kind="too-large")
