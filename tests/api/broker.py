"""What waits in a Redis broker, seen from outside."""

import json
from typing import cast

from redis import Redis

from shared.queue.queued_job import INTERACTIVE


def queued_jobs(redis: Redis, queue: str = INTERACTIVE) -> list[str]:
    """Return the ids of the jobs in the queue, the oldest first."""
    messages = cast("list[bytes]", redis.lrange(queue, 0, -1))
    return [str(json.loads(message)["headers"]["id"]) for message in reversed(messages)]
