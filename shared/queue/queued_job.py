"""The messages that go through the broker; they contain no secret."""

import json
from typing import Final, Literal, NamedTuple
from uuid import uuid4

RUN_JOB: Final = "conncheck.run_job"
"""The name of the workers' one task."""

QueueName = Literal["interactive", "bulk"]

INTERACTIVE: Final = "interactive"
"""Jobs that a person or program waits for; they never wait behind a batch."""
BULK: Final = "bulk"
"""Jobs of batches."""
QUEUES: Final[tuple[QueueName, ...]] = (INTERACTIVE, BULK)


class QueuedJob(NamedTuple):
    """A job that waits for a worker."""

    job_id: str
    target: str
    """Jobs of the same target take turns; empty for one that takes none."""
    queue: QueueName = INTERACTIVE
    share_of: str = ""
    """The tenant whose share of the workers it takes a part of; empty for one that takes none."""

    @property
    def takes_turns(self) -> bool:
        """Whether it waits for others: at its platform, or of its tenant."""
        return bool(self.target or self.share_of)

    @property
    def message(self) -> tuple[str, ...]:
        """What is sent; workers of the version before knew no shares."""
        return tuple(self) if self.share_of else tuple(self)[:-1]

    @property
    def redis_push(self) -> tuple[str, str, str]:
        """The command that puts the message into the queue of a Redis broker.

        It is in kombu's form, with those parts of Celery's protocol 2 that a worker needs.
        """
        message = {
            "body": json.dumps([self.message, {}, {}]),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {"task": RUN_JOB, "id": self.job_id},
            "properties": {
                "delivery_info": {"exchange": "", "routing_key": self.queue},
                "delivery_tag": str(uuid4()),  # of this message: a job may have several
                "priority": 0,
            },
        }
        return "LPUSH", self.queue, json.dumps(message)
