import time
import tracemalloc
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from itertools import islice

import pytest

from shared.uploads import Reading, UploadError
from shared.uploads.inventories.document import DocumentParser, Syntax
from shared.uploads.wishes import AS_IT_COMES


def labels() -> str:
    many = ", ".join(f"l{n}: x" for n in range(12_000))
    return f"[{{targets: [{'a:1, ' * 12_000}], labels: {{{many}}}}}]"


def certificates() -> str:
    pem = b64encode(b"-----BEGIN CERTIFICATE-----\n" + b"x" * 2_500_000).decode()
    return (
        f"clusters: [{{name: c, cluster: {{server: 'https://h', certificate-authority-data: {pem}"
        "}}]\nusers: [{name: u, user: {token: t}}]\ncontexts:\n"
        + "- {name: x, context: {cluster: c, user: u}}\n"
        * 1000
    )


def parents() -> str:
    each = "".join(f"c{n}\n" for n in range(45))
    return "".join(f"[p{n}:children]\n{each}" for n in range(700)) + "[c0]\nh\n"


def sections() -> str:
    return "[a]\ntype=s3\n" + "[a]\n" * 300_000


def lines() -> str:
    return "[a]\n" + "h\n" * 600_000


@pytest.mark.parametrize(
    ("made", "syntax"),
    [
        (labels, "YAML"),
        (certificates, "YAML"),
        (parents, "INI"),
        (sections, "INI"),
        (lines, "INI"),
    ],
)
def test_a_hostile_inventory_costs_neither_time_nor_memory(
    made: Callable[[], str], syntax: Syntax
) -> None:
    """What an entry refers to is not expanded for each entry anew."""
    parser = DocumentParser(syntax, AS_IT_COMES, Reading())
    assert list(parser.feed(made().encode())) == []
    tracemalloc.start()
    started = time.thread_time()

    with suppress(UploadError):
        rows = parser.finish()
        while list(islice(rows, 100)):
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert time.thread_time() - started < 5
    assert peak < 80_000_000
