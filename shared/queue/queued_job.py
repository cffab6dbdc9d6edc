"""The messages that go through the broker; they contain no secret."""

import json
from typing import Final, Literal, NamedTuple
from uuid import uuid4

from shared.site_name import DEFAULT_SITE

RUN_JOB: Final = "conncheck.run_job"
"""The name of the workers' one task."""

QueueName = Literal["interactive", "bulk"]

INTERACTIVE: Final = "interactive"
"""Jobs that a person or program waits for; they never wait behind a batch."""
BULK: Final = "bulk"
"""Jobs of batches."""
QUEUES: Final[tuple[QueueName, ...]] = (INTERACTIVE, BULK)


def key_prefix(site: str) -> str:
    """Return what all names of a site in Redis, and at the broker, begin with."""
    return "conncheck:" if site == DEFAULT_SITE else f"conncheck@{site}:"


def queue_name(queue: QueueName, site: str) -> str:
    """Return the name of a site's queue at the broker."""
    return queue if site == DEFAULT_SITE else f"{key_prefix(site)}{queue}"


class QueuedJob(NamedTuple):
    """A job that waits for a worker."""

    job_id: str
    target: str
    """Jobs of the same target take turns; empty for one that takes none."""
    queue: QueueName = INTERACTIVE
    share_of: str = ""
    """The tenant whose share of the workers it takes a part of; empty for one that takes none."""
    site: str = DEFAULT_SITE
    """Where it is to be run."""

    @property
    def takes_turns(self) -> bool:
        """Whether it waits for others: at its platform, or of its tenant."""
        return bool(self.target or self.share_of)

    @property
    def message(self) -> tuple[str, ...]:
        """What is sent; workers of an older version knew no shares, and each serves one site."""
        named = (self.job_id, self.target, self.queue)
        return (*named, self.share_of) if self.share_of else named

    @property
    def queue_name(self) -> str:
        """The name of its queue at the broker."""
        return queue_name(self.queue, self.site)

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
                "delivery_info": {"exchange": "", "routing_key": self.queue_name},
                "delivery_tag": str(uuid4()),  # of this message: a job may have several
                "priority": 0,
            },
        }
        return "LPUSH", self.queue_name, json.dumps(message)
