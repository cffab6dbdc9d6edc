"""Healthy platforms behind TLS that cost as little CPU as they can: `python -m bench.target`.

They listen on a port each, because a service tests one platform a few times at once at most.
Each answers the three requests of a ZStack test whatever their signature, or, with --silent,
shakes hands and then says nothing. They end when standard input does.
"""

import argparse
import asyncio
import ssl
import sys
import time
from email.utils import formatdate
from pathlib import Path
from typing import cast

BODY_BY_PATH = {
    b"/zstack/v1/management-nodes/ready": b"{}",
    b"/zstack/v1/management-nodes/actions": b'{"version":"5.2.1"}',
    b"/zstack/v1/zones": b'{"inventories":[{"uuid":"00","name":"zone-1"}],"total":2}',
}
BACKLOG = 1024
_END = b"\r\n\r\n"


class Node(asyncio.Protocol):
    """One kept-alive connection."""

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, which answers go to."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer each request that is complete."""
        self._received += data
        while (end := self._received.find(_END)) >= 0:
            head = self._received[:end]
            whole = end + len(_END) + _content_length(head)
            if len(self._received) < whole:
                return
            self._received = self._received[whole:]
            self._transport.write(_response(head))


class SilentNode(asyncio.Protocol):
    """A connection on which nothing is ever said."""


def _content_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


def _response(head: bytes) -> bytes:
    path = head.split(b" ", 2)[1].partition(b"?")[0]
    body = BODY_BY_PATH.get(path)
    status = b"200 OK" if body is not None else b"404 Not Found"
    body = body or b""
    date = formatdate(time.time(), usegmt=True).encode()
    return b"HTTP/1.1 %b\r\nDate: %b\r\nContent-Length: %d\r\n\r\n%b" % (
        *(status, date, len(body), body),
    )


async def serve(tls: ssl.SSLContext, count: int, *, silent: bool) -> None:
    """Serve on free ports of 127.0.0.1, print them, and go on until standard input ends."""
    loop = asyncio.get_running_loop()
    protocol = SilentNode if silent else Node
    servers = [
        await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls, backlog=BACKLOG)
        for _ in range(count)
    ]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin, ended.set)
    await ended.wait()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chain", type=Path, required=True, help="PEM, the key in it too")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--silent", action="store_true")
    arguments = parser.parse_args()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(arguments.chain)
    asyncio.run(serve(tls, arguments.count, silent=arguments.silent))


if __name__ == "__main__":
    main()
