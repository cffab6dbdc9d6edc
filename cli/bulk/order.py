"""Put results in the order that the user wants; it is that of the service's `sort`."""

from collections.abc import Callable, Mapping, Sequence

from conncheck_client import BatchResult

_KEYS: Mapping[str, Callable[[BatchResult], str | float]] = {
    "name": lambda one: one.name.casefold(),
    "cause": lambda one: one.cause or "",
    "tookMs": lambda one: one.took_ms or 0,
}
SORTS = tuple(_KEYS)


def ordered(results: Sequence[BatchResult], sort: str | None) -> Sequence[BatchResult]:
    """Return the results sorted by one of SORTS, in descending order with a `-` before it.

    Results without a value come last. Without `sort` they stay in the order of the upload.
    """
    if sort is None:
        return results
    key = _KEYS[sort.removeprefix("-")]
    known = sorted(filter(key, results), key=key, reverse=sort.startswith("-"))
    return [*known, *(one for one in results if not key(one))]
