"""Workbooks that no spreadsheet writes."""

import io
import struct
import zipfile
from collections.abc import Iterator, Mapping

XML = '<?xml version="1.0" encoding="UTF-8"?>'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
SHEET = "xl/worksheets/sheet1.xml"
STRINGS = "xl/sharedStrings.xml"
STYLES = "xl/styles.xml"
HEADER = (
    '<row r="1"><c t="str"><v>productType</v></c><c t="str"><v>endpoint</v></c></row>'
    '<row r="2"><c t="str"><v>tcp</v></c><c t="str"><v>a.example:22</v></c></row>'
)

Parts = dict[str, bytes]


def relations(*targets: tuple[str, str]) -> str:
    """Return a part with relations of these kinds to these targets."""
    lines = "".join(
        f'<Relationship Id="rId{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, start=1)
    )
    return f'{XML}<Relationships xmlns="{_PACKAGE}">{lines}</Relationships>'


def worksheet(rows: str = HEADER) -> str:
    """Return a sheet with these rows."""
    return f'{XML}<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>'


def shared_strings(content: str) -> str:
    return f'{XML}<sst xmlns="{_MAIN}">{content}</sst>'


def styles(content: str) -> str:
    return f'{XML}<styleSheet xmlns="{_MAIN}">{content}</styleSheet>'


def parts(
    sheets: Mapping[str, str] | None = None,
    *,
    strings: str = "",
    formats: str = "",
    properties: str = "",
    states: Mapping[str, str] | None = None,
) -> Parts:
    """Return the parts of a workbook with these sheets' rows, by their names."""
    sheets = {"Sheet1": HEADER} if sheets is None else sheets
    states = states or {}
    entries = "".join(
        f'<sheet name="{name}" sheetId="{number}" r:id="rId{number}" '
        f'state="{states.get(name, "visible")}"/>'
        for number, name in enumerate(sheets, start=1)
    )
    targets = [("worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(sheets) + 1)]
    targets += [("styles", "styles.xml"), ("sharedStrings", "sharedStrings.xml")]
    made = {
        "_rels/.rels": relations(("officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'{XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">{properties}'
        f"<sheets>{entries}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": relations(*targets),
        STYLES: styles(formats),
        STRINGS: shared_strings(strings),
    } | {f"xl/worksheets/sheet{n}.xml": worksheet(r) for n, r in enumerate(sheets.values(), 1)}
    return {name: content.encode() for name, content in made.items()}


def zipped(parts: Parts, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return an archive of these parts."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def workbook(rows: str = HEADER) -> bytes:
    """Return a workbook of one sheet with these rows."""
    return zipped(parts({"Sheet1": rows}))


def with_part(name: str, content: str | bytes) -> bytes:
    """Return a workbook with another content of one part."""
    content = content.encode() if isinstance(content, str) else content
    return zipped(parts() | {name: content})


def repeated(name: str, begin: str, filler: bytes, unpacked_bytes: int) -> bytes:
    """Return a workbook with a part of `begin` and as much of `filler`, made without unpacking it.

    It can unpack to gigabytes.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for other, content in parts().items():
            if other != name:
                archive.writestr(other, content)
        with archive.open(name, "w", force_zip64=True) as part:
            part.write(begin.encode())
            piece = filler * (262_144 // len(filler))
            for _ in range(unpacked_bytes // len(piece)):
                part.write(piece)
    return file.getvalue()


def lying(content: bytes, name: str, declared_bytes: int) -> bytes:
    """Return the archive with a declared size of the part `name` that isn't true."""
    changed = bytearray(content)
    at = changed.find(b"PK\x01\x02")
    while at >= 0:
        (length,) = struct.unpack_from("<H", changed, at + 28)
        if changed[at + 46 : at + 46 + length] == name.encode():
            struct.pack_into("<I", changed, at + 24, declared_bytes)
        at = changed.find(b"PK\x01\x02", at + 1)
    return bytes(changed)


def overlapping() -> bytes:
    """Return a workbook one of whose sheets lies inside the other, as a zip quine's parts do."""
    content = bytearray(zipped(parts({"A": HEADER, "B": HEADER})))
    places = [
        struct.unpack_from("<I", content, at + 42)[0]
        for at in _found(content, b"PK\x01\x02")
        if b"sheet" in content[at + 46 : at + 80]
    ]
    for at in _found(content, b"PK\x01\x02"):
        if b"sheet2" in content[at + 46 : at + 80]:
            struct.pack_into("<I", content, at + 42, places[0])
    return bytes(content)


def many_entries(count: int) -> bytes:
    """Return an archive with `count` empty parts."""
    return zipped(parts() | {f"x{number}": b"" for number in range(count)}, zipfile.ZIP_STORED)


def damaged_inside(name: str) -> bytes:
    """Return a workbook whose part `name` isn't what deflate makes."""
    content = zipped(parts())
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entry = archive.getinfo(name)
    begin = entry.header_offset + 30 + len(name)
    return content[:begin] + b"\xff" * entry.compress_size + content[begin + entry.compress_size :]


def _found(content: bytes | bytearray, mark: bytes) -> Iterator[int]:
    at = content.find(mark)
    while at >= 0:
        yield at
        at = content.find(mark, at + 1)
