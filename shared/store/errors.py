"""The exceptions that the store raises."""

from collections.abc import Iterator
from contextlib import contextmanager


class RunGivenUpError(Exception):
    """Raised when a write is refused: the job is closed or deleted, or another run owns it."""


class JobWaitsError(Exception):
    """Raised where a job is not begun, and stands in line for its turn."""


class StoreUnreachableError(Exception):
    """Raised when Redis can't be reached, or does not answer in time."""


@contextmanager
def named_if_unreachable() -> Iterator[None]:
    """Turn exceptions of redis-py and of sockets into StoreUnreachableError."""
    # Here, because it takes 200 ms to load, and callers that only catch these errors don't need it.
    from redis import RedisError

    try:
        yield
    except (RedisError, OSError) as error:
        raise StoreUnreachableError from error
