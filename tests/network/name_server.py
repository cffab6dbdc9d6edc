"""Name servers that answer as a test wants, in a network of the test's own."""

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from threading import Event, Thread

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.network.namespaces import own_files

Answer = Callable[[dns.message.Message], dns.message.Message | bytes | None]
"""Makes the answer to a query; bytes are sent as they are, None is silence."""

TTL_S = 60
RESOLVER = "127.0.0.53"
OTHER_RESOLVER = "127.0.0.54"
_SOA = "ns.example.com. root.example.com. 1 60 60 60 60"


def knowing(
    records: Mapping[str, Sequence[str]], zones: Sequence[str] = ("example.com", ".")
) -> Answer:
    """Answer as a resolver that knows `records`: {"www.example.com": ["A 10.0.0.7"]}."""
    by_name = {dns.name.from_text(name): texts for name, texts in records.items()}
    known_zones = [dns.name.from_text(zone) for zone in zones]

    def answer(query: dns.message.Message) -> dns.message.Message:
        response, name = dns.message.make_response(query), query.question[0].name
        wanted = dns.rdatatype.to_text(query.question[0].rdtype)
        for _ in range(20):
            texts = by_name.get(name) or by_name.get(_wildcard_of(name), ())
            alias = [t for t in texts if t.startswith("CNAME ")]
            found = [t for t in texts if t.startswith(f"{wanted} ")] or alias
            if found:
                # dnspython shuffles the records of one set.
                response.answer += [_rrset(name, text) for text in found]
            if not alias or wanted == "CNAME":
                break
            name = dns.name.from_text(alias[0].partition(" ")[2])
        if name not in by_name and _wildcard_of(name) not in by_name:
            response.set_rcode(dns.rcode.NXDOMAIN)
        if not any(dns.rdatatype.to_text(rrset.rdtype) == wanted for rrset in response.answer):
            response.authority.append(_soa(name, known_zones))
        return response

    return answer


def failing(rcode: str, extended: int | None = None, text: str = "") -> Answer:
    """Answer everything with `rcode`, and with an extended error where there is one."""

    def answer(query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        if extended is not None and query.edns >= 0:
            response.use_edns(options=[dns.edns.EDEOption(dns.edns.EDECode(extended), text)])
        response.set_rcode(dns.rcode.from_text(rcode))
        return response

    return answer


def unless_checked(answer: Answer, otherwise: Answer) -> Answer:
    """Answer with `answer` where DNSSEC is not to be checked, as a validating resolver does."""
    return lambda query: (answer if query.flags & dns.flags.CD else otherwise)(query)


def truncating(query: dns.message.Message) -> dns.message.Message:
    """Answer that the answer does not fit."""
    response = dns.message.make_response(query)
    response.flags |= dns.flags.TC
    return response


def silent(_: dns.message.Message) -> None:
    """Answer nothing."""


def after(seconds: float, answer: Answer) -> Answer:
    """Answer late; being slow is what this server is there for."""

    def late(query: dns.message.Message) -> dns.message.Message | bytes | None:
        Event().wait(seconds)
        return answer(query)

    return late


@contextmanager
def name_server(
    answer: Answer, address: str = RESOLVER, *, tcp: Answer | None = None
) -> Iterator[None]:
    """Answer DNS queries to `address` while the block runs, over TCP where `tcp` is given."""
    with ExitStack() as held:
        udp_socket = held.enter_context(socket.socket(_family(address), socket.SOCK_DGRAM))
        udp_socket.bind((address, 53))
        held.enter_context(_running(udp_socket, lambda: _serve_udp(udp_socket, answer)))
        if tcp:
            made = socket.create_server((address, 53), family=_family(address))
            listener = held.enter_context(made)
            held.enter_context(_running(listener, lambda: _serve_tcp(listener, tcp)))
        yield


@contextmanager
def _running(opened: socket.socket, serve: Callable[[], None]) -> Iterator[None]:
    thread = Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        with suppress(OSError):
            opened.shutdown(socket.SHUT_RDWR)
        thread.join()


def _serve_udp(server: socket.socket, answer: Answer) -> None:
    with suppress(OSError):
        while True:
            wire, client = server.recvfrom(65_535)
            if not wire:
                return
            response = _wire(answer(dns.message.from_wire(wire)))
            if response:
                server.sendto(response, client)


def _serve_tcp(listener: socket.socket, answer: Answer) -> None:
    with suppress(OSError):
        while True:
            opened, _ = listener.accept()
            with opened, suppress(OSError):
                while length := int.from_bytes(opened.recv(2, socket.MSG_WAITALL)):
                    query = dns.message.from_wire(opened.recv(length, socket.MSG_WAITALL))
                    response = _wire(answer(query)) or b""
                    opened.sendall(len(response).to_bytes(2) + response)


def _wire(response: dns.message.Message | bytes | None) -> bytes | None:
    if isinstance(response, dns.message.Message):
        response.flags |= dns.flags.RA  # the C library takes others for misconfigured
        return response.to_wire(max_size=65_535)
    return response


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _rrset(name: dns.name.Name, text: str) -> dns.rrset.RRset:
    kind, _, value = text.partition(" ")
    return dns.rrset.from_text(name, TTL_S, "IN", kind, value)


def _soa(name: dns.name.Name, zones: Sequence[dns.name.Name]) -> dns.rrset.RRset:
    closest = max((zone for zone in zones if name.is_subdomain(zone)), key=len)
    return dns.rrset.from_text(closest, TTL_S, "IN", "SOA", _SOA)


def _wildcard_of(name: dns.name.Name) -> dns.name.Name:
    return dns.name.from_text("*", name.parent()) if len(name) > 1 else name


@contextmanager
def resolving(
    *answers: Answer, search: str = "", options: str = "", hosts: str = ""
) -> Iterator[None]:
    """Have the system's resolver ask name servers that answer so, in their order.

    For the thread of `in_own_network`.
    """
    addresses = [f"127.0.0.{number}" for number in range(53, 53 + len(answers))]
    lines = [f"nameserver {address}" for address in addresses or [RESOLVER]]
    lines += [f"search {search}"] if search else []
    # A second try of the C library would only cost the tests time.
    lines += [f"options attempts:1 {options}", ""]
    with own_files("\n".join(lines), f"127.0.0.1 localhost\n{hosts}\n"), ExitStack() as held:
        for answer, address in zip(answers, addresses, strict=True):
            held.enter_context(name_server(answer, address))
        yield
