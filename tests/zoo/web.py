"""Web servers for the zoo: a real nginx, and a ZStack that words its answers oddly."""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from email.parser import Parser
from json import dumps
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.certificates.crafted import Issued
from tests.network.servers import Peer, Script, serving
from tests.stand_ins.zstack import Reply, ZstackNode, reply_to
from tests.zoo.fault import Target

_CONFIGURATION = """
daemon off; worker_processes 1; pid {directory}/pid; error_log {directory}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    {beside}
    server {{ listen 127.0.0.1:{port} {listening}; {server} }}
}}
"""

Wording = Callable[[Reply], bytes]
"""Spells an answer of the node's on the wire."""


@contextmanager
def nginx(server: str, *, listening: str = "", beside: str = "") -> Iterator[int]:
    """Run an nginx with the directives `server` on a port of loopback; gives the port.

    Its socket listens before it starts, so there is nothing to wait for.
    """
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if not binary:
        pytest.skip("there is no nginx")
    with TemporaryDirectory(prefix="zoo-nginx-") as directory, _listener() as listener:
        port: int = listener.getsockname()[1]
        configuration = Path(directory, "nginx.conf")
        configuration.write_text(
            _CONFIGURATION.format(
                directory=directory, port=port, server=server, listening=listening, beside=beside
            )
        )
        command = [
            binary,
            "-p",
            directory,
            "-e",
            f"{directory}/error.log",
            "-c",
            str(configuration),
        ]
        # An nginx that takes over from another one finds its sockets like this.
        inherited = {**os.environ, "NGINX": f"{listener.fileno()};"}
        process = subprocess.Popen(
            command, env=inherited, pass_fds=[listener.fileno()], stderr=subprocess.DEVNULL
        )
        try:
            yield port
        finally:
            process.terminate()
            process.wait(10)


@contextmanager
def certificate_files(issued: Issued) -> Iterator[tuple[Path, Path]]:
    """Give the files of a certificate and of its key."""
    key = issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with TemporaryDirectory(prefix="zoo-certificate-") as directory:
        chain_path, key_path = Path(directory, "chain.pem"), Path(directory, "key.pem")
        chain_path.write_text(issued.pem)
        key_path.write_bytes(key)
        yield chain_path, key_path


def served(*scripts: Script, scheme: str = "http", path: str = "") -> Iterator[Target]:
    """Give the target of a server that follows `scripts`."""
    with serving(*scripts) as server:
        yield Target(f"{scheme}://127.0.0.1:{server.port}{path}")


def page(body: str, status: str = "200 OK", *headers: str) -> bytes:
    """Return a web page."""
    content = body.encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", "Content-Type: text/html"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + content


def zstack_that_words(
    word: Wording,
    node: ZstackNode | None = None,
    *,
    closes: bool = False,
    every_s: float | None = None,
) -> Script:
    """Return the script of a node whose answers are spelled by `word`."""
    node = node or ZstackNode()

    def script(peer: Peer) -> None:
        while request := peer.read_request():
            answer = word(answer_of(node, request))
            if every_s is None:
                peer.send(answer)
            else:
                peer.trickle(answer, every_s)
            if closes:
                return

    return script


def answer_of(node: ZstackNode, request: bytes) -> Reply:
    """Return what the node answers to the bytes of a request."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, _, rest = head.decode().partition("\r\n")
    method, target, _ = first.split()
    headers: Message = Parser().parsestr(rest)
    return reply_to(node, method, target, headers, body)


def content_of(reply: Reply) -> bytes:
    """Return the body of an answer of the node's."""
    return (reply.body if isinstance(reply.body, str) else dumps(reply.body)).encode()


def _listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))
