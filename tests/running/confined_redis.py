"""A Redis with TLS, whose users are those of sites."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from redis.exceptions import RedisError

from cli.service.up import free_port
from shared.store.connection import AsyncStore, connect, connect_async
from shared.store.gate import RedisGate
from shared.store.site_acl import acl_rule
from shared.store.site_functions import SiteFunctions
from tests.certificates.authority import Authority
from tests.running.service import poll

T = TypeVar("T")
SERVER = Path("/usr/bin/redis-server")
PASSWORD = "of-%s"


class ConfinedRedis:
    """A server that only its users can use, over TLS."""

    def __init__(self, port: int, directory: Path) -> None:
        self._port = port
        self.directory = directory

    @property
    def core_url(self) -> str:
        """The URL of the API on the same machine."""
        return f"unix://default:{PASSWORD % 'default'}@{self.directory}/redis.sock"

    def url(self, user: str) -> str:
        """Return the URL of one of its users, over TLS."""
        ca_file, signed_in = self.directory / "ca.pem", f"{user}:{PASSWORD % user}"
        return f"rediss://{signed_in}@127.0.0.1:{self._port}/0?ssl_ca_certs={ca_file}"

    def user_of(self, site: str) -> str:
        """Return the URL of the user of a site."""
        return self.url(f"conncheck-{site}")

    def add_site(self, site: str) -> None:
        """Add the user of a site, as an operator does."""
        password = PASSWORD % f"conncheck-{site}"
        with connect(self.core_url) as redis:
            rule = acl_rule(site).split()
            redis.execute_command("ACL", "SETUSER", f"conncheck-{site}", f">{password}", *rule)

    def denied(self) -> list[str]:
        """Return what the users were denied, and forget it: the reason and the object of each."""
        with connect(self.core_url) as redis:
            log = redis.acl_log()
            redis.acl_log_reset()
        return [f"{entry['username']} {entry['reason']} {entry['object']}" for entry in log]

    def run(self, call: Callable[[AsyncStore], Awaitable[T]]) -> T:
        """Return what `call` makes of the API's client in an event loop."""

        async def called() -> T:
            async with connect_async(self.core_url, timeout_s=10) as redis:
                return await call(redis)

        return asyncio.run(called())

    def load_functions(self) -> None:
        """Load what the workers call, as the API does."""
        self.run(lambda redis: SiteFunctions(RedisGate(redis)).load_missing())


@contextmanager
def confined_redis(directory: Path, *sites: str) -> Iterator[ConfinedRedis]:
    """Run a Redis with the users of `sites` while the block runs."""
    if not SERVER.exists() or b"libssl" not in _libraries():
        pytest.skip("no redis-server with TLS on this machine (Debian: apt-get install redis)")
    authority, port = Authority(), free_port("127.0.0.1")
    files = {name: directory / f"{name}.pem" for name in ("ca", "certificate", "key")}
    files["ca"].write_text(authority.pem)
    authority.write_server(files["certificate"], files["key"], "127.0.0.1")
    config = directory / "redis.conf"
    config.write_text(
        f"port 0\ntls-port {port}\nbind 127.0.0.1\ntls-auth-clients no\n"
        f"tls-cert-file {files['certificate']}\ntls-key-file {files['key']}\n"
        f"unixsocket {directory}/redis.sock\n"
        f"user default on >{PASSWORD % 'default'} ~* &* +@all\n"
        f'dir "{directory}"\nsave ""\nappendonly yes\nmaxmemory-policy noeviction\n'
    )
    with subprocess.Popen([SERVER, config], stdout=subprocess.DEVNULL) as server:
        try:
            redis = ConfinedRedis(port, directory)
            poll(lambda: _answers(redis.core_url))
            for site in sites:
                redis.add_site(site)
            redis.load_functions()
            yield redis
        finally:
            server.terminate()


def _libraries() -> bytes:
    return subprocess.check_output(["ldd", SERVER])  # noqa: S607


def _answers(url: str) -> bool:
    with connect(url) as redis:
        try:
            return bool(redis.ping())
        except RedisError:
            return False
