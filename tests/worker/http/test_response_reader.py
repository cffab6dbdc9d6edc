from time import thread_time

import pytest

from shared.diagnosis.outcomes import Failed
from worker.http.response_reader import ResponseReader

FOLDED = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: a\r\n b\r\n"
CPU_S = 1.0


def test_a_head_is_read_over_only_now_and_then_while_it_arrives() -> None:
    """Read whole for each of its bytes, 20 kB of it take minutes."""
    reader = ResponseReader()
    reader.feed(FOLDED)
    began_s = thread_time()

    for byte in b" b\r\n" * 5000:
        reader.feed(bytes([byte]))

    assert thread_time() - began_s < CPU_S
    reader.feed(b"\r\n")
    assert reader.complete
    assert reader.headers["x"].startswith("a b b")


def test_a_rule_that_is_broken_late_is_named_where_the_head_ends_early() -> None:
    """Nothing else says why the answer is none."""
    reader = ResponseReader()
    reader.feed(FOLDED)
    for _ in range(100):
        reader.feed(b"a:\r\n")
    reader.feed(b"no colon\r\n")

    with pytest.raises(Failed) as failed:
        reader.end()

    assert failed.value.finding.facts["violation"] == "a header line without a colon"
