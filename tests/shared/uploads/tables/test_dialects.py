from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.uploads import UploadError, Wishes
from shared.uploads.product_names import product_named
from shared.uploads.tables.cells import trimmed
from tests.shared.uploads.tables.reading import read_table

HEADERS: Mapping[str, Sequence[str]] = {
    "productType": ("productType", "Product Type", "platform", "类型", "Typ"),
    "endpoint": ("endpoint", "URL", "host", "IP-Adresse", "地址", "Hôte"),
    "accessKey": ("accessKey", "ACCESS_KEY", "user", "Benutzer", "用户名", "access.key"),
    "secretKey": ("secretKey", "secret-key", "Password (required)", "Kennwort", "密码"),
    "name": ("name", "Name", "Bezeichnung", "名称"),
    "label.owner": ("label.owner", "Label.owner"),
    "": ("owner", "备注", "Straße"),
}
_LETTERS = "abcXYZ019 ,;|\t\"'\n\r#=\\/äöüßé名称北京管理员\U0001f600\u3000"
_CELL = st.text(st.sampled_from(_LETTERS), max_size=8)
_PLAIN = _CELL.map(trimmed).filter(lambda text: not text.startswith("="))
_ENCODINGS = (
    *(("utf-8", ""), ("utf-8-sig", ""), ("utf-16", ""), ("utf-8", "UTF-8"), ("gb18030", "gb18030")),
    *(("utf-16-le", "utf-16le"), ("utf-16-be", "utf-16be")),
)
_ABOVE = (
    "",
    "\n\n",
    "VM report 2024\n",
    "# vsphere: a comment\n\n",
    "sep={}\n",
    "#TYPE System.Object\n",
)

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "productType": _PLAIN.filter(lambda text: text and not product_named(text)[0]),
            "endpoint": _PLAIN.filter(lambda text: text and ":" not in text),
            "accessKey": _CELL.filter(lambda text: trimmed(text) and text[0] != "="),
            "secretKey": _CELL.filter(lambda text: trimmed(text) and text[0] != "="),
            "name": _PLAIN,
            "label.owner": _PLAIN,
            "": _CELL,
        }
    ),
    min_size=1,
    max_size=4,
)
WAYS = st.fixed_dictionaries(
    {
        "separator": st.sampled_from(",;\t|"),
        "end": st.sampled_from(["\n", "\r\n"]),
        "encoding": st.sampled_from(_ENCODINGS),
        "above": st.sampled_from(_ABOVE),
        "trailing": st.sampled_from(["", "{}", "{}{} "]),
        "quotes": st.booleans(),
        "ends_with_line": st.booleans(),
    }
)


def content_of(row: Mapping[str, str]) -> dict[str, Any]:
    """Return what a row means: the columns without a field are left out, and empty cells too."""
    given = {name: cell for name, cell in row.items() if cell and name}
    owner = given.pop("label.owner", "")
    return {**given, **({"labels": {"owner": owner}} if owner else {})}


def _quoted(cell: str, separator: str, *, always: bool) -> str:
    if always or set(cell) & {separator, '"', "\r", "\n"}:
        return '"' + cell.replace('"', '""') + '"'
    return cell


def written(
    rows: Sequence[Mapping[str, str]], headers: Mapping[str, str], way: Mapping[str, Any]
) -> bytes:
    """Return the table as some program writes it."""
    separator: str = way["separator"]
    end: str = way["trailing"].replace("{}", separator) + way["end"]
    above: str = way["above"].replace("{}", separator).replace("\n", way["end"])

    def line(cells: Iterable[str]) -> str:
        return (
            separator.join(_quoted(cell, separator, always=way["quotes"]) for cell in cells) + end
        )

    table = line(headers.values()) + "".join(line(row[n] for n in headers) for row in rows)
    if not way["ends_with_line"]:
        table = table.removesuffix(way["end"])
    return (above + table).encode(way["encoding"][0])


@given(
    ROWS,
    st.permutations(list(HEADERS)),
    st.fixed_dictionaries({name: st.sampled_from(called) for name, called in HEADERS.items()}),
    WAYS,
    st.integers(1, 200),
)
def test_a_table_in_any_dialect_is_read_back(
    rows: list[dict[str, str]],
    order: list[str],
    called: dict[str, str],
    way: dict[str, Any],
    size: int,
) -> None:
    """A key pair that arrives changed is a wrong one, and is blamed on the platform."""
    body = written(rows, {name: called[name] for name in order}, way)

    found = read_table(body, Wishes(charset=way["encoding"][1]), size)

    assert found.contents == [content_of(row) for row in rows]
    assert found.reading.separator == way["separator"]


@given(st.lists(st.text(max_size=20), max_size=30), st.binary(max_size=200), st.integers(1, 50))
def test_anything_is_read_or_refused(lines: list[str], tail: bytes, size: int) -> None:
    """Bytes of a file are hostile."""
    body = "\n".join(lines).encode("utf-8", "surrogatepass") + tail
    with suppress(UploadError):
        read_table(body, size=size)
