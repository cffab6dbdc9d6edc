"""Say whose platforms fail: the failures by product, and by each label."""

from collections import Counter
from collections.abc import Iterator, Sequence

from cli.bulk.views.tally import state_of
from conncheck_client import BatchResult

_MOST_GROUPS = 4
_MOST_VALUES = 5
_MOST_DISTINCT = 1000
"""Values of a label that sorts nothing into groups, such as a serial number, are no groups."""


def group_lines(results: Sequence[BatchResult]) -> Iterator[str]:
    """Yield a line such as "by owner: Alice 3 of 10, Bob 1 of 4" for each way to group failures."""
    for by in _ways(results)[:_MOST_GROUPS]:
        totals: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        for one in results:
            value = _value(one, by)
            totals[value] += 1
            failed[value] += state_of(one) == "failed"
        shown = [(value, count) for value, count in failed.most_common() if count]
        if shown and 1 < len(totals) <= _MOST_DISTINCT:
            texts = [f"{value or '(none)'} {count} of {totals[value]}" for value, count in shown]
            more = len(texts) - _MOST_VALUES
            also = f" and {more} more" if more > 0 else ""
            yield f"by {by or 'product'}: {', '.join(texts[:_MOST_VALUES])}{also}"


def _ways(results: Sequence[BatchResult]) -> list[str]:
    """Return the names of the labels, most used first; the empty one stands for the product."""
    names = Counter(name for one in results for name in one.labels)
    return [*(name for name, _ in names.most_common()), ""]


def _value(one: BatchResult, by: str) -> str:
    return one.labels.get(by, "") if by else one.product_type
