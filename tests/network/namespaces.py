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
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TypeVar

import pytest

T = TypeVar("T")

# sched.h; these namespaces belong to a thread, not to a process.
_CLONE_NEWNET, _CLONE_NEWNS = 0x40000000, 0x00020000
_NEAR_END = (
    "address add 10.9.0.1/24 dev near",
    "address add fd09::1/64 dev near nodad",
    "link set near up",
)
_FAR_END = (
    "link set lo up",
    "address add 10.9.0.254/24 dev far",
    "address add fd09::254/64 dev far nodad",
    "link set far up",
)
_FORWARD = (
    "echo 1 >/proc/sys/net/ipv4/ip_forward && echo 1 >/proc/sys/net/ipv6/conf/all/forwarding &&"
    "echo 0 >/proc/sys/net/ipv4/icmp_ratelimit"
)
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
        _leave(_CLONE_NEWNET, "network")
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


def _leave(namespace: int, kind: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(namespace):
        pytest.skip(f"no {kind} namespace: {os.strerror(ctypes.get_errno())}")


@contextmanager
def own_files(
    resolv_conf: str = "nameserver 127.0.0.53\n", hosts: str = "127.0.0.1 localhost\n"
) -> Iterator[Path]:
    """Have /etc/resolv.conf and /etc/hosts say this in the thread of `in_own_network`.

    Gives the directory in which they really are. They stay so until the thread ends, and with it
    its view of the file system.
    """
    _leave(_CLONE_NEWNS, "mount")
    with TemporaryDirectory(prefix="conncheck-etc-") as directory:
        mounts = [["--make-rprivate", "/"]]
        for name, text in (("resolv.conf", resolv_conf), ("hosts", hosts)):
            path = Path(directory, name)
            path.write_text(text)
            mounts.append(["--bind", str(path), f"/etc/{name}"])
        for words in mounts:
            subprocess.run([_found("mount"), *words], check=True, capture_output=True)
        yield Path(directory)


def filter_packets(hook: str, *rules: str) -> None:
    """Put nftables `rules` in force at `hook` (input, output) in the thread's network."""
    nft, table = _found("nft"), _table(hook, rules)
    subprocess.run([nft, "-f", "-"], input=table, check=True, capture_output=True)


def _table(hook: str, rules: Sequence[str]) -> bytes:
    lines = [f"table inet {hook} {{", "chain c {", f"type filter hook {hook} priority 0;"]
    return "\n".join([*lines, *rules, "}", "}", ""]).encode()


@contextmanager
def router(
    *commands: str, forward: Sequence[str] = (), incoming: Sequence[str] = ()
) -> Iterator[None]:
    """Have another machine at the far end of a cable, set up by `ip` `commands`.

    Here the cable is `near`, with 10.9.0.1/24 and fd09::1/64; there it is `far`, with 10.9.0.254
    and fd09::254, which packets to everywhere else go to. `forward` and `incoming` are nftables
    rules for what passes through it and for what it gets itself.
    """
    ip, unshare, enter = (_found(name) for name in ("ip", "unshare", "nsenter"))
    other = subprocess.Popen(
        [unshare, "--net", "sh", "-c", "echo; exec cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert other.stdout
        assert other.stdout.readline()  # it has a network of its own now
        there = [enter, f"--net=/proc/{other.pid}/ns/net"]
        for command in (f"link add near type veth peer name far netns {other.pid}", *_NEAR_END):
            subprocess.run([ip, *command.split()], check=True, capture_output=True)
        for command in (*_FAR_END, *commands):
            subprocess.run([*there, ip, *command.split()], check=True, capture_output=True)
        for command in ("route add default via 10.9.0.254", "route add default via fd09::254"):
            subprocess.run([ip, *command.split()], check=True, capture_output=True)
        subprocess.run([*there, "sh", "-c", _FORWARD], check=True, capture_output=True)
        for hook, rules in (("forward", forward), ("input", incoming)):
            filtering = [*there, _found("nft"), "-f", "-"]
            table = _table(hook, rules)
            subprocess.run(filtering, input=table, check=True, capture_output=True)
        yield
    finally:
        other.communicate()


def _found(name: str) -> str:
    path = shutil.which(name)
    if not path:
        pytest.skip(f"there is no {name} command")
    return path
