"""What hostile servers do in a TLS handshake, for tests.network.servers."""

import os
import secrets
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import Thread
from typing import IO

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.certificates.crafted import (
    Authority,
    Issued,
    Validity,
    forbidden_certificate,
    self_signed,
)
from tests.network.servers import Peer

RANDOM = [
    b"\x00",
    os.urandom(10),
    os.urandom(70_000),
    b"\x16\x03\x03" + os.urandom(5000),
    b"\x16\x03\x03\xff\xff\x0b" + os.urandom(65_534),
    b"\x15\x03\x03\x00\x02\xff\xff",
    b"\x17\x03\x03\x40\x00" + os.urandom(16_384),
]


def stall_after_hello(peer: Peer) -> None:
    """Begin a handshake, and never go on."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = self_signed("127.0.0.1").server_context()
    incoming.write(peer.read_some())
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_side=True).do_handshake()
    flight = outgoing.read()
    hello_bytes = 5 + int.from_bytes(flight[3:5])  # the first record, RFC 8446 5.1
    peer.send(flight[:hello_bytes])
    peer.hold()


@cache
def big_chain() -> ssl.SSLContext:
    """Return a context that shows 3,000 certificates, a megabyte."""
    issued = self_signed("127.0.0.1")
    return replace(issued, sent_with=(issued.certificate,) * 3000).server_context()


def with_many_names(count: int) -> Issued:
    """Return a certificate for many names."""
    return self_signed("127.0.0.1", *(f"h{n}.example.com" for n in range(count)))


def with_big_keys() -> Issued:
    """Return a certificate with others that have keys of 16,384 bits, made of random numbers."""
    modulus = secrets.randbits(16_384) | 1 << 16_383 | 1
    key = rsa.RSAPublicNumbers(65537, modulus).public_key()
    authority = Authority()
    big = authority.issue("big.example.com", public_key=key).certificate
    return replace(authority.issue("127.0.0.1"), sent_with=(big,) * 20)


def malformed() -> dict[str, tuple[Issued, bytes]]:
    """Return certificates that a server has the key of, and in DER what became of each."""
    plain, named = self_signed("127.0.0.1"), self_signed("evilevil.com")
    serial = plain.certificate.serial_number.to_bytes(20)
    date = plain.certificate.not_valid_after_utc.strftime("%y%m%d%H%M%SZ").encode()
    the_end = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    forever = self_signed(validity=Validity(not_after=the_end))
    return {
        "doubled extension": forbidden_certificate(),
        "negative serial": (plain, plain.der.replace(serial, b"\x80" + serial[1:])),
        "year 9999": (forever, forever.der),
        "no such month": (plain, plain.der.replace(date, b"269999999999Z")),
        "NUL in the CN": (plain, plain.der.replace(b"leaf", b"l\0af")),
        "escape in the CN": (plain, plain.der.replace(b"leaf", b"\x1b[2J")),
        "NUL in a name": (named, named.der.replace(b"evilevil", b"evil\0vil")),
    }


@contextmanager
def updating_keys(folder: Path) -> Iterator[int]:
    """Give the port of a server that demands new keys again and again (RFC 8446 4.6.3)."""
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("there is no openssl command")
    issued = self_signed("127.0.0.1")
    pem, key = folder / "cert.pem", folder / "key.pem"
    pem.write_text(issued.pem)
    key.write_bytes(issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    command = [openssl, "s_server", "-accept", "127.0.0.1:0", "-cert", str(pem), "-key", str(key)]
    server = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert server.stdin
    assert server.stdout
    feeding = Thread(target=_feed, args=(server.stdin,))
    try:
        line = next(line for line in server.stdout if line.startswith(b"ACCEPT"))
        feeding.start()
        yield int(line.rpartition(b":")[2])
    finally:
        server.kill()
        server.wait()
        feeding.join(10)
        server.stdout.close()


def _feed(stdin: IO[bytes]) -> None:
    """Type K, which asks for new keys on both sides, as fast as it is taken."""
    with suppress(OSError):
        while True:
            stdin.write(b"K\n")
            stdin.flush()
    with suppress(OSError):
        stdin.close()
