"""Find out whether a server supports TLCP, China's national counterpart of TLS."""

from worker.deadline import Deadline
from worker.tcp.connection import Connection

# GB/T 38636-2020: the version is 1.1, and the suites have numbers that TLS does not use.
_VERSION = b"\x01\x01"
_SUITES = (0xE011, 0xE013, 0xE051, 0xE053)  # ECDHE and ECC with SM4 in CBC and in GCM, and SM3
_TELLING_BYTES = 6  # a record's header, and the type of the message in it
_HANDSHAKE, _CLIENT_HELLO, _SERVER_HELLO = 22, b"\x01", 2


def speaks_tlcp(twin: Connection, limit: Deadline) -> bool:
    """Return whether the server answers a TLCP ClientHello with a ServerHello.

    Raises:
        AddressRefusedError: the policy does not allow the address.
    """
    answer = b""
    try:
        twin.open(limit)
        twin.send(client_hello(), limit)
        while len(answer) < _TELLING_BYTES:
            more = twin.receive(limit)
            if not more:
                return False
            answer += more
    except OSError:
        return False
    return answer[0] == _HANDSHAKE and answer[1:3] == _VERSION and answer[5] == _SERVER_HELLO


def client_hello() -> bytes:
    """Return a ClientHello with only the SM suites, in the layout of RFC 5246 7.4.1.2."""
    suites = b"".join(suite.to_bytes(2) for suite in _SUITES)
    # This random protects nothing: the handshake ends with the ServerHello.
    body = _VERSION + bytes(32) + b"\0" + len(suites).to_bytes(2) + suites + b"\x01\0"
    message = _CLIENT_HELLO + len(body).to_bytes(3) + body
    return bytes([_HANDSHAKE]) + _VERSION + len(message).to_bytes(2) + message
