"""Sites beside the default one: their declarations, and their workers as processes."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.queue.queued_job import BULK, INTERACTIVE, QueueName
from shared.sealing import new_key_pair
from shared.signing import verification_key_of
from shared.sites.site_entry import SiteEntry
from shared.sites.sites_file import SitesFile
from shared.sites.watched_sites import WatchedSites
from shared.store.site_keys import SiteKeys
from tests.running.service import Service, poll, running_service, start

ALLOWED = "127.0.0.0/8,::1/128"
STOPS_S = 30


@dataclass(frozen=True)
class Sites:
    """Declared sites; `path` is their file."""

    path: Path
    private_keys: dict[str, str]
    """What their workers open requests with, by site."""

    @classmethod
    def declared(cls, directory: Path, *names: str) -> "Sites":
        """Declare sites in a new file of `directory`."""
        sites = cls(directory / "sites.json", {})
        SitesFile().write(sites.path)
        for name in names:
            sites.add(name)
        return sites

    def add(self, name: str) -> None:
        """Declare a site, with a key pair of its own."""
        self.private_keys[name], public = new_key_pair()
        entry = SiteEntry(name=name, sealing_public_key=public)
        SitesFile.read(self.path).with_site(entry).write(self.path)

    def declare(self, name: str, **told: object) -> None:
        """Declare something else of a site, such as `silence_s`."""
        file = SitesFile.read(self.path)
        (entry,) = [one for one in file.sites if one.name == name]
        file.with_site(entry.model_copy(update=told)).write(self.path)

    def remove(self, name: str) -> None:
        """Declare a site no more."""
        SitesFile.read(self.path).without(name).write(self.path)

    @property
    def settings(self) -> dict[str, str]:
        """What the API is told of them."""
        return {"CONNCHECK_SITES_FILE": str(self.path)}

    def watched(self) -> WatchedSites:
        """Return them as an API process has them."""
        return WatchedSites(self.path)

    @contextmanager
    def worker(
        self, service: Service, site: str, queue: QueueName = INTERACTIVE, **environment: str
    ) -> Iterator[subprocess.Popen[str]]:
        """Run a worker of `site` at the service's Redis while the block runs, which may kill it."""
        settings = {
            "CONNCHECK_SITE": site,
            "CONNCHECK_REDIS_URL": f"unix://{service.redis_socket()}",
            "CONNCHECK_SEALING_PRIVATE_KEYS": self.private_keys[site],
            "CONNCHECK_SIGNING_PUBLIC_KEYS": _signed_by(service),
            "CONNCHECK_ALLOWED_NETWORKS": ALLOWED,
            "CONNCHECK_DRAIN_S": "5",
            **environment,
        }
        with start(["worker", "--queue", queue], settings, stderr=subprocess.DEVNULL) as process:
            try:
                poll(lambda: is_alive(service, site, queue))
                yield process
            finally:
                process.terminate()
                process.wait(STOPS_S)

    @contextmanager
    def workers(self, service: Service, *sites: str, **environment: str) -> Iterator[None]:
        """Run a worker of each queue of each of `sites` while the block runs."""
        with ExitStack() as stack:
            for site in sites:
                for queue in (INTERACTIVE, BULK):
                    stack.enter_context(self.worker(service, site, queue, **environment))
            yield


def _signed_by(service: Service) -> str:
    return verification_key_of((service.data_dir / "signing.key").read_text().strip())


def is_alive(service: Service, site: str, queue: QueueName = INTERACTIVE) -> bool:
    """Return whether a worker of the site's queue gives signs of life."""
    with service.redis() as redis:
        return bool(redis.exists(SiteKeys.of(site).sign_of_queue(queue)))


def wait_for_records(service: Service) -> None:
    """Return when the workers of the first site have told of themselves, seconds after they began.

    Before that they are alive, and nothing is known of their versions.
    """
    with service.client() as client:
        poll(lambda: bool(client.get("/api/v1/sites").json()["items"][0]["versions"]))


@contextmanager
def service_with_sites(
    directory: Path, *names: str, **environment: str
) -> Iterator[tuple[Service, Sites]]:
    """Run `conncheck up` with other sites declared beside the default one; they have no workers."""
    sites = Sites.declared(directory, *names)
    with running_service(directory, **sites.settings, **environment) as service:
        yield service, sites
