"""Query name servers directly, over our own sockets, and keep the answer of each."""

import errno
import select
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from shared.text import printable
from worker.deadline import Deadline

PORT = 53
WAIT_S = 1.0
PAYLOAD_BYTES = 1232  # the size that DNS flag day 2020 recommends
LARGEST_BYTES = 65_535
MOST_RECORDS = 32  # of an answer that may have thousands
LONGEST_EXTENDED = 80


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply of one name server to a query; `message` is None if there was no answer."""

    server: str
    message: dns.message.Message | None = None
    error: str = ""
    """The errno by name if the server cannot be reached; empty if it is silent."""
    is_cut_off: bool = False
    """Whether the answer was too large for UDP, and the query over TCP failed."""

    @property
    def rcode(self) -> int:
        """The response code; -1 without an answer."""
        return self.message.rcode() if self.message else -1

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses in the answer; an answer that failed may have some that are not valid."""
        if self.rcode != dns.rcode.NOERROR:
            return ()
        kinds = (dns.rdatatype.A, dns.rdatatype.AAAA)
        found = (rdata.to_text() for r in self._answer if r.rdtype in kinds for rdata in r)
        return tuple(islice(found, MOST_RECORDS))

    @property
    def aliases(self) -> tuple[tuple[str, str], ...]:
        """The CNAME records in the answer, as (name, target)."""
        cnames = [rrset for rrset in self._answer if rrset.rdtype == dns.rdatatype.CNAME]
        return tuple((shown(r.name), shown(r[0].target)) for r in cnames[:MOST_RECORDS])

    @property
    def types(self) -> tuple[str, ...]:
        """The record types in the answer."""
        return tuple(dns.rdatatype.to_text(rrset.rdtype) for rrset in self._answer[:MOST_RECORDS])

    @property
    def zone(self) -> dns.name.Name | None:
        """The zone that denies the name (RFC 2308: the owner of the SOA record)."""
        sections = self.message.authority if self.message else []
        soa = [rrset.name for rrset in sections if rrset.rdtype == dns.rdatatype.SOA]
        return soa[0] if soa else None

    @property
    def extended_codes(self) -> tuple[int, ...]:
        """The extended errors (RFC 8914)."""
        found = self.message.extended_errors() if self.message else []
        return tuple(int(option.code) for option in found[:MOST_RECORDS])

    @property
    def extended(self) -> str:
        """The first extended error in words: the meaning of its code, and the server's own text."""
        for option in self.message.extended_errors() if self.message else []:
            text = printable(option.text or "", LONGEST_EXTENDED)
            name = _extended_name(option.code)
            return f"{name}, {text}" if text else name
        return ""

    @property
    def _answer(self) -> Sequence[dns.rrset.RRset]:
        return self.message.answer[:MOST_RECORDS] if self.message else ()


def shown(name: dns.name.Name) -> str:
    """Return a name for use in a sentence: printable, without the final dot."""
    return printable(name.to_text(omit_final_dot=True))


def _extended_name(code: int) -> str:
    name = dns.edns.EDECode(code).name
    return f"extended error {code}" if name.isdecimal() else name.lower().replace("_", " ")


def ask(
    servers: Sequence[str],
    name: str,
    rdtype: str,
    deadline: Deadline,
    *,
    unchecked: bool = False,
) -> tuple[Reply, ...]:
    """Query all `servers` at once, and return the reply of each within WAIT_S and `deadline`.

    A server without an answer by then counts as silent. `unchecked` also requests data that fails
    DNSSEC (CD, RFC 4035 3.2.2).
    """
    query = dns.message.make_query(name, rdtype, use_edns=0, payload=PAYLOAD_BYTES)
    if unchecked:
        query.flags |= dns.flags.CD
    limit = deadline.at_most(WAIT_S)
    replies = {reply.server: reply for reply in _over_udp(servers, query, limit)}
    return tuple(
        _completed(replies.get(server, Reply(server)), query, deadline) for server in servers
    )


def _over_udp(
    servers: Sequence[str], query: dns.message.Message, deadline: Deadline
) -> Iterator[Reply]:
    """Yield the replies as they arrive; silent servers have none."""
    wire = query.to_wire()
    with ExitStack() as held:
        waiting: dict[int, tuple[str, socket.socket]] = {}
        poll = select.poll()
        for server in servers:
            opened = held.enter_context(socket.socket(_family(server), socket.SOCK_DGRAM))
            try:
                opened.connect((server, PORT))  # connected, so that ICMP errors are reported
                opened.send(wire)
            except OSError as error:
                yield Reply(server, error=_name(error))
                continue
            poll.register(opened, select.POLLIN)
            waiting[opened.fileno()] = server, opened
        while waiting and (left_s := _left_s(deadline)):
            for number, _ in poll.poll(left_s * 1000):
                server, opened = waiting[number]
                reply = _received(server, opened, query)
                if reply:
                    poll.unregister(number)
                    del waiting[number]
                    yield reply


def _left_s(deadline: Deadline) -> float:
    return max(0.0, deadline.left_s)


def _received(server: str, opened: socket.socket, query: dns.message.Message) -> Reply | None:
    try:
        wire = opened.recv(LARGEST_BYTES)
    except OSError as error:
        return Reply(server, error=_name(error))
    return _read(server, wire, query)


def _read(server: str, wire: bytes, query: dns.message.Message) -> Reply | None:
    """Return the reply in `wire`; None if it does not answer `query`."""
    if wire[:2] != query.id.to_bytes(2):
        return None
    try:
        message = dns.message.from_wire(wire)
    except (dns.exception.DNSException, ValueError, IndexError):
        return Reply(server, error="malformed answer")
    return Reply(server, message) if query.is_response(message) else None


def _completed(reply: Reply, query: dns.message.Message, deadline: Deadline) -> Reply:
    """Return the complete reply, over TCP or without EDNS (RFC 6891 7) if that is needed."""
    if reply.message is None:
        return reply
    if reply.rcode == dns.rcode.FORMERR and query.edns >= 0:
        plain = dns.message.make_query(query.question[0].name, query.question[0].rdtype)
        replies = list(_over_udp([reply.server], plain, deadline.at_most(WAIT_S)))
        return replies[0] if replies else reply
    if not reply.message.flags & dns.flags.TC:
        return reply
    try:
        return _over_tcp(reply.server, query, deadline.at_most(WAIT_S)) or reply
    except OSError as error:
        return Reply(reply.server, reply.message, _name(error), is_cut_off=True)


def _over_tcp(server: str, query: dns.message.Message, deadline: Deadline) -> Reply | None:
    wire = query.to_wire()
    with socket.create_connection((server, PORT), deadline.remaining_s()) as opened:
        opened.sendall(len(wire).to_bytes(2) + wire)
        length = int.from_bytes(_exactly(2, opened, deadline))
        return _read(server, _exactly(length, opened, deadline), query)


def _exactly(count: int, opened: socket.socket, deadline: Deadline) -> bytes:
    content = b""
    while len(content) < count:
        opened.settimeout(deadline.remaining_s())
        more = opened.recv(count - len(content))
        if not more:
            raise ConnectionResetError
        content += more
    return content


def _family(server: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in server else socket.AF_INET


def _name(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "ETIMEDOUT"
    return errno.errorcode.get(error.errno or 0, type(error).__name__)
