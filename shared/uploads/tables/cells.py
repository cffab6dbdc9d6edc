"""Tell what a cell means that a person or a spreadsheet has written."""

import math
import re

from shared.labels import LABEL
from shared.uploads.field_names import KEY_PAIR, KNOWN, PARTS

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
_SECRET_OPTION = re.compile(r"options\..*(token|secret|password|passphrase)", re.IGNORECASE)
_QUADS = "".join(map(chr, range(0x2000, 0x200E)))  # from EN QUAD to ZERO WIDTH JOINER
_OUTER = f" \t\r\n\v\f\x85\xa0\u1680{_QUADS}\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
"""Blanks of every kind, zero-width ones and byte order marks."""
_TEXT_FORMULA = re.compile(r'="((?:[^"]|"")*)"')
_ROUNDED = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,3}")


def trimmed(cell: str) -> str:
    """Return `cell` without blanks and invisible characters around it."""
    return cell.strip(_OUTER)  # a regular expression takes hours for blanks within a cell


def is_secret(field: str) -> bool:
    """Return whether a field's value is kept as it is: a blank in it may be meant."""
    return field in KEY_PAIR or bool(_SECRET_OPTION.fullmatch(field))


def text_of(cell: str) -> str:
    """Return the text of ="00123", which keeps a spreadsheet from taking digits for a number."""
    if not cell.startswith("="):
        return cell
    formula = _TEXT_FORMULA.fullmatch(cell)
    return formula[1].replace('""', '"') if formula else cell


def is_rounded(cell: str) -> bool:
    """Return whether a spreadsheet has made a number of a key: 1.23E+15."""
    return bool(_ROUNDED.fullmatch(cell))


def value_of(field: str, cell: str) -> str | float | bool:
    """Return what `cell` means in `field`: a text, or what JSON would make of an option."""
    if field in KNOWN or field in PARTS or field in _TEXTS or field.startswith(LABEL):
        return cell
    if cell in _WORDS:
        return _WORDS[cell]
    number = _NUMBER.fullmatch(cell) if len(cell) <= _LONGEST_NUMBER else None
    if not number:
        return cell
    if not number[1] and not number[2]:
        return int(cell)
    return float(cell) if math.isfinite(float(cell)) else cell
