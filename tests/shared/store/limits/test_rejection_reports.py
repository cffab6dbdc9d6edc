import json

import pytest

from shared.store.limits.rejection_reports import (
    LONGEST_REPORT,
    MOST_PAIRS,
    RejectionReport,
    reports_in,
)

HASH = "0f" * 32
PAIRS = [(HASH, HASH)] * MOST_PAIRS
REPORT = RejectionReport(job="4f2a", cause="auth.secret_mismatch", pairs=PAIRS)


def test_the_longest_report_can_be_read() -> None:
    """Two epochs and several signing keys at a time are rare, and must not be lost."""
    text = REPORT.model_copy(update={"job": "j" * 64, "cause": "c" * 80}).model_dump_json()

    assert len(text) <= LONGEST_REPORT
    assert [*reports_in([text.encode()])]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff",
        b"[" * 100_000,
        b'{"job":"a","cause":""}',
        json.dumps({"job": "a", "cause": "", "pairs": [["../x", HASH]]}).encode(),
        json.dumps({"job": "a", "cause": "", "pairs": [[HASH, HASH]] * 17}).encode(),
        json.dumps({"job": "a" * 65, "cause": "", "pairs": []}).encode(),
        json.dumps({"job": "a", "cause": "c" * 81, "pairs": []}).encode(),
        json.dumps({"job": "a", "cause": "", "pairs": [], "more": "x" * 5000}).encode(),
    ],
)
def test_what_is_no_report_is_passed_over(text: bytes) -> None:
    """A stolen worker may write anything there, and others write to the same list."""
    assert [*reports_in([text, REPORT.model_dump_json().encode()])] == [REPORT]
