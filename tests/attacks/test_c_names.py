"""C: name servers that answer with whatever helps an attacker."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Thread
from typing import TypeVar

from tests.attacks.traps.attacking import ACCESS, SECRET, STRICT, Story, attacked
from tests.attacks.traps.trap import trap
from tests.network.namespaces import (
    Answerer,
    dns_answer,
    in_own_network,
    name_server_addresses,
    name_servers,
)
from tests.network.servers import answering, reply, serving
from tests.stand_ins.zstack import ZstackNode, zstack_node

T = TypeVar("T")
OURS = "10.77.0.1"
NAME = "cloud.example.com"
NAME_SERVERS_ON_LO = [
    f"address add {address}/32 dev lo"
    for address in name_server_addresses()
    if not address.startswith("127.")
]


def with_answers(answerer: Answerer, look: Callable[[], T]) -> T:
    """Return what `look` sees where `answerer` is the name server, and OURS is this machine."""

    def act() -> T:
        with name_servers(answerer):
            return look()

    return in_own_network(act, f"address add {OURS}/32 dev lo", *NAME_SERVERS_ON_LO)


class Rebinding:
    """A name server that gives another address for each question."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.asked: list[bytes] = []

    def __call__(self, query: bytes) -> bytes:
        """Answer with the next address; the last one stays."""
        is_for_a = query[query.index(b"\0", 12) + 1 :][:2] == b"\0\x01"
        if not is_for_a:
            return dns_answer(query)
        self.asked.append(query)
        left = self.addresses
        return dns_answer(query, addresses=[left.pop(0) if len(left) > 1 else left[0]])


def test_c1_a_name_that_rebinds_to_loopback_is_judged_where_it_is_connected_to() -> None:
    """Whichever answer is used, that one is judged; there is no second one to swap."""

    def look() -> tuple[Story, Story, set[str]]:
        with trap() as listening:
            url = f"http://{NAME}:{listening.port}"
            return attacked(url, site=STRICT), attacked(url, site=STRICT), listening.reached

    first, second, reached = with_answers(Rebinding(OURS, "127.0.0.1"), look)

    assert "tcp_connect" in first.passed
    assert second.cause == "policy.address_blocked"
    assert reached == {OURS}


def test_c2_each_address_of_a_mixed_answer_is_judged() -> None:
    """A good one must not open the door for a bad one."""

    def both(query: bytes) -> bytes:
        return dns_answer(query, addresses=["127.0.0.1", "169.254.169.254", OURS])

    def look() -> Story:
        with zstack_node(ZstackNode(keys={ACCESS: SECRET})) as (_, port):
            return attacked(f"http://{NAME}:{port}", site=STRICT)

    story = with_answers(both, look)

    # The stand-in listens on loopback alone, so the one allowed address does not answer.
    assert story.cause == "tcp.refused"
    assert OURS in story.last.causes[0].summary


def test_c3_all_steps_speak_to_the_address_that_was_judged() -> None:
    """The server hangs up after each answer, so each step has to connect anew."""
    rebinding = Rebinding("127.0.0.1", OURS)
    node = ZstackNode(keys={ACCESS: SECRET}, keeps_alive=False)

    def look() -> tuple[Story, list[bytes]]:
        with zstack_node(node) as (_, port), _listening(OURS, port) as elsewhere:
            return attacked(f"http://{NAME}:{port}"), elsewhere

    story, elsewhere = with_answers(rebinding, look)

    assert story.cause == ""
    assert node.judged == [ACCESS]
    assert len(rebinding.asked) == 1
    assert elsewhere == []


def test_c4_an_alias_of_something_internal_is_judged_by_its_address() -> None:
    """A CNAME leads anywhere, also to names that only a worker can resolve."""

    def alias(query: bytes) -> bytes:
        return dns_answer(query)[:6] + b"\0\x02" + dns_answer(query)[8:] + _cname_and_a(query)

    def look() -> tuple[Story, list[bytes]]:
        with trap() as listening:
            return attacked(f"http://{NAME}:{listening.port}", site=STRICT), listening.caught

    story, caught = with_answers(alias, look)

    assert story.cause == "policy.address_blocked"
    assert caught == []


def test_c5_an_answer_of_thousands_of_addresses_is_no_work_for_thousands() -> None:
    """64 KB fit into an answer over TCP; a handful is tried and a handful is kept."""

    def truncated(query: bytes) -> bytes:
        answer = dns_answer(query)
        return answer[:2] + b"\x83\x80" + answer[4:]

    def look() -> Story:
        with _serving_tcp(lambda query: _many(query, 4000)):
            return attacked(f"http://{NAME}:1", site=STRICT)

    story = with_answers(truncated, look)

    assert story.cause.startswith(("tcp.", "dns."))
    assert len(story.shown) < 20_000


def test_c6_an_alias_of_itself_ends() -> None:
    """The resolver gives up; so does the step, with a cause of its own."""

    def circle(query: bytes) -> bytes:
        question_end = query.index(b"\0", 12) + 5
        head = query[:2] + b"\x81\x80\0\x01\0\x01\0\0\0\0"
        return head + query[12:question_end] + b"\xc0\x0c\0\x05\0\x01\0\0\0\0\0\x02\xc0\x0c"

    story = with_answers(circle, lambda: attacked(f"http://{NAME}:80", site=STRICT))

    assert story.cause.startswith("dns.")


def test_c7_a_name_server_that_drips_ends_within_the_budget() -> None:
    """One byte now and then keeps a resolver waiting; the thread that waits is not the job's."""

    def truncated(query: bytes) -> bytes:
        answer = dns_answer(query)
        return answer[:2] + b"\x83\x80" + answer[4:]

    def look() -> Story:
        with _serving_tcp(lambda _: None):  # it takes the question, and keeps silent
            return attacked(f"http://{NAME}:80", site=STRICT, budget_s=1)

    story = with_answers(truncated, look)

    assert story.last.step == "dns_lookup"
    assert story.cause


def test_c8_no_secret_is_in_a_name_that_is_looked_up() -> None:
    """Whoever answers for a domain sees all questions below it."""
    asked: list[bytes] = []

    def remembering(query: bytes) -> bytes:
        asked.append(query)
        return dns_answer(query, addresses=[OURS])

    def look() -> Story:
        redirect = reply(
            b"", f"Location: http://{ACCESS}.{NAME}/", "Connection: close", status="302 Found"
        )
        with serving(answering(redirect), host=OURS) as server:
            return attacked(f"http://{NAME}:{server.port}", site=STRICT)

    with_answers(remembering, look)

    names = {query[12 : query.index(b"\0", 12)].lower() for query in asked}
    assert names == {b"\x05cloud\x07example\x03com"}
    assert not any(ACCESS.lower().encode() in query.lower() for query in asked)


def test_c9_what_a_search_domain_answers_is_judged_like_any_answer() -> None:
    """Who sets the search domain can answer for short names; the address still has to be allowed.

    Whom a certificate names is checked against what the caller wrote, not against the domain.
    """

    def poisoned(query: bytes) -> bytes:
        is_searched = b"\x04evil\x04test\0" in query
        return dns_answer(query, addresses=["127.0.0.1"], rcode=0 if is_searched else 3)

    def look() -> tuple[dict[str, object], list[bytes]]:
        with trap() as listening:
            return _in_child(f"http://platform:{listening.port}"), listening.caught

    told, caught = with_answers(poisoned, look)

    assert told["cause"] == "policy.address_blocked"
    assert caught == []


def _in_child(endpoint: str) -> dict[str, object]:
    """Return what a process with another search domain says (resolv.conf(5), LOCALDOMAIN)."""
    code = (
        "import json,sys\n"
        "from tests.attacks.traps.attacking import STRICT, attacked\n"
        "print(json.dumps({'cause': attacked(sys.argv[1], site=STRICT).cause}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, endpoint],
        env={"LOCALDOMAIN": "evil.test", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def _cname_and_a(query: bytes) -> bytes:
    """Return an alias of the name in question, and the loopback address of that."""
    target = b"\x08metadata\x06google\x08internal\0"
    alias = b"\xc0\x0c\0\x05\0\x01\0\0\0\0" + len(target).to_bytes(2) + target
    return alias + target + b"\0\x01\0\x01\0\0\0\0\0\x04" + socket.inet_aton("127.0.0.1")


def _many(query: bytes, count: int) -> bytes:
    addresses = [f"10.78.{n // 250}.{n % 250 + 1}" for n in range(count)]
    return dns_answer(query, addresses=addresses)


@contextmanager
def _listening(host: str, port: int) -> Iterator[list[bytes]]:
    """Listen at `port` of `host`, and remember who comes."""
    caught: list[bytes] = []
    listener = socket.create_server((host, port))

    def accept() -> None:
        with suppress(OSError):
            while True:
                opened, _ = listener.accept()
                caught.append(b"somebody")
                opened.close()

    thread = Thread(target=accept)
    thread.start()
    try:
        yield caught
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


@contextmanager
def _serving_tcp(answerer: Answerer) -> Iterator[None]:
    """Answer DNS over TCP (RFC 1035 4.2.2) while the block runs; None keeps the asker waiting."""
    with ExitStack() as stack:
        for address in name_server_addresses():
            listener = socket.create_server((address, 53))
            thread = Thread(target=_answer_tcp, args=(listener, answerer))
            thread.start()
            stack.callback(thread.join, 10)
            stack.callback(listener.close)
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
        yield


def _answer_tcp(listener: socket.socket, answerer: Answerer) -> None:
    with ExitStack() as kept, suppress(OSError):
        while True:
            opened = kept.enter_context(listener.accept()[0])
            stream = opened.makefile("rb")
            # A resolver sends the questions for A and AAAA over one connection.
            for query in iter(lambda: stream.read(int.from_bytes(stream.read(2))), b""):  # noqa: B023
                answer = answerer(query)
                if answer is None:
                    break
                opened.sendall(len(answer).to_bytes(2) + answer)
