"""Put results in the order that the user wants; it is that of the service's `sort`."""

from collections.abc import Callable, Mapping, Sequence

from cli.terminal.exit_status import refuse
from conncheck_client import BatchResult, ResultSort

_KEYS: Mapping[str, Callable[[BatchResult], str | float]] = {
    "name": lambda one: one.name.casefold(),
    "cause": lambda one: one.cause or "",
    "tookMs": lambda one: one.took_ms or 0,
}
_SORTS: Sequence[ResultSort] = ("name", "-name", "cause", "-cause", "tookMs", "-tookMs")


def sort_of(text: str | None) -> ResultSort | None:
    """Return the order given by --sort; end the command if there is no such order."""
    found = next((one for one in _SORTS if one == text), None)
    if text is not None and found is None:
        known = ", ".join(_KEYS)
        refuse(f"--sort: choose one of {known}; a - before it sorts in descending order")
    return found


def ordered(results: Sequence[BatchResult], sort: ResultSort | None) -> Sequence[BatchResult]:
    """Return the results sorted, in descending order with a `-` before it.

    Results without a value come last. Without `sort` they stay in the order of the upload.
    """
    if sort is None:
        return results
    key = _KEYS[sort.removeprefix("-")]
    known = sorted(filter(key, results), key=key, reverse=sort.startswith("-"))
    return [*known, *(one for one in results if not key(one))]
