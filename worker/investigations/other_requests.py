"""Find out whether a server that closes the connection answers something other than the request.

Facts are from the PROXY protocol's specification (haproxy.org, proxy-protocol.txt) and from nginx's
ngx_http_request.c (its 444, and its 400 for a request without Host).
"""

from contextlib import suppress

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Facts, Failed
from shared.text import printable
from worker.deadline import Deadline
from worker.http.exchange import Exchange
from worker.tcp.connection import AddressRefusedError, Connection, PinChangedError, TlsClient
from worker.tls.trust import unverified

LOOK_S = 1.0
_LONGEST_HEAD = 8192

PROXY_PROTOCOL = Cause(
    code="tcp.proxy_protocol",
    owner="caller",
    summary=(
        "Port {port} of {host} expects the PROXY protocol of a load balancer, and closes "
        "connections without it"
    ),
    remedies=(
        "Use the address of the load balancer in front of {host}.",
        "Open a port on {host} that does not expect the PROXY protocol.",
    ),
    field="endpoint",
)
CLOSED_ON_PURPOSE = Cause(
    code="http.closed_on_purpose",
    owner="platform",
    summary=(
        "{host} port {port} serves HTTP[ ({server})], but closes the connection on {product}'s "
        "request without an answer, as it is told to"
    ),
    remedies=(
        "Use the name in the endpoint that the platform's site has: a default site often closes "
        "(nginx: return 444).",
        "Look for a rule on {host} that closes connections by address, path or User-Agent.",
    ),
)

# "The sender's addresses are unknown": it claims nothing that could be false.
_PROXY_HEADER = b"PROXY UNKNOWN\r\n"
_NO_HEADER = b"PRXOY UNKNOWN\r\n"  # only a server that expects no header can answer this
_WITHOUT_HOST = b"GET / HTTP/1.1\r\n\r\n"  # which every server has to reject (RFC 9112 3.2)


def why_it_closes(failed: Failed, exchange: Exchange, deadline: Deadline) -> Failed | None:
    """Return the failure with the reason for which a request like ours gets no answer."""
    if exchange.endpoint.scheme == "http" and _wants_header(exchange, deadline):
        return Failed(PROXY_PROTOCOL, *failed.findings)
    head = _answer(exchange, _WITHOUT_HOST, deadline)
    if not head.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400")):
        return None
    server = _server_in(head)
    known: Facts = {"server": server} if server else {}
    return Failed(CLOSED_ON_PURPOSE, *failed.findings, **known)


def _wants_header(exchange: Exchange, deadline: Deadline) -> bool:
    host = exchange.endpoint.host_header
    request = f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    is_answered = bool(_answer(exchange, _PROXY_HEADER + request, deadline))
    return is_answered and not _answer(exchange, _NO_HEADER + request, deadline)


def expects_proxy_header(connection: Connection, name: str, deadline: Deadline) -> bool:
    """Return whether a handshake that failed is completed after a PROXY header."""
    with connection.twin() as twin, suppress(OSError, AddressRefusedError):
        twin.open(deadline)
        twin.send(_PROXY_HEADER, deadline)
        twin.secure(TlsClient(unverified(), name), deadline)  # nothing else is sent over it
        return True
    return False


def _answer(exchange: Exchange, request: bytes, deadline: Deadline) -> bytes:
    """Return the head of the answer to `request`, or nothing if there is none in HTTP/1."""
    head, limit = b"", deadline.at_most(LOOK_S)
    with (
        exchange.connection.double() as double,
        suppress(OSError, AddressRefusedError, PinChangedError),
    ):
        double.reopen(limit)
        double.send(request, limit)
        while b"\r\n\r\n" not in head and len(head) < _LONGEST_HEAD:
            more = double.receive(limit)
            if not more:
                break
            head += more
    return head if head.startswith(b"HTTP/1.") else b""


def _server_in(head: bytes) -> str:
    lines = (line for line in head.split(b"\r\n") if line.lower().startswith(b"server:"))
    return printable(next(lines, b"").partition(b":")[2].strip().decode("latin-1"), 60)
