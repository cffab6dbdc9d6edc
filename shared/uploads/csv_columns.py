"""Interpret the columns of an uploaded table."""

import math
import re
from collections.abc import Sequence
from typing import Any

from shared.uploads.row import UploadError

KEY_PAIR = ("accessKey", "secretKey")
NEEDED = ("productType", "endpoint")
KNOWN = (*NEEDED, *KEY_PAIR, "name", "ref")
MAX_COLUMNS = 64

_OPTION = re.compile(r"options(\.[A-Za-z][A-Za-z0-9]{0,63}){1,4}")
# A fingerprint or an account's ID of digits only is still a string.
_TEXTS = frozenset(
    {
        "options.tls.fingerprintSha256",
        "options.tls.caCertificate",
        "options.expect.account",
        "options.expect.tenant",
        "options.expect.user",
    }
)
# Spreadsheets write false as FALSE.
_WORDS = {"true": True, "TRUE": True, "false": False, "FALSE": False}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_LONGEST_NUMBER = 24


class Columns:
    """The header of a table, which gives the cells below it their meaning."""

    def __init__(self, header: Sequence[str], place: str) -> None:
        names = [name.strip() for name in header]
        _check(names, place)
        self.count = len(names)
        self._paths = [tuple(name.split(".")) for name in names]
        self._is_text = [name in KNOWN or name in _TEXTS for name in names]

    def content(self, cells: Sequence[str]) -> dict[str, Any]:
        """Return the content of the row with these `cells`; empty cells are left out."""
        content: dict[str, Any] = {}
        for path, is_text, cell in zip(self._paths, self._is_text, cells, strict=True):
            if not cell:
                continue
            inner = content
            for name in path[:-1]:
                inner = inner.setdefault(name, {})
            inner[path[-1]] = cell if is_text else _value(cell)
        return content


def _check(names: Sequence[str], place: str) -> None:
    if len(names) > MAX_COLUMNS:
        detail = "{place}: has more than {most} columns."
        raise UploadError(detail, place=place, most=MAX_COLUMNS)
    for number, name in enumerate(names, start=1):
        if name not in KNOWN and not _OPTION.fullmatch(name):
            detail = "{place}: column {number} is unknown; use {known} or options.NAME."
            raise UploadError(detail, place=place, number=number, known=KNOWN)
        for earlier, other in enumerate(names[: number - 1], start=1):
            if _collide(name, other):
                detail = "{place}: columns {earlier} and {number} set the same field."
                raise UploadError(detail, place=place, earlier=earlier, number=number)
    # A table of plain products has no key pairs; validation tells whether a row needs one.
    needed = (*NEEDED, *KEY_PAIR) if {*KEY_PAIR} & {*names} else NEEDED
    if missing := [name for name in needed if name not in names]:
        detail = "{place}: required columns are missing: {missing}."
        raise UploadError(detail, place=place, missing=tuple(missing))


def _collide(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def _value(cell: str) -> str | float | bool:
    if cell in _WORDS:
        return _WORDS[cell]
    number = _NUMBER.fullmatch(cell) if len(cell) <= _LONGEST_NUMBER else None
    if not number:
        return cell
    if not number[1] and not number[2]:
        return int(cell)
    return float(cell) if math.isfinite(float(cell)) else cell
