"""A Redis server that a test may hang, stop and start again."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from redis.exceptions import RedisError

from cli.service.embedded_redis import redis_command, redis_server
from shared.store.connection import connect
from tests.running.service import poll


class OwnRedis:
    """A server whose data outlive its process."""

    def __init__(self, directory: Path, server: Path | None = None) -> None:
        socket = directory / "redis.sock"
        self.url = f"unix://{socket}"
        self._command = redis_command(server or redis_server(), socket, directory)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        poll(self._answers)

    def stop(self) -> None:
        """End it, whatever state it is in."""
        if self._process:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait()

    def kill(self) -> None:
        """End it before it can do anything more."""
        assert self._process
        self._process.kill()
        self._process.wait()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Have no server while the block runs."""
        self.stop()
        yield
        self.start()

    @contextmanager
    def hung(self) -> Iterator[None]:
        """Have a server that accepts and does not answer while the block runs."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    @contextmanager
    def refusing_writes(self) -> Iterator[None]:
        """Have a server that answers and takes no write while the block runs, as a replica does."""
        with connect(self.url) as redis:
            redis.replicaof("127.0.0.1", "1")
            try:
                yield
            finally:
                redis.replicaof("NO", "ONE")

    def _answers(self) -> bool:
        with connect(self.url) as redis, suppress(RedisError):
            return bool(redis.ping())
        return False
