"""Interpret the columns of an uploaded table."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from shared.diagnosis.outcomes import Fact, Failed
from shared.endpoint import parse_endpoint
from shared.uploads.row import UploadError

KEY_PAIR = ("accessKey", "secretKey")
NEEDED = ("productType", "endpoint")
KNOWN = (*NEEDED, *KEY_PAIR, "name", "ref")
MAX_COLUMNS = 64
LONGEST_NAME = 40
"""Of a column that may be another spelling of a known one."""

_OPTION = re.compile(r"options(\.[A-Za-z][A-Za-z0-9]{0,63}){1,4}")
_BETWEEN_WORDS = re.compile(r"[\s_-]+")
# What other inventories call these columns. They are suggested and not taken: a column `type` or
# `token` can have another meaning there.
_CALLED_ELSEWHERE: Mapping[str, str] = {
    called: column
    for column, names in {
        "endpoint": "vc vcenter host hostname server url uri ip ipaddress address addr fqdn "
        "地址 主机 主机名 ip地址 服务器 端点",
        "accessKey": "user username login account accesskeyid ak keyid apikey userid "
        "用户 用户名 账号 帐号 账户 访问密钥",
        "secretKey": "password passwd pass pwd token secret sk secretaccesskey secretkeyid "
        "密码 口令 密钥 令牌",
        "productType": "type platform product kind vendor 类型 平台 平台类型 产品 产品类型",
        "name": "title label displayname 名称 名字",
        "ref": "id reference externalid 编号",
    }.items()
    for called in names.split()
}
_SHORTEST_END = 4
"""Of a name that is made of two words: vcenter_user is a user, and a zip is no IP address."""
_BY_SPELLING: Mapping[str, str] = {name.lower(): name for name in KNOWN}
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
        names = _without_empty_end([_known(name) for name in header], 0)
        _check(names, place)
        self.count = len(names)
        self._paths = [tuple(name.split(".")) for name in names]
        self._is_text = [name in KNOWN or name in _TEXTS for name in names]

    def without_empty_end(self, cells: list[str]) -> list[str]:
        """Return the cells of a row without the empty ones beyond the header's columns."""
        return _without_empty_end(cells, self.count)

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


def recognized(header: Iterable[str]) -> int:
    """Return how many columns of a header are known, or have a name that means a known one."""
    names = [_known(cell) for cell in header]
    return sum(_is_known(name) or _spelling(name) in _CALLED_ELSEWHERE for name in names)


def _spelling(name: str) -> str:
    return _BETWEEN_WORDS.sub("", name[: LONGEST_NAME + 1]).lower()


def _known(cell: str) -> str:
    """Return the name of the known column that a cell spells, else the cell itself."""
    return _BY_SPELLING.get(_spelling(cell), cell.strip())


def _is_known(name: str) -> bool:
    return name in KNOWN or bool(_OPTION.fullmatch(name))


def _without_empty_end(cells: list[str], count: int) -> list[str]:
    end = len(cells)
    while end > count and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def _meant(name: str) -> str:
    """Return the column that an unknown name probably means; nothing if there is none."""
    spelling = _spelling(name)
    if len(spelling) > LONGEST_NAME:
        return ""
    if spelling in _CALLED_ELSEWHERE:
        return _CALLED_ELSEWHERE[spelling]
    if nearest := get_close_matches(spelling, _BY_SPELLING, n=1):
        return _BY_SPELLING[nearest[0]]
    ends = (spelling[start:] for start in range(1, len(spelling) - _SHORTEST_END + 1))
    return next((_CALLED_ELSEWHERE[end] for end in ends if end in _CALLED_ELSEWHERE), "")


def _is_address(cell: str) -> bool:
    try:
        parse_endpoint(cell.strip())
    except Failed:
        return False
    return "." in cell or ":" in cell


def _refuse_unknown(names: Sequence[str], place: str) -> None:
    """Raise for columns that are unknown, with the names that they probably mean.

    The names themselves are not repeated: in a table without a header they are somebody's keys.
    """
    if not recognized(names) and any(_is_address(name) for name in names):
        detail = "{place}: has an address; the first line must name the columns: {known}."
        raise UploadError(detail, place=place, known=KNOWN)
    unknown = {n: name for n, name in enumerate(names, start=1) if not _is_known(name)}
    if not unknown:
        return
    meant = {number: _meant(name) for number, name in unknown.items()}
    renames = tuple(f"{number} → {name}" for number, name in meant.items() if name)
    missing = tuple(name for name in NEEDED if name not in {*names, *meant.values()})
    found: dict[str, tuple[str, ...]] = {"renames": renames, "missing": missing}
    hints: dict[str, Fact] = {name: columns for name, columns in found.items() if columns}
    raise UploadError(
        "{place}: column {number} is unknown; use {known} or options.NAME"
        "[. Rename these columns: {renames}][. Required columns are missing: {missing}].",
        kind="invalid-request",
        place=place,
        number=next(iter(unknown)),
        known=KNOWN,
        **hints,
    )


def _check(names: Sequence[str], place: str) -> None:
    if len(names) > MAX_COLUMNS:
        detail = "{place}: has more than {most} columns."
        raise UploadError(detail, place=place, most=MAX_COLUMNS)
    _refuse_unknown(names, place)
    for number, name in enumerate(names, start=1):
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
