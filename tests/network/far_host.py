"""A host at the end of a long way, in a network of the test's own."""

import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import pytest

_TUN = Path("/dev/net/tun")
_TUNSETIFF, _TUN_WITHOUT_HEADER = 0x400454CA, 0x1001  # linux/if_tun.h
_SYN, _SYN_ACK = 0x02, 0x12
ADDRESS = "10.8.0.2"


@contextmanager
def far_host(delay_s: float) -> Iterator[None]:
    """Have ADDRESS accept every connection after `delay_s`, in the thread of `in_own_network`."""
    ip = shutil.which("ip")
    if not ip or not os.access(_TUN, os.R_OK | os.W_OK):
        pytest.skip("there is no ip command or no /dev/net/tun")
    device, stop = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK), Event()
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", b"far0", _TUN_WITHOUT_HEADER))
    for command in ("address add 10.8.0.1/24 dev far0", "link set far0 up"):
        subprocess.run([ip, *command.split()], check=True, capture_output=True)
    accepting = Thread(target=_accept, args=(device, delay_s, stop))
    accepting.start()
    try:
        yield
    finally:
        stop.set()
        accepting.join()
        os.close(device)


def _accept(device: int, delay_s: float, stop: Event) -> None:
    while not stop.wait(0.005):
        with suppress(BlockingIOError):
            packet = os.read(device, 2048)
            if packet[0] >> 4 == 4 and packet[9] == 6 and packet[33] == _SYN:
                stop.wait(delay_s)  # the length of the way
                os.write(device, _answer_to(packet))


def _answer_to(packet: bytes) -> bytes:
    """Return the SYN-ACK for a SYN without options (RFC 791 3.1, RFC 9293 3.1)."""
    source, target = packet[12:16], packet[16:20]
    ports, sequence = packet[20:24], int.from_bytes(packet[24:28])
    tcp = (
        ports[2:]
        + ports[:2]
        + struct.pack("!IIBBHHH", 1, (sequence + 1) & 0xFFFFFFFF, 5 << 4, _SYN_ACK, 65_535, 0, 0)
    )
    pseudo = target + source + struct.pack("!BBH", 0, 6, len(tcp))
    tcp = tcp[:16] + _checksum(pseudo + tcp) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + target + source
    return ip[:10] + _checksum(ip) + ip[12:] + tcp


def _checksum(content: bytes) -> bytes:
    total: int = sum(struct.unpack(f"!{len(content) // 2}H", content))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (~total & 0xFFFF).to_bytes(2)
