"""A network of a test's own, in which routes and name servers are as it wants them."""

import ctypes
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import TypeVar

import pytest

T = TypeVar("T")

_CLONE_NEWNET = 0x40000000  # sched.h; a network namespace belongs to a thread, not to a process
_RESOLV_CONF = Path("/etc/resolv.conf")

Answerer = Callable[[bytes], bytes | None]
"""Makes the answer to a DNS query; None for silence."""


def in_own_network(action: Callable[[], T], *commands: str) -> T:
    """Return what `action` returns in a network with lo alone, set up by `ip` `commands`.

    The test is skipped where the machine allows no network namespaces.
    """
    ip = shutil.which("ip")
    if not ip:
        pytest.skip("there is no ip command")

    def run() -> T:
        _leave_network()
        for command in ("link set lo up", *commands):
            # A thread's children are born in its network.
            subprocess.run([ip, *command.split()], check=True, capture_output=True)
        return action()

    with ThreadPoolExecutor(1) as own_thread:
        return own_thread.submit(run).result()


def name_server_addresses() -> Sequence[str]:
    """Return the addresses that the system's resolver asks."""
    words = [line.split() for line in _RESOLV_CONF.read_text().splitlines()]
    found = [line[1] for line in words if line[:1] == ["nameserver"] and ":" not in line[1]]
    return found or ["127.0.0.1"]  # resolv.conf(5)


@contextmanager
def name_servers(answerer: Answerer) -> Iterator[None]:
    """Answer DNS queries while the block runs, in the network of the calling thread."""
    servers = [_bound(address) for address in name_server_addresses()]
    threads = [Thread(target=_serve, args=(server, answerer)) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for server in servers:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()
        for server in servers:
            server.close()


def dns_answer(query: bytes, *, rcode: int = 0, addresses: Sequence[str] = ()) -> bytes:
    """Return the answer to a query (RFC 1035 4.1), with A records for an A query."""
    name_end = query.index(b"\0", 12) + 1
    question = query[12 : name_end + 4]
    is_for_a = question[-4:-2] == b"\0\x01"
    records = [_a_record(address) for address in addresses if is_for_a]
    counts = (1, len(records), 0, 0)
    head = query[:2] + (0x8180 | rcode).to_bytes(2) + b"".join(n.to_bytes(2) for n in counts)
    return head + question + b"".join(records)


def _a_record(address: str) -> bytes:
    return b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04" + socket.inet_aton(address)


def _bound(address: str) -> socket.socket:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, 53))
    return server


def _serve(server: socket.socket, answerer: Answerer) -> None:
    with suppress(OSError):
        while True:
            query, client = server.recvfrom(512)
            if not query:
                return
            answer = answerer(query)
            if answer:
                server.sendto(answer, client)


def _leave_network() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):
        pytest.skip(f"no network namespace: {os.strerror(ctypes.get_errno())}")
