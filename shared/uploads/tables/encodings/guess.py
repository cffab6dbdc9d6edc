"""Guess the encoding of a text that says of none, or refuse to."""

import re
from collections.abc import Callable, Sequence

from shared.uploads.field_names import field_of
from shared.uploads.tables.encodings.charsets import GB18030, WINDOWS_1252, Charset
from shared.uploads.tables.encodings.usual_letters import USUAL_HANGUL, USUAL_HANZI

_BETWEEN_CELLS = re.compile(r'[,;\t|\r\n"]+')
_HEADERS_WITHIN = 8192
"""Characters of a sample in which headers are looked for."""
_FEWEST_HANZI = 2
_LEAST_USUAL = 0.7
"""The share of usual hanzi in a text that is Chinese: of the characters that Korean bytes look
like in GB18030 it is one in seven."""
_MOST_RARE = 0.1
"""The share of hanzi that GB 2312 does not have, as in names."""
_HANZI = re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]")
_CHINESE_MARKS = re.compile(
    "[\u00b7\u00d7\u2014\u2018\u2019\u201c\u201d\u2026\u3000-\u3003\u3008-\u3011\u3014\u3015"
    "\uff01-\uff5e\uffe5\u2460-\u2469\u2160-\u2169\u2103\u2192\u00b0]"
)
# What German, French, Spanish, Portuguese, Italian and the northern languages write. What is
# missing is what other encodings' letters would be here: Mac OS has \x9a for an o with dots.
_LETTERS = "äöüÄÖÜßéèêëàâçîïôûùœÉÈÀÂÇÊÎÔŒñÑáíóúÁÍÓÚãõÃÕåÅøØæÆìò"
_PAIRS = re.compile("[äöüÄÖÜ]ß|éé|[ÄÖÜ]{2}")
_LETTER_RUN = re.compile(f"[{_LETTERS}]{{2,}}")
_MARKS = "\u2013\u2014\u2018\u2019\u201c\u201d\u201e\u2026\u20ac§°«»\xa0®©¿¡²·"
_MARK_IN_WORD = re.compile(f"[A-Za-z][{_MARKS.replace(chr(0x2019), '')}][a-z]")
_FOREIGN = re.compile(f"[^\\x00-\\x7f{_LETTERS}{_MARKS}]")


def guessed(sample: bytes, *, is_whole: bool) -> Charset | None:
    """Return the encoding of `sample`, which is not UTF-8; None where it is in doubt.

    A general detector is of no use here: charset-normalizer 3.5 takes five letters of German in a
    table for Polish, and a Chinese header for Korean. What Excel writes in Western and in Chinese
    Windows looks different: letters that stand alone among those of ASCII, and usual hanzi.
    """
    found = [
        charset
        for charset, is_plausible in _CANDIDATES
        if (text := _decoded(sample, charset, is_whole=is_whole)) and is_plausible(text)
    ]
    return found[0] if len(found) == 1 else None


def _decoded(sample: bytes, charset: Charset, *, is_whole: bool) -> str:
    for cut in range(1 if is_whole else 4):  # a character of GB18030 has four bytes at most
        try:
            return sample[: len(sample) - cut].decode(charset.codec)
        except UnicodeDecodeError:
            continue
    return ""


def _is_western(text: str) -> bool:
    if _FOREIGN.search(text) or _MARK_IN_WORD.search(text):
        return False
    runs = (run[0] for run in _LETTER_RUN.finditer(text))
    return all(_PAIRS.fullmatch(run) for run in runs)


def _is_chinese(text: str) -> bool:
    letters = [c for c in text if not c.isascii() and not _CHINESE_MARKS.match(c)]
    hanzi = [c for c in letters if _HANZI.match(c)]
    if not hanzi or len(hanzi) < len(letters):
        return False
    rare = sum(not _is_in_gb2312(c) for c in hanzi)
    if rare > _MOST_RARE * len(hanzi):
        return False
    if _names_columns(text):
        return True
    usual = sum(c in USUAL_HANZI for c in hanzi)
    if _is_korean(hanzi):
        return False
    return usual >= _FEWEST_HANZI and usual >= _LEAST_USUAL * len(hanzi)


def _is_korean(hanzi: Sequence[str]) -> bool:
    """Return whether the bytes of these hanzi would be usual Hangul in EUC-KR."""
    text = "".join(hanzi).encode("gb18030").decode("cp949", "replace")
    return all(c in USUAL_HANGUL for c in text)


def _is_in_gb2312(character: str) -> bool:
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _names_columns(text: str) -> bool:
    cells = _BETWEEN_CELLS.split(text[:_HEADERS_WITHIN])
    return any(field_of(cell) for cell in cells if cell and not cell.isascii())


_CANDIDATES: tuple[tuple[Charset, Callable[[str], bool]], ...] = (
    (GB18030, _is_chinese),
    (WINDOWS_1252, _is_western),
)
