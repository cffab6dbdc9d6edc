"""A path to a server that can be cut, stalled and slowed down."""

import asyncio
import ssl
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event as ThreadEvent
from threading import Thread
from typing import Any

from tests.network.way import Way

HOST = "127.0.0.1"
PIECE_BYTES = 1024  # small enough for a slow path to flow instead of jerking
ANSWER_S = 10.0

Upstream = tuple[str, int] | Path
"""Host and port, or the path of a Unix socket."""


class TcpProxy:
    """Passes bytes between its port on loopback and a server; its methods are for any thread."""

    def __init__(self, upstream: Upstream, tls: ssl.SSLContext | None = None) -> None:
        self._upstream = upstream
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="tcp_proxy")
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._forgotten: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._answers_flow = asyncio.Event()
        self._answers_flow.set()
        self._held_at: bytes | None = None
        self._lost: bytes | None = None
        self._is_held = ThreadEvent()
        self._bytes_per_s: int | None = None
        self._free_at_s = 0.0
        self._latency_s = 0.0
        self.port = 0

    def start(self) -> None:
        """Listen on a free port, and pass everything."""
        self._thread.start()
        self.heal()

    def stop(self) -> None:
        """Close all sockets and end the thread."""
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Close all connections and refuse new ones."""
        self._do(self._cut())

    def stall(self) -> None:
        """Keep the connections and take new ones, but pass nothing.

        What is sent meanwhile arrives when the path is healed, even if its sender has gone: TCP
        goes on sending, too.
        """
        self._do(self._stall())

    def forget(self) -> None:
        """Pass nothing over the present connections any more and tell nobody; take new ones.

        So does a firewall that was replaced, or a NAT that has lost its table.
        """
        self._do(self._forget())

    def hold_answers_from(self, marker: bytes) -> ThreadEvent:
        """Pass no answer any more once `marker` is sent, but all that is sent; tell by the event.

        So whoever waits for the answer can be killed there, and what it asked for is done.
        """
        self._do(self._hold_answers_from(marker))
        return self._is_held

    def lose(self, marker: bytes) -> None:
        """Pass everything but what is sent with `marker` in it; tell nobody."""
        self._do(self._lose(marker))

    def slow(self, bytes_per_s: int) -> None:
        """Pass so much at most, over all connections and in both directions together."""
        self._do(self._slow(bytes_per_s))

    def delay(self, latency_s: float) -> None:
        """Pass everything so much later, each way; more may be on its way at the same time.

        It lasts when the path is healed.
        """
        self._do(self._delay(latency_s))

    def heal(self) -> None:
        """Pass everything, on the same port as ever; close what was forgotten."""
        self._do(self._heal())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_S)

    async def _cut(self) -> None:
        if self._server:
            self._server.close()
        await _end(self._connections)
        if self._server:
            await self._server.wait_closed()
            self._server = None

    async def _stall(self) -> None:
        self._flows.clear()

    async def _forget(self) -> None:
        self._forgotten |= self._connections
        self._flows.clear()
        self._flows = asyncio.Event()
        self._flows.set()

    async def _hold_answers_from(self, marker: bytes) -> None:
        self._held_at = marker
        self._is_held = ThreadEvent()

    async def _lose(self, marker: bytes) -> None:
        self._lost = marker

    async def _slow(self, bytes_per_s: int) -> None:
        self._bytes_per_s = bytes_per_s

    async def _delay(self, latency_s: float) -> None:
        self._latency_s = latency_s

    async def _heal(self) -> None:
        await _end(self._forgotten)
        self._bytes_per_s = None
        self._held_at = self._lost = None
        self._answers_flow.set()
        self._flows.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, HOST, self.port, ssl=self._tls)
            self.port = self._server.sockets[0].getsockname()[1]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not (self._server and self._server.is_serving()):
            _hang_up(writer)  # it was cut while this one was on its way in
            return
        connection = self._loop.create_task(self._serve(reader, writer, self._flows))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)
        connection.add_done_callback(self._forgotten.discard)
        connection.add_done_callback(lambda _: _hang_up(writer))

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flows: asyncio.Event
    ) -> None:
        """Pass everything on, both ways, until one side hangs up or the path is cut."""
        try:
            if isinstance(self._upstream, Path):
                from_server, to_server = await asyncio.open_unix_connection(self._upstream)
            else:
                from_server, to_server = await asyncio.open_connection(*self._upstream)
            try:
                async with asyncio.TaskGroup() as both_ways:
                    there, back = Way(to_server), Way(writer)
                    both_ways.create_task(self._take(reader, there, flows))
                    both_ways.create_task(self._take(from_server, back, flows, answers=True))
                    both_ways.create_task(there.deliver(flows))
                    both_ways.create_task(back.deliver(flows))
            finally:
                _hang_up(to_server)
        except* OSError:
            pass  # the other side is hung up on, too

    async def _take(
        self,
        reader: asyncio.StreamReader,
        way: "Way",
        flows: asyncio.Event,
        *,
        answers: bool = False,
    ) -> None:
        """Take what comes, until its sender hangs up; that takes no longer than the rest."""
        while piece := await reader.read(PIECE_BYTES if self._bytes_per_s else 65536):
            await self._take_turn(len(piece))
            await flows.wait()
            if answers:
                await self._answers_flow.wait()
            elif self._held_at and self._held_at in piece:
                self._answers_flow.clear()
                self._is_held.set()
            elif self._lost and self._lost in piece:
                continue
            await way.send(piece, self._loop.time() + self._latency_s)
        await way.send(b"", self._loop.time() + self._latency_s)

    async def _take_turn(self, count: int) -> None:
        """Wait until a slow path has room for so many bytes more."""
        if self._bytes_per_s:
            now_s = self._loop.time()
            self._free_at_s = max(now_s, self._free_at_s) + count / self._bytes_per_s
            await asyncio.sleep(self._free_at_s - now_s)


async def _end(connections: set[asyncio.Task[None]]) -> None:
    ending = list(connections)
    for connection in ending:
        connection.cancel()
    await asyncio.gather(*ending, return_exceptions=True)


def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()  # what is not sent yet is lost, as in a network


@contextmanager
def tcp_proxy(upstream: Upstream, tls: ssl.SSLContext | None = None) -> Iterator[TcpProxy]:
    """Give a path to `upstream` while the block runs; with `tls`, it begins with a handshake."""
    proxy = TcpProxy(upstream, tls)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
