"""How far a worker may be from Redis, and what it can expect of it there."""

from dataclasses import dataclass
from typing import Final, Self

from shared.site_name import DEFAULT_SITE


@dataclass(frozen=True, slots=True)
class Distance:
    """Limits in seconds that a healthy Redis keeps at this distance, and what saves round trips."""

    answer_s: float
    """How long an answer, a connection or a handshake may take."""
    poll_answer_s: float
    """How late the answer may be to a question for the next message, which takes a second."""
    listen_s: float
    """How long a subscription may be silent before a ping is sent, and then is answered."""
    write_every_s: float
    """How often entries of single tests are written."""
    write_after_s: float
    """How old an entry is then at least. A younger one most likely goes with the sign-in or the
    end, which would have to wait for a write that is under way."""
    most_messages: int
    """How many messages a worker takes with one question."""
    connections: int
    """How many connections a worker opens before it takes jobs: a new one takes a second."""
    idle_s: int | None
    """How long a connection may be idle before TCP probes it, so that no firewall on the way
    forgets it; None leaves that to the system."""

    @classmethod
    def of(cls, site: str) -> Self:
        """Return that of a site's workers; those of the default one are next to Redis."""
        if site == DEFAULT_SITE:
            return cls(
                answer_s=0.9,
                poll_answer_s=2.0,
                listen_s=1.0,
                write_every_s=0.02,
                write_after_s=0,
                most_messages=1,
                connections=0,
                idle_s=None,
            )
        # 0.4 s there and back and two lost packets, sent again after 0.6 and 1.2 s: less would end
        # connections that are alive, and a new one with TLS and a password takes six round trips.
        return cls(
            answer_s=3.0,
            poll_answer_s=4.0,
            listen_s=3.0,
            write_every_s=0.1,
            write_after_s=0.5,
            most_messages=32,
            connections=6,
            idle_s=15,
        )


NEAR: Final = Distance.of(DEFAULT_SITE)
