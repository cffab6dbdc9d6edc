"""Read the ICMP error that answers a connection attempt; its sender is the rejecting device."""

import errno
import select
import socket
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from worker.deadline import Deadline
from worker.tcp.address_guard import Address, AddressGuard, AddressRefusedError, plain
from worker.tcp.connection import TargetAddress

_IP_RECVERR, _IPV6_RECVERR = 11, 25  # linux/in.h, linux/in6.h
_EXTENDED_ERROR = struct.Struct("=IBBBxII")  # sock_extended_err of linux/errqueue.h
_ORIGIN_ICMP = (2, 3)
# The thread's file: its network may differ from that of the process, which /proc/net shows.
_ARP_TABLE = Path("/proc/thread-self/net/arp")


@dataclass(frozen=True, slots=True)
class IcmpError:
    """An ICMP or ICMPv6 message and the address of its sender."""

    sender: Address
    type: int
    code: int


def icmp_answer(target: TargetAddress, guard: AddressGuard, deadline: Deadline) -> IcmpError | None:
    """Return the ICMP error that answers a connection to `target`; None for any other result.

    This needs no privilege on Linux 5.8 and newer; older ones return None.
    """
    if not _allows(guard, target):
        return None
    with _unconnected(target) as opened:
        if target.ip.version == 6:
            opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        else:
            opened.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        opened.connect_ex((str(target.ip), target.port))
        waiting = select.poll()
        waiting.register(opened, select.POLLOUT)
        waiting.poll(deadline.remaining_s() * 1000)
        with suppress(OSError):  # there is no error in the queue
            _, ancillary, _, _ = opened.recvmsg(512, 512, socket.MSG_ERRQUEUE)
            return next((e for _, _, content in ancillary if (e := _read(content))), None)
    return None


def is_forbidden_here(target: TargetAddress, guard: AddressGuard) -> bool:
    """Return whether this machine itself forbids connections to `target`."""
    if not _allows(guard, target):
        return False
    with _unconnected(target) as opened:
        return opened.connect_ex((str(target.ip), target.port)) in (errno.EACCES, errno.EPERM)


def _allows(guard: AddressGuard, target: TargetAddress) -> bool:
    try:
        guard.check(target.ip, target.port)
    except AddressRefusedError:
        return False
    return True


def _unconnected(target: TargetAddress) -> socket.socket:
    family = socket.AF_INET6 if target.ip.version == 6 else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.settimeout(0)
    return opened


def _read(content: bytes) -> IcmpError | None:
    size = _EXTENDED_ERROR.size
    if len(content) < size + 8:
        return None
    _, origin, kind, code, _, _ = _EXTENDED_ERROR.unpack_from(content)
    if origin not in _ORIGIN_ICMP:
        return None
    family, offender = int.from_bytes(content[size : size + 2], sys.byteorder), content[size:]
    # The address is at offset 4 in sockaddr_in, and at 8 in sockaddr_in6.
    raw = offender[8:24] if family == socket.AF_INET6 else offender[4:8]
    return IcmpError(plain(ip_address(raw)), kind, code)


def lacks_neighbour(address: Address) -> bool:
    """Return whether `address` is in a directly connected network and no machine answers for it."""
    with suppress(OSError):
        for line in _ARP_TABLE.read_text().splitlines()[1:]:
            ip, _, flags, *_ = line.split()
            if ip == str(address):
                return int(flags, 16) == 0  # incomplete
    return False
