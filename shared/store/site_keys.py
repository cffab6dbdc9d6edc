"""The names in Redis of what the workers of one site touch; everything else is the API's alone.

The keys, channels and queues of another site than the default one begin with `conncheck@SITE:`, so
that a rule of Redis can confine its workers to them.
"""

from dataclasses import dataclass
from typing import Self

from shared.queue.queued_job import QueueName, key_prefix
from shared.site_name import DEFAULT_SITE


@dataclass(frozen=True, slots=True)
class SiteKeys:
    """The keys and channels of one site."""

    site: str
    prefix: str
    """What all of them begin with; the scripts make names of their own from it."""

    @classmethod
    def of(cls, site: str) -> Self:
        """Return the keys of a site by its name."""
        return cls(site, key_prefix(site))

    @property
    def has_functions(self) -> bool:
        """Whether its workers call functions of Redis 7 or Valkey, and run no scripts."""
        return self.site != DEFAULT_SITE

    @property
    def queued(self) -> str:
        """Sorted set of the jobs that none has begun, by when they must begin (Redis' clock)."""
        return f"{self.prefix}queued"

    @property
    def running(self) -> str:
        """Sorted set of the jobs that workers have begun, by when they must be over (the same)."""
        return f"{self.prefix}running"

    @property
    def workers(self) -> str:
        """Set of the names of all workers that may still have a job, or a turn at a target."""
        return f"{self.prefix}workers"

    @property
    def seen(self) -> str:
        """Key whose remaining time to live says when a worker was last alive (presence.py)."""
        return f"{self.prefix}seen"

    @property
    def entry(self) -> str:
        """Key of what the API publishes of the site, for whoever checks its workers' machine."""
        return f"{self.prefix}entry"

    @property
    def cancellations(self) -> str:
        """Channel of the ids of jobs that were cancelled."""
        return f"{self.prefix}cancellations"

    @property
    def reaping(self) -> str:
        """Key of how long a sign of life is to last (ms); a reaper writes it with each look."""
        return f"{self.prefix}reaping"

    @property
    def mark(self) -> str:
        """Key that a writer writes to learn whether all before it is kept (copies.py)."""
        return f"{self.prefix}mark"

    @property
    def rate(self) -> str:
        """What the keys of the rates per minute begin with; `limits` adds a colon."""
        return f"{self.prefix}rate"

    def job(self, job_id: str) -> str:
        """Return the key of the job's stream, which is also the channel of its changes."""
        return f"{self.prefix}job:{job_id}"

    def sealed(self, job_id: str) -> str:
        """Return the key of the sealed request; it is deleted once it has been used."""
        return f"{self.prefix}job:{job_id}:sealed"

    def ca_certificates(self, batch_id: str) -> str:
        """Return the key of the hash of a batch's sealed CA certificates by their digests."""
        return f"{self.prefix}batch:{batch_id}:ca_certificates"

    def sign_of_worker(self, worker: str) -> str:
        """Return the key that exists while this worker is alive."""
        return f"{self.prefix}worker:{worker}"

    def sign_of_queue(self, queue: QueueName) -> str:
        """Return the key that exists while any worker of `queue` is alive."""
        return f"{self.prefix}alive:{queue}"

    def figures(self, worker: str) -> str:
        """Return the key of this worker's metrics, in Prometheus' text format."""
        return f"{self.prefix}worker:{worker}:figures"

    def record(self, worker: str) -> str:
        """Return the key of what this worker tells of itself (sites/worker_record.py)."""
        return f"{self.prefix}worker:{worker}:record"

    def jobs_of(self, worker: str) -> str:
        """Return the key of the set of jobs that this worker is running."""
        return f"{self.prefix}worker:{worker}:jobs"

    def turns_of(self, worker: str) -> str:
        """Return the key of the set of turns that this worker has not released."""
        return f"{self.prefix}worker:{worker}:turns"

    def calls_of(self, worker: str) -> str:
        """Return the key of the set of jobs that this worker is to queue again, or just has."""
        return f"{self.prefix}worker:{worker}:calls"

    def taken_by(self, worker: str) -> str:
        """Return the key of the list in the broker of what this worker has, the newest first."""
        return f"{self.prefix}worker:{worker}:taken"

    def slots(self, queue: QueueName) -> str:
        """Return the key of the sorted set of a queue's workers that are alive, with their slots.

        A member is the worker's name, a space and its number of slots; its score is the time
        (epoch) until which its sign of life lasts.
        """
        return f"{self.prefix}slots:{queue}"

    def rejected(self, account: str) -> str:
        """Return the key of the secrets of an account, by its hash, that its platform rejected."""
        return f"{self.prefix}rejected:{account}"

    @property
    def rejection_secrets(self) -> str:
        """Key of the sealed secrets that all sites remember rejections with."""
        return f"{self.prefix}rejections:secrets"

    @property
    def rejections(self) -> str:
        """List of what the site's workers have told of rejections, for the other sites."""
        return f"{self.prefix}rejections"

    def connections_to(self, address: str, port: int) -> str:
        """Return the key of the number of connections to an address in this minute."""
        return f"{self.prefix}address:{address}:{port}"

    def visits_of(self, target: str) -> str:
        """Return the key of the visits to a host that platforms name."""
        return f"{self.prefix}target:{target}:visits"

    def targets_of(self, token: str) -> str:
        """Return the key of the different targets of `token` in this minute."""
        return f"{self.prefix}targets:{token}"


DEFAULT_KEYS = SiteKeys.of(DEFAULT_SITE)
"""Those of the site that there always is."""
