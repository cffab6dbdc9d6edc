"""The long line between a site's workers and Redis, with TLS and a password."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.store.site_acl import acl_rule
from shared.store.site_keys import SiteKeys
from tests.certificates.authority import Authority
from tests.network.tcp_proxy import HOST, TcpProxy, tcp_proxy
from tests.running.service import Service

ONE_WAY_S = 0.1
PASSWORD = "line-password"
LOOK_WITHIN_S = 10.0


@dataclass(frozen=True)
class SlowLine:
    """A line that takes ONE_WAY_S each way."""

    site: str
    path: TcpProxy
    settings: dict[str, str]
    """What a worker at its far end is told."""
    _service: Service

    def cut(self) -> None:
        """Lose everything on the line; neither end is told."""
        self.path.stall()

    def restore(self) -> None:
        """Carry everything again; what was sent meanwhile arrives, as TCP sends it again."""
        self.path.heal()

    def wait_for_looks(self, count: int) -> None:
        """Return when the reaper has looked so often for workers of the site."""
        with self._service.redis() as redis:
            redis.config_set("notify-keyspace-events", "K$")
            with redis.pubsub() as looks:
                looks.subscribe(f"__keyspace@0__:{SiteKeys.of(self.site).reaping}")
                seen = 0
                while seen <= count:  # the first message says that it is subscribed
                    assert looks.get_message(timeout=LOOK_WITHIN_S), "the reaper does not look"
                    seen += 1


@contextmanager
def slow_line(
    service: Service, site: str, authority: Authority, directory: Path, one_way_s: float = ONE_WAY_S
) -> Iterator[SlowLine]:
    """Give a line to the service's Redis for the workers of `site` while the block runs."""
    user, trusted = f"conncheck-{site}", directory / "redis-ca.pem"
    trusted.write_text(authority.pem)
    with service.redis() as redis:
        rule = acl_rule(site).split()
        redis.execute_command("ACL", "SETUSER", user, f">{PASSWORD}", *rule)
    with (
        tcp_proxy(Path(service.redis_socket()), authority.server(HOST)) as server,
        tcp_proxy((HOST, server.port)) as path,
    ):
        path.delay(one_way_s)
        url = f"rediss://{user}:{PASSWORD}@{HOST}:{path.port}/0?ssl_ca_certs={trusted}"
        yield SlowLine(site, path, {"CONNCHECK_REDIS_URL": url}, service)
