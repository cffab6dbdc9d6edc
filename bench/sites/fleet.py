"""Declare sites for a service that is measured, and run their workers."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.process import environment_of, running
from bench.service import POLL_S, NotReadyError, Service, redis_of
from shared.queue.queued_job import QUEUES
from shared.sealing import new_key_pair
from shared.sites.site_entry import SiteEntry
from shared.sites.sites_file import SitesFile
from shared.store.site_keys import SiteKeys

START_S = 60.0


@dataclass(frozen=True, slots=True)
class Fleet:
    """Declared sites, and the private key of each."""

    file: Path
    private_keys: Mapping[str, str]

    @classmethod
    def declared(cls, directory: Path, names: Sequence[str]) -> "Fleet":
        """Declare sites in a file of `directory`."""
        pairs = {name: new_key_pair() for name in names}
        entries = [SiteEntry(name=name, sealing_public_key=own) for name, (_, own) in pairs.items()]
        fleet = cls(
            directory / "sites.json", {name: private for name, (private, _) in pairs.items()}
        )
        SitesFile(sites=tuple(entries)).write(fleet.file)
        return fleet

    @property
    def settings(self) -> Mapping[str, str]:
        """What the API is told of them."""
        return {"CONNCHECK_SITES_FILE": str(self.file)}

    @contextmanager
    def at_work(self, up: Service, log: Path) -> Iterator[None]:
        """Run a worker of each queue at each site while the block runs."""
        settings = environment_of(up.pids["worker"])
        with redis_of(up) as redis, log.open("w") as stderr, ExitStack() as stack:
            for site, key in self.private_keys.items():
                own = {**settings, "CONNCHECK_SITE": site, "CONNCHECK_SEALING_PRIVATE_KEYS": key}
                for queue in QUEUES:
                    command = ["-P", "-m", "cli", "worker", "--queue", queue]
                    stack.enter_context(running(command, own, stderr))
            signs = [SiteKeys.of(s).sign_of_queue(q) for s in self.private_keys for q in QUEUES]
            until_s = time.monotonic() + START_S
            while redis.exists(*signs) < len(signs):
                if time.monotonic() > until_s:
                    raise NotReadyError("a site's worker did not come up")
                time.sleep(POLL_S)
            yield
