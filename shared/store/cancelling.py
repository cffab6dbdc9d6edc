"""Notice a cancellation that a library took no notice of."""

import asyncio


def is_cancelled() -> bool:
    """Return whether this task was cancelled.

    redis-py swallows a cancellation that meets it while it sends; a loop that asks here ends all
    the same.
    """
    task = asyncio.current_task()
    return bool(task and task.cancelling())
