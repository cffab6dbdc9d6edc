"""What the workers of a site may do at RabbitMQ."""

from typing import Final

from shared.queue.queued_job import key_prefix

USER: Final = "conncheck-{site}"
"""The name of the user of a site's workers, at Redis and at RabbitMQ."""


def rabbitmq_permissions(site: str) -> tuple[str, str, str]:
    """Return the patterns of what they may configure, write and read, for `set_permissions`.

    Each queue has an exchange of the same name. They may not write to the default exchange, which
    leads to all queues, nor have their queue pass on there what it drops: RabbitMQ asks for the
    right to write to a dead-letter exchange when a queue is declared (rabbitmq.com,
    "Access control").
    """
    own = f"^{key_prefix(site)}"
    return own, own, own
