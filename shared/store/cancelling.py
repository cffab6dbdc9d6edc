"""Detect a cancellation that a library swallowed."""

import asyncio


def is_cancelled() -> bool:
    """Return whether this task was cancelled.

    redis-py swallows a cancellation that arrives while it sends; a loop that checks here still
    ends.
    """
    task = asyncio.current_task()
    return bool(task and task.cancelling())
