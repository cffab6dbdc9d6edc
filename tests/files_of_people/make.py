"""Make the files again, with LibreOffice: `python -m tests.files_of_people.make`."""

import csv
import io
import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import xlsxwriter

FILES = Path(__file__).parent / "files"
HEADER = ("Name", "Type", "Host", "Port", "User", "Password", "Owner")
Site = tuple[str, str, str, int, str, str, str]
WESTERN: Sequence[Site] = (
    ("Zürich", "vsphere", "vc1.example.com", 443, "admin@vsphere.local", 'a;b,c "d"', "Jörg"),
    ("Nîmes", "zstack", "10.0.0.5", 8080, "AKID5", "pässwörd", "Zoé"),
    ("Straße 7", "proxmox", "pve.example.com", 8006, "root@pam", " blank ", "Jörg"),
)
CHINESE: Sequence[Site] = (
    ("北京机房", "zstack", "10.1.0.5", 8080, "AKID6", "密码一二三", "张伟"),
    ("上海机房", "vsphere", "vc2.example.com", 443, "administrator", "密码四五六", "王芳"),
    ("广州机房", "zstack", "10.1.0.7", 8080, "AKID8", "密码七八九", "李娜"),
)
CHINESE_HEADER = ("名称", "类型", "主机", "端口", "用户名", "密码", "负责人")
# LibreOffice's numbers of encodings (rtl/textenc.h), and what is said of them.
ENCODINGS = {"utf-8": 76, "windows-1252": 1, "gb18030": 85, "utf-16": 65535}
_CSV_FILTER = "csv:Text - txt - csv (StarCalc):{separator},34,{encoding},1,,0,false,true,false"


def contents(sites: Sequence[Site]) -> list[dict[str, Any]]:
    """Return what must be read of these sites."""
    return [
        {
            "name": name,
            "productType": product,
            "endpoint": f"{host}:{port}",
            "accessKey": user,
            "secretKey": secret,
        }
        for name, product, host, port, user, secret, _ in sites
    ]


def keep(name: str, content: bytes, expected: Mapping[str, Any]) -> None:
    """Write a file, and beside it what must be read of it."""
    (FILES / name).write_bytes(content)
    text = json.dumps(expected, ensure_ascii=False, indent=2)
    (FILES / f"{name}.json").write_text(f"{text}\n", "utf-8")


def by_xlsxwriter(header: Sequence[str], sites: Sequence[Site]) -> bytes:
    """Return the workbook that everything else is made of."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Sites")
        for number, row in enumerate([header, *sites]):
            sheet.write_row(number, 0, row)
        book.add_worksheet("Notes").write("A1", "nothing to see")
    return file.getvalue()


def converted(content: bytes, filter_name: str) -> bytes:
    """Return what LibreOffice makes of a workbook."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "sites.xlsx")
        source.write_bytes(content)
        command = ["soffice", "--headless", f"-env:UserInstallation=file://{folder}/profile"]
        command += ["--convert-to", filter_name, "--outdir", f"{folder}/made", str(source)]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        (made,) = Path(folder, "made").iterdir()
        return made.read_bytes()


def of_libreoffice() -> None:
    """Write each format and each dialect that LibreOffice saves."""
    western = by_xlsxwriter(HEADER, WESTERN)
    chinese = by_xlsxwriter(CHINESE_HEADER, CHINESE)
    workbook = {"encoding": "", "separator": "", "sheet": "Sites", "sheets": ["Sites", "Notes"]}
    rows = {"header": 1, "rows": contents(WESTERN), "place": "row"}
    xlsx = {"what": "saved by LibreOffice as xlsx", "format": "Excel workbook"}
    keep("libreoffice.xlsx", converted(western, "xlsx"), xlsx | workbook | rows)
    ods = {"what": "saved by LibreOffice as ods", "format": "OpenDocument spreadsheet"}
    keep("libreoffice.ods", converted(western, "ods"), ods | workbook | rows)
    error = "Workbooks in the format .xls can't be read; save it as .xlsx."
    xls = {"what": "saved by LibreOffice as xls", "error": error}
    keep("libreoffice.xls", converted(western, "xls"), xls)
    for name, source, sites, encoding, separator in (
        ("comma-utf-8", western, WESTERN, "utf-8", ","),
        ("semicolon-1252", western, WESTERN, "windows-1252", ";"),
        ("tab-utf-16", western, WESTERN, "utf-16", "\t"),
        ("bar-utf-8", western, WESTERN, "utf-8", "|"),
        ("comma-gb18030", chinese, CHINESE, "gb18030", ","),
        ("semicolon-utf-8-chinese", chinese, CHINESE, "utf-8", ";"),
    ):
        kind = _CSV_FILTER.format(separator=ord(separator), encoding=ENCODINGS[encoding])
        expected = {
            "what": f"saved by LibreOffice as CSV in {encoding}",
            "format": "CSV",
            "encoding": encoding,
            "separator": separator,
            "header": 1,
            "rows": contents(sites),
            "place": "line",
        }
        keep(f"libreoffice-{name}.csv", converted(source, kind), expected)


def of_windows() -> None:
    """Write what Excel and PowerShell write, by their rules."""
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows([HEADER, *WESTERN])
    expected = {"format": "CSV", "separator": ";", "rows": contents(WESTERN), "place": "line"}
    keep(
        "excel-utf-8.csv",
        text.getvalue().encode("utf-8-sig"),
        expected | {"what": "CSV UTF-8 of a German Excel", "encoding": "utf-8", "header": 1},
    )
    keep(
        "excel-sep.csv",
        f"sep=;\r\n{text.getvalue()}".encode("cp1252"),
        expected | {"what": "a first line sep=;", "encoding": "windows-1252", "header": 2},
    )
    quoted = io.StringIO()
    csv.writer(quoted, quoting=csv.QUOTE_ALL).writerows([HEADER, *WESTERN])
    powershell = "#TYPE System.Management.Automation.PSCustomObject\r\n" + quoted.getvalue()
    keep(
        "powershell.csv",
        powershell.encode("utf-16"),
        expected
        | {
            "what": "Export-Csv -Encoding Unicode of Windows PowerShell",
            "encoding": "utf-16",
            "separator": ",",
            "header": 2,
        },
    )


def of_excel() -> None:
    """Write a workbook with what people do in one."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        book.add_worksheet("Lists").write("A1", "zstack")
        book.worksheets()[0].hide()
        book.add_worksheet("Empty")
        sheet = book.add_worksheet("Inventory 2026")
        book.worksheets()[2].activate()
        bold = book.add_format({"bold": True})
        sheet.merge_range("A1:H1", "Inventory of our platforms", bold)
        sheet.write_row(2, 0, [*HEADER, "Last seen"], bold)
        zeros = book.add_format({"num_format": "00000"})
        date = book.add_format({"num_format": "dd.mm.yyyy"})
        for number, site in enumerate(WESTERN, start=3):
            sheet.write_row(number, 0, site[:-1])
            sheet.write(number, 6, 7, zeros)
            sheet.write(number, 7, 46357, date)
        sheet.write_rich_string("A4", "Zü", bold, "rich")
        sheet.write_url("C4", "https://vc1.example.com/", string="vc1.example.com")
        sheet.write_formula("C6", '="pve"&".example.com"', value="pve.example.com")
        sheet.write_formula("G5", "=1+1", value=2)
        sheet.write_comment("F4", "ask Jörg")
        sheet.set_row(4, options={"hidden": True})
        sheet.set_column("F:F", 20, None, {"hidden": True})
        sheet.autofilter("A3:H6")
        sheet.freeze_panes(3, 0)
        sheet.write_blank("XFD1000000", None, bold)
    rows = contents(WESTERN[:2])
    keep(
        "excel-lived-in.xlsx",
        file.getvalue(),
        {
            "what": "a title, hidden rows, a hidden sheet, formulas, dates, links, colours",
            "format": "Excel workbook",
            "encoding": "",
            "separator": "",
            "sheet": "Inventory 2026",
            "sheets": ["Lists", "Empty", "Inventory 2026"],
            "header": 3,
            "rows": rows,
            "problems": {"row 6": "contains a formula; replace it by its value"},
            "place": "row",
        },
    )


def of_programs() -> None:
    """Write a workbook as a script with openpyxl or pandas does."""
    file, book = io.BytesIO(), openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in [HEADER, *WESTERN]:
        sheet.append([*row])
    book.save(file)
    keep(
        "openpyxl.xlsx",
        file.getvalue(),
        {
            "what": "written by openpyxl, as pandas does",
            "format": "Excel workbook",
            "encoding": "",
            "separator": "",
            "sheet": "Sheet",
            "sheets": ["Sheet"],
            "header": 1,
            "rows": contents(WESTERN),
            "place": "row",
        },
    )


if __name__ == "__main__":
    FILES.mkdir(exist_ok=True)
    of_windows()
    of_excel()
    of_programs()
    of_libreoffice()
