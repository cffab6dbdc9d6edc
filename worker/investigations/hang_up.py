"""Find out whether a platform closes connections before anything is sent to it."""

from shared.diagnosis.outcomes import Fact, Failed
from worker.deadline import Deadline
from worker.tcp.causes import CLOSED_WITHOUT_DATA, RESET_ON_CONNECT
from worker.tcp.connection import Connection
from worker.tcp.egress import egress_towards
from worker.tcp.protocols import PORT_SPEAKS_OTHER, protocol_of

LISTEN_S = 1.0


def why_it_hangs_up(connection: Connection, deadline: Deadline) -> Failed | None:
    """Return what happens to a second connection on which nothing is sent.

    None means that the platform waits for data, as it should.

    Raises:
        OSError: the second connection fails in another way.
    """
    address = str(connection.target.ip)
    facts: dict[str, Fact] = {"where": address, "address": address}
    if egress := egress_towards(address):
        facts["egress"] = egress
    with connection.twin() as twin:
        try:
            twin.open(deadline.at_most(LISTEN_S))
            greeting = twin.receive(deadline.at_most(LISTEN_S))
        except ConnectionResetError:
            return Failed(RESET_ON_CONNECT, **facts)
        except TimeoutError:
            return None
    if not greeting:
        return Failed(CLOSED_WITHOUT_DATA, **facts)
    protocol = protocol_of(greeting)
    return Failed(PORT_SPEAKS_OTHER, protocol=protocol) if protocol else None
