"""Write the numbers of cells as they are seen in the spreadsheet."""

import math
import re
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Literal

Kind = Literal["", "date", "duration"]
"""What the number of a cell with a format means; a format of zeros only is in `zeros_of`."""

_DIGITS = 15
"""Significant ones of a spreadsheet's numbers; a double is stored with 17: 1.1000000000000001."""
_INTEGER = re.compile("-?[0-9]{1,40}")
_WHOLE_BELOW = 1e21
_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 -- a spreadsheet's times are in no zone
_DAYS_BEFORE_1904 = 1462
_LAST_DAY = 2_958_465  # of the year 9999
_LEAP_BUG = 60  # Lotus 1-2-3 and Excel have a 29 February 1900
_DAY_S = 86_400

# ECMA-376, 18.8.30: the numbers of built-in formats, with those of China, Japan and Korea.
_BUILT_IN_DATES = frozenset({*range(14, 23), *range(27, 37), 45, 47, *range(50, 59)})
_BUILT_IN_DURATIONS = frozenset({46})
_DURATION = re.compile(r"\[(h+|m+|s+)\]", re.IGNORECASE)
_NO_CODE = re.compile(r'"[^"]*"?|\\.|_.|\*.|\[[^]]*\]?|General', re.IGNORECASE)
_DATE_CODE = re.compile("[dmyhs年月日]", re.IGNORECASE)
_ZEROS = re.compile("0{2,40}")


def kind_of(number: int, code: str | None) -> Kind:
    """Return what numbers mean in the format with this number, or with this code of its own."""
    if code is None:
        if number in _BUILT_IN_DURATIONS:
            return "duration"
        return "date" if number in _BUILT_IN_DATES else ""
    if _DURATION.search(code):
        return "duration"
    first = code.split(";", 1)[0]  # the others are for negative numbers, zero and texts
    return "date" if _DATE_CODE.search(_NO_CODE.sub("", first)) else ""


def zeros_of(code: str | None) -> int:
    """Return how many digits a format shows at least."""
    return len(code) if code and _ZEROS.fullmatch(code) else 0


def number_text(value: str) -> str:
    """Return a number without the digits that only its storage has; other texts as they are."""
    if _INTEGER.fullmatch(value):
        return value
    number = _float(value)
    if number is None:
        return value
    if number.is_integer() and abs(number) < _WHOLE_BELOW:
        return _whole(value)
    return format(number, f".{_DIGITS}g")


def is_rounded(text: str) -> bool:
    """Return whether a spreadsheet that somebody typed this number into has changed it."""
    digits = text.lstrip("-0")
    return len(digits) > _DIGITS and digits.isdigit()


def date_text(value: str, *, is_from_1904: bool) -> str:
    """Return the date, the time or both that a number means, as ISO 8601 writes them."""
    days = _float(value)
    if days is not None and is_from_1904:
        days += _DAYS_BEFORE_1904
    if days is None or not 0 <= days < _LAST_DAY:
        return number_text(value)
    if 1 <= days < _LEAP_BUG:
        days += 1
    moment = _EPOCH + timedelta(seconds=round(days * _DAY_S))
    if days < 1:
        return moment.time().isoformat()
    return moment.isoformat().removesuffix("T00:00:00")


def duration_text(value: str) -> str:
    """Return the hours, minutes and seconds that a number of days means."""
    days = _float(value)
    if days is None or not 0 <= days < _LAST_DAY:
        return number_text(value)
    minutes, seconds = divmod(round(days * _DAY_S), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def _whole(value: str) -> str:
    try:
        return str(int(Decimal(value)))  # a float would change the last digits
    except InvalidOperation:  # an exponent beyond all bounds: 1e-9999999999999999999
        return "0"


def _float(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
