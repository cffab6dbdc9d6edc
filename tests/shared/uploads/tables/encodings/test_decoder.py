import pytest

from shared.uploads import Wishes
from shared.uploads.tables.encodings.decoder import SAMPLE_BYTES
from tests.shared.uploads.tables.reading import read_table, refused
from tests.shared.uploads.uploading import CANARY, CUTS

HEADER = "productType,endpoint,accessKey,secretKey,name\r\n"
ROW = {"productType": "zstack", "endpoint": "h", "accessKey": "a", "secretKey": "s"}
IN_CHINESE = "类型;地址;用户名;密码;名称\nzstack;h;a;s;北京机房\n"


@pytest.mark.parametrize("size", CUTS)
@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16LE"),
        ("utf-16-be", "UTF-16BE"),
        ("gb18030", "GB18030"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_excel_writes_is_read(codec: str, name: str, end: str, size: int) -> None:
    """Its "Unicode text" is UTF-16, and CSV what the Windows of the country has."""
    found = read_table(IN_CHINESE.replace("\n", end).encode(codec), size=size)

    assert found.contents == [ROW | {"name": "北京机房"}]
    assert found.dialect == (name, ";", 1)
    assert found.reading.encoding_is_guessed is (name == "GB18030")


@pytest.mark.parametrize("size", CUTS)
def test_a_table_of_western_windows_is_read(size: int) -> None:
    """Excel in German and French writes windows-1252, with semicolons."""
    table = f"{HEADER}zstack,h,a,s,Büro Köln \u2013 Straße\r\n".replace(",", ";")
    found = read_table(table.encode("cp1252"), size=size)

    assert found.contents == [ROW | {"name": "Büro Köln \u2013 Straße"}]
    assert found.dialect == ("windows-1252", ";", 1)
    assert found.doubts == []


def test_a_secret_in_a_guessed_encoding_is_told() -> None:
    """A wrong guess makes a wrong password of it, and nobody would see why."""
    table = f"{HEADER}zstack,h,a,sü,Köln\r\nzstack,h,a,s,Köln\r\n"
    found = read_table(table.encode("cp1252"))

    said = "has letters beyond ASCII, and nothing but the text told its encoding"
    assert found.doubts == [("line 2", "secretKey", said)]
    assert read_table(table).doubts == []
    assert read_table(table.encode("cp1252"), Wishes(charset="windows-1252")).doubts == []


@pytest.mark.parametrize("size", CUTS)
@pytest.mark.parametrize(
    ("charset", "text"),
    [
        *(("gb18030", "管理员"), ("GBK", "管理员"), ("gb2312", "管理员"), ("windows-1252", "ü€")),
        *(("ISO-8859-1", "üé"), ("iso-8859-15", "ü€"), ("windows-1250", "łódź"), ("utf-8", "ł")),
        *(
            ("windows-1251", "пароль"),
            ("Shift_JIS", "パスワード"),
            ("big5", "密碼"),
            ("utf-16le", "ł"),
        ),
        *(("euc-kr", "비밀번호"), ("euc-jp", "東京"), ("koi8-r", "пароль"), ("utf-16", "密")),
    ],
)
def test_a_charset_that_is_told_is_taken(charset: str, text: str, size: int) -> None:
    """Whoever wrote the file knows it."""
    table = f"{HEADER}zstack,h,a,{text},x\r\n"
    found = read_table(table.encode(charset), Wishes(charset=charset), size)

    assert found.contents == [ROW | {"secretKey": text, "name": "x"}]
    assert found.reading.encoding.casefold() == charset.casefold().replace("utf-16le", "utf-16le")
    assert found.doubts == []


def test_a_byte_order_mark_is_surer_than_what_is_told() -> None:
    """Browsers and libraries say utf-8 of everything."""
    found = read_table(f"{HEADER}zstack,h,a,s,ä\n".encode("utf-16"), Wishes(charset="utf-8"))

    assert found.contents == [ROW | {"name": "ä"}]
    assert found.reading.encoding == "UTF-16"


@pytest.mark.parametrize("size", CUTS)
@pytest.mark.parametrize(
    ("charset", "table", "line"),
    [
        ("utf-8", f"{HEADER}zstack,h,a,s,{CANARY}ä\n".encode("cp1252"), 2),
        ("utf-8-sig", b"\xef\xbb\xbf" + f"{HEADER}\nzstack,h,a,{CANARY}ä,n\n".encode("cp1252"), 3),
        ("shift_jis", f"{HEADER}zstack,h,a,{CANARY}".encode() + b"\x81\x00,x\n", 2),
        ("iso-8859-1", f"{HEADER}zstack,h,a,{CANARY}".encode() + b"\x81,x\n", 2),
        ("gb18030", f"{HEADER}zstack,h,a,s,x\nzstack,h,a,{CANARY}".encode() + b"\xff,x\n", 3),
    ],
)
def test_a_charset_that_is_told_is_strict(charset: str, table: bytes, line: int, size: int) -> None:
    """A letter that was replaced would be a wrong password."""
    told = "" if charset == "utf-8-sig" else charset
    said = refused(table, Wishes(charset=told), size)

    assert said.detail.startswith(f"line {line}: is not valid ")
    assert "save the table as CSV in UTF-8, or name its charset" in said.detail


def test_an_unknown_charset_is_refused_with_those_that_are_known() -> None:
    """A codec of Python's can be more than an encoding."""
    for name in ("rot13", "zlib", "utf-7", "idna", "no-such"):
        said = refused(HEADER, Wishes(charset=name))
        assert said.kind == "unsupported-media-type"
        assert f"The charset {name} is unknown; choose one of UTF-8, UTF-16" in said.detail


@pytest.mark.parametrize("size", CUTS)
@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ("zstack,h,a,s,é\n".encode() + f"zstack,h,a,{CANARY}ü,x\n".encode("cp1252"), 3),
        (f"zstack,h,a,{CANARY},x\nzstack,h,a,s,서버\n".encode("euc-kr"), 3),
        (f"zstack,h,a,{CANARY},Сервер\n".encode("cp1251"), 2),
        (f"zstack,h,a,{CANARY},Zażółć gęślą\n".encode("cp1250"), 2),
        (f"zstack,h,a,{CANARY},サーバー\n".encode("shift_jis"), 2),
        (f"zstack,h,a,{CANARY},伺服器\n".encode("big5"), 2),
        (f"zstack,h,a,{CANARY},Büro\n".encode("mac-roman"), 2),
        (f"zstack,h,a,{CANARY},Büro\n".encode("cp850"), 2),
        (f"zstack,h,a,{CANARY},云\n".encode("gb18030"), 2),
    ],
)
def test_an_encoding_in_doubt_is_refused(rows: bytes, line: int, size: int) -> None:
    """Guessing it would change key pairs."""
    said = refused(HEADER.encode() + rows, size=size)

    assert said.detail.startswith(f"line {line}: is not ")
    assert "Save the table" in said.detail or "save the table" in said.detail


@pytest.mark.parametrize("size", [8192, 1_000_000])
def test_a_letter_far_down_is_decided_by_a_sample(size: int) -> None:
    """The rows above are tested already; what is held back is bounded."""
    begin = HEADER + "zstack,h,a,s,x\r\n" * 5000
    end = "zstack,h,a,s,Büro\r\n" * 10_000
    found = read_table((begin + end).encode("cp1252"), size=size)

    assert len(end) > SAMPLE_BYTES
    assert len(found.contents) == 15_000
    assert found.contents[-1] == ROW | {"name": "Büro"}


def test_what_follows_the_sample_must_be_in_its_encoding() -> None:
    """Two files that were put together have two encodings."""
    table = (HEADER + "zstack,h,a,s,北京机房\r\n" * 6000).encode("gb18030")
    said = refused(table + f"zstack,h,a,{CANARY}".encode() + b"\xff,x\n")

    assert said.detail.startswith("line 6002: is not valid GB18030")


@pytest.mark.parametrize("size", CUTS)
@pytest.mark.parametrize("mark", [True, False])
def test_half_a_character_of_utf_16_is_refused(mark: bool, size: int) -> None:
    """The end of the upload was lost."""
    table = f"{HEADER}zstack,h,a,s,{CANARY}\n".encode("utf-16" if mark else "utf-16-le") + b"\n"

    assert ": is not valid UTF-16" in refused(table, size=size).detail


@pytest.mark.parametrize("size", CUTS)
@pytest.mark.parametrize(
    "table", [b"productType,endp\0oint\ntcp,h\n", b"a\0\0b\n", b"productType,name,\0\n"]
)
def test_nul_bytes_that_are_no_utf_16_are_refused(table: bytes, size: int) -> None:
    """It is no table."""
    said = refused(table, size=size).detail

    assert "NUL bytes" in said or "no line names the columns" in said
