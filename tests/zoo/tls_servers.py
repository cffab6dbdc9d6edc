"""TLS servers for the zoo: real ones with a fault, and one that sends the bytes it is given."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.certificates.crafted import Authority, Issued
from tests.network.servers import Peer, Script, hold, serving
from tests.zoo.fault import Target

ENDS_S = 10


def shown(issued: Issued, host: str = "127.0.0.1", **tls: Any) -> Iterator[Target]:
    """Give the target of a server that shows `issued`; `tls` are options.tls of the request."""
    with serving(hold, tls=issued.server_context()) as server:
        yield target(server.port, host, **tls)


def scripted(*scripts: Script, host: str = "127.0.0.1") -> Iterator[Target]:
    """Give the target of a server that follows `scripts`, without TLS of ours."""
    with serving(*scripts) as server:
        yield target(server.port, host)


def target(port: int, host: str = "127.0.0.1", **tls: Any) -> Target:
    """Return a target on loopback."""
    return Target(f"https://{host}:{port}", options={"tls": tls} if tls else {})


def trusting(authority: Authority) -> dict[str, str]:
    """Return the options.tls of a caller who trusts `authority`."""
    return {"ca_certificate": authority.pem}


def below(issued: Issued, *above: Authority) -> Issued:
    """Return `issued` as a server sends it, with certificates of its issuers."""
    return Issued(issued.certificate, issued.key, [one.certificate for one in above])


def answering_bytes(content: bytes) -> Script:
    """Return the script that reads what comes first, sends `content` and waits."""

    def script(peer: Peer) -> None:
        peer.read_some()
        peer.send(content)
        peer.hold()

    return script


@contextmanager
def openssl_server(issued: Issued, *options: str) -> Iterator[int]:
    """Run `openssl s_server`, which answers requests with a page; gives its port."""
    openssl = _program("openssl")
    with files_of(issued) as (chain, key):
        command = [openssl, "s_server", "-accept", "127.0.0.1:0", "-www", "-cert", str(chain)]
        command += ["-key", str(key), *options]
        with _running(command, stdout=subprocess.PIPE) as process:
            assert process.stdout
            # It says "ACCEPT 127.0.0.1:PORT" once it listens.
            told = next(line for line in process.stdout if line.startswith(b"ACCEPT"))
            yield int(told.rsplit(b":", 1)[1])


@contextmanager
def stunnel_server(issued: Issued, *options: str) -> Iterator[int]:
    """Run an stunnel for a service that nobody has started; gives its port."""
    stunnel = _program("stunnel")
    with files_of(issued) as (chain, key), TemporaryDirectory(prefix="zoo-") as directory:
        configuration = Path(directory, "stunnel.conf")
        lines = ["foreground = yes", "debug = info", "[tls]", "accept = 127.0.0.1:0"]
        lines += ["connect = 127.0.0.1:1", f"cert = {chain}", f"key = {key}", *options]
        configuration.write_text("\n".join(lines))
        with _running([stunnel, str(configuration)], stderr=subprocess.PIPE) as process:
            assert process.stderr
            # "Service [tls] (FD=9) bound to 127.0.0.1:PORT"
            told = next(line for line in process.stderr if b"bound to" in line)
            yield int(told.rsplit(b":", 1)[1])


@contextmanager
def files_of(issued: Issued) -> Iterator[tuple[Path, Path]]:
    """Give the files of a chain and of its key."""
    key = issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with TemporaryDirectory(prefix="zoo-") as directory:
        chain_path, key_path = Path(directory, "chain.pem"), Path(directory, "key.pem")
        chain_path.write_text(issued.pem)
        key_path.write_bytes(key)
        yield chain_path, key_path


def _program(name: str) -> str:
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if path is None:
        pytest.skip(f"there is no {name}")
    return path


@contextmanager
def _running(
    command: list[str], *, stdout: int = subprocess.DEVNULL, stderr: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(ENDS_S)
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()
