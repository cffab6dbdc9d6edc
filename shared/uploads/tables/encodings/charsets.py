"""The encodings that a caller may name."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.uploads.row import UploadError

_LONGEST = 40


@dataclass(frozen=True, slots=True)
class Charset:
    """An encoding by the name that IANA has for it, and Python's codec that reads it."""

    name: str
    codec: str


UTF_8 = Charset("UTF-8", "utf-8")
UTF_16 = Charset("UTF-16", "utf-16")
UTF_16_LE = Charset("UTF-16LE", "utf-16-le")
UTF_16_BE = Charset("UTF-16BE", "utf-16-be")
GB18030 = Charset("GB18030", "gb18030")
WINDOWS_1252 = Charset("windows-1252", "cp1252")

# The larger set is read where programs write it under the name of the smaller one: WHATWG,
# Encoding Standard, 4.2 "Names and labels" (iso-8859-1 is windows-1252, gb2312 is GBK, and so on).
_CHARSETS: tuple[tuple[Charset, str], ...] = (
    (UTF_8, "utf8 us-ascii ascii"),
    (UTF_16, "utf16 unicode"),
    (UTF_16_LE, ""),
    (UTF_16_BE, ""),
    (GB18030, ""),
    (Charset("GBK", "gb18030"), "cp936 windows-936 x-gbk"),
    (Charset("GB2312", "gb18030"), "gb_2312-80 csgb2312 euc-cn"),
    (WINDOWS_1252, "cp1252 1252 ansi"),
    (Charset("ISO-8859-1", "cp1252"), "latin1 latin-1 iso8859-1 iso_8859-1"),
    (Charset("ISO-8859-15", "iso8859-15"), "latin9 latin-9 iso8859-15"),
    (Charset("ISO-8859-2", "iso8859-2"), "latin2 latin-2 iso8859-2"),
    (Charset("windows-1250", "cp1250"), "cp1250 1250"),
    (Charset("windows-1251", "cp1251"), "cp1251 1251"),
    (Charset("windows-1253", "cp1253"), "cp1253 1253"),
    (Charset("windows-1254", "cp1254"), "cp1254 1254"),
    (Charset("windows-1257", "cp1257"), "cp1257 1257"),
    (Charset("KOI8-R", "koi8-r"), "koi8r"),
    (Charset("Shift_JIS", "cp932"), "shift-jis sjis windows-31j cp932 ms932"),
    (Charset("EUC-JP", "euc_jp"), "eucjp"),
    (Charset("Big5", "cp950"), "cp950 big-5"),
    (Charset("Big5-HKSCS", "big5hkscs"), ""),
    (Charset("EUC-KR", "cp949"), "euckr cp949 ks_c_5601-1987 uhc"),
    (Charset("macintosh", "mac_roman"), "mac macroman"),
    (Charset("IBM850", "cp850"), "cp850 850"),
    (Charset("IBM437", "cp437"), "cp437 437"),
)
NAMES = tuple(charset.name for charset, _ in _CHARSETS)
_BY_NAME: Mapping[str, Charset] = {
    name.casefold(): charset
    for charset, others in _CHARSETS
    for name in (charset.name, *others.split())
}


def known_charset(name: str) -> Charset | None:
    """Return the encoding that a caller names; None if it is none that is read."""
    return _BY_NAME.get(name.strip().casefold())


def charset_named(name: str) -> Charset:
    """Return the encoding that a caller names.

    Raises:
        UploadError: It is none that is read.
    """
    if (found := known_charset(name)) is None:
        raise UploadError(
            "The charset {name} is unknown; choose one of {known}.",
            kind="unsupported-media-type",
            name=name[:_LONGEST],
            known=NAMES,
        )
    return found
