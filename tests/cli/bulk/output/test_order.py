import pytest

from cli.bulk.output.order import ordered, sort_of
from conncheck_client import BatchResult


def a_result(index: int, name: str, cause: str | None, took_ms: float | None) -> BatchResult:
    return BatchResult(
        index=index,
        name=name,
        ref="",
        product_type="tcp",
        endpoint="10.0.0.1:22",
        status="failed" if cause else "passed",
        cause=cause,
        took_ms=took_ms,
    )


RESULTS = [
    a_result(0, "oslo", "tcp.refused", 3.5),
    a_result(1, "", None, None),
    a_result(2, "Berlin", "dns.no_such_name", 20),
    a_result(3, "Rome", "tcp.refused", 4),
]


@pytest.mark.parametrize(
    ("sort", "indexes"),
    [
        (None, [0, 1, 2, 3]),
        ("name", [2, 0, 3, 1]),
        ("-name", [3, 0, 2, 1]),
        ("cause", [2, 0, 3, 1]),
        ("-cause", [0, 3, 2, 1]),
        ("tookMs", [0, 3, 2, 1]),
        ("-tookMs", [2, 3, 0, 1]),
    ],
)
def test_results_come_in_the_order_that_is_asked_for(sort: str | None, indexes: list[int]) -> None:
    """What has no value is the least interesting, whichever the direction."""
    assert [one.index for one in ordered(RESULTS, sort_of(sort))] == indexes
