"""A Redis of three processes that three sentinels watch, each of which a test may kill."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from redis import Redis, RedisError, ResponseError

from cli.service.embedded_redis import redis_server
from cli.service.up import free_port
from tests.running.service import poll

SERVICE = "conncheck-test"
DOWN_AFTER_MS = 1000
LISTENS = 30.0


class Node:
    """A process that listens on a port."""

    def __init__(self, directory: Path, port: int = 0) -> None:
        self.directory = directory
        self.port = port or free_port("127.0.0.1")
        self.process: subprocess.Popen[bytes] | None = None
        directory.mkdir()

    def run(self, *arguments: str) -> None:
        """Start it, and return when it answers."""
        command = [str(redis_server()), *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        poll(self.answers, LISTENS)

    def serve(self, primary: "Node | None" = None) -> None:
        """Start it as a Redis, a replica of `primary` if there is one."""
        follows = ("--replicaof", "127.0.0.1", str(primary.port)) if primary else ()
        self.run(
            *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.directory)),
            *("--appendonly", "yes", "--save", "", "--loglevel", "warning"),
            *("--repl-diskless-sync-delay", "0"),
            *follows,
        )

    def client(self) -> Redis:
        """Return a client of this process alone."""
        return Redis(port=self.port, socket_timeout=5, decode_responses=True)

    def answers(self) -> bool:
        """Return whether it answers."""
        with suppress(RedisError), self.client() as client:
            return bool(client.ping())
        return False

    def kill(self) -> None:
        """End it before it can do anything more."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """End it, whatever state it is in."""
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            self.kill()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Have it do nothing while the block runs, and drop no connection."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@contextmanager
def replicated(directory: Path) -> Iterator[tuple[Node, Node]]:
    """Run a Redis and its replica while the block runs."""
    primary, replica = Node(directory / "primary"), Node(directory / "replica")
    try:
        primary.serve()
        replica.serve(primary)
        with primary.client() as redis:
            poll(lambda: redis.info("replication").get("slave0", {}).get("state") == "online")
        yield primary, replica
    finally:
        replica.end()
        primary.end()


class OwnSentinels:
    """Three Redis and three sentinels."""

    def __init__(self, directory: Path) -> None:
        self.nodes = [Node(directory / f"redis-{n}") for n in range(3)]
        self.sentinels = [Node(directory / f"sentinel-{n}") for n in range(3)]
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in self.sentinels)
        self.url = f"redis+sentinel://{hosts}/{SERVICE}/0"

    def start(self) -> None:
        """Start all, and return when they know each other and have the same data."""
        self.nodes[0].serve()
        for replica in self.nodes[1:]:
            replica.serve(self.nodes[0])
        for sentinel in self.sentinels:
            self._watch(sentinel)
        poll(self.is_whole, LISTENS)

    def stop(self) -> None:
        """End all, whatever state they are in."""
        for node in (*self.sentinels, *self.nodes):
            node.end()

    def primary(self) -> Node:
        """Return the primary as the first sentinel knows it."""
        with self.sentinels[0].client() as sentinel:
            _, port = sentinel.sentinel_get_master_addr_by_name(SERVICE)
        return next(node for node in self.nodes if node.port == int(port))

    def fail_over(self) -> None:
        """Have the sentinels make another Redis the primary, and return when it is."""
        before = self.primary()
        poll(self._is_ordered)
        poll(lambda: self.primary() is not before)

    def _is_ordered(self) -> bool:
        """Order a failover, unless the last one is not over for every sentinel."""
        with suppress(ResponseError), self.sentinels[0].client() as sentinel:
            return bool(sentinel.execute_command("SENTINEL", "FAILOVER", SERVICE))
        return False

    def kill_primary(self) -> Node:
        """Kill the primary; return it when another one is the primary."""
        before = self.primary()
        before.kill()
        poll(lambda: self.primary() is not before)
        return before

    def join(self, node: Node) -> None:
        """Start a killed Redis again, as a replica."""
        node.serve(self.primary())

    def is_whole(self) -> bool:
        """Return whether the primary has two replicas in step, and each sentinel knows all."""
        with suppress(RedisError), self.primary().client() as primary:
            said = primary.info("replication")
            states = [
                each["state"]
                for name, each in said.items()
                if name.startswith("slave") and isinstance(each, dict)
            ]
            return states == ["online"] * 2 and all(map(self._knows_all, self.sentinels))
        return False

    def _knows_all(self, node: Node) -> bool:
        with node.client() as sentinel:
            state = sentinel.sentinel_master(SERVICE)
        return (state["num-slaves"], state["num-other-sentinels"]) == (2, 2)

    def _watch(self, sentinel: Node) -> None:
        config = sentinel.directory / "sentinel.conf"
        config.write_text(
            f"port {sentinel.port}\n"
            "bind 127.0.0.1\n"
            f"dir {sentinel.directory}\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.nodes[0].port} 2\n"
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}\n"
            f"sentinel failover-timeout {SERVICE} 2000\n"
            f"sentinel parallel-syncs {SERVICE} 2\n"
        )
        sentinel.run(str(config), "--sentinel")


@contextmanager
def own_sentinels(directory: Path) -> Iterator[OwnSentinels]:
    """Run three Redis and three sentinels while the block runs."""
    running = OwnSentinels(directory)
    try:
        running.start()
        yield running
    finally:
        running.stop()
