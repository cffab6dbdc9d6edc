import time
from contextlib import suppress

import pytest

from shared.uploads import UploadError
from shared.uploads.lines import MOST_EMPTY
from shared.uploads.tables.table import MOST_SKIPPED
from tests.shared.uploads.tables.reading import read_table

HEADER = "productType,endpoint,accessKey,secretKey,name\n"


@pytest.mark.parametrize(
    ("table", "size"),
    [
        (b"# name, type, host\n" * 50_000, 1_000_000),
        (b"x," * 130_000 + b"\n", 7),
        ((b"x," * 130_000 + b"y\n") * 20, 1_000_000),
        (b'"a","' * 50_000, 1_000_000),
        (b'"\r' * 100_000, 7),
        (b"\r" * 500_000, 1_000_000),
        ("ä".encode() * 120_000, 7),
        ("名称,".encode("gb18030") * 60_000, 7),
        (b"\xef\xbb\xbf" * 80_000, 7),
        (f"{HEADER}{'h' * 60}".encode() + b"\0" * 200_000, 7),
        (",".join(f"passwort{n}" for n in range(64)).encode() + b"\na,b\n", 7),
        ("productType,endpoint\n" + "".join(f"opnstack{n},h\n" for n in range(20_000)), 65_536),
        ("type,host\n" + "".join(f"tcp,h{'.a' * 120}\n" for _ in range(5000)), 65_536),
        (f"type,host\ntcp,x{' ' * 130_000}x\n", 65_536),
        (f"#port{',port' * 50_000}\n" * 40, 65_536),
    ],
    ids=range(15),
)
def test_a_hostile_table_takes_no_time(table: bytes | str, size: int) -> None:
    """One process reads the uploads of all callers."""
    started = time.thread_time()

    with suppress(UploadError):
        read_table(table, size=size)

    assert time.thread_time() - started < 4


@pytest.mark.parametrize(
    "table",
    [
        HEADER + "\n" * (MOST_EMPTY + 1),
        HEADER + " ,\n" * (MOST_SKIPPED + 1),
        HEADER + "#x\n" * (MOST_SKIPPED // 10 + 1),
        "#x\n" * (MOST_SKIPPED // 10 + 1),
    ],
    ids=range(4),
)
def test_rows_that_say_nothing_are_refused_at_last(table: str) -> None:
    """64 MB of them would take minutes, and no row of them counts."""
    with pytest.raises(UploadError, match="too many empty rows and comments"):
        read_table(table)


def test_a_large_table_is_read_in_a_moment() -> None:
    """20,000 rows take half a second; what is taken for a column is decided once."""
    table = HEADER + "".join(f"vSphere,10.0.{n // 250}.{n % 250},a,s,n{n}\n" for n in range(20_000))
    started = time.thread_time()

    found = read_table(table, size=65_536)

    assert len(found.rows) == 20_000
    assert time.thread_time() - started < 4
