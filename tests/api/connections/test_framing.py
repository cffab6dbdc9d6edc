"""What is beside a body is counted exactly, so that what is allowed is never refused."""

import pytest

from api.connections.framing import MOST_BYTES, MOST_FIELDS, Framing, TooMuchError


def test_a_hundred_fields_are_taken_and_one_more_is_not() -> None:
    """Each field costs memory, however short it is."""
    framing = Framing()
    for _ in range(MOST_FIELDS):
        framing.field(2)

    with pytest.raises(TooMuchError):
        framing.field(2)


def test_a_field_that_never_ends_is_counted_as_it_arrives() -> None:
    """The parser keeps it, and tells of it only when it is complete."""
    framing = Framing()
    framing.arrived(MOST_BYTES)
    framing.refuse_too_much()

    framing.arrived(1)
    with pytest.raises(TooMuchError):
        framing.refuse_too_much()


def test_a_body_may_be_as_long_as_it_likes() -> None:
    """Its size is limited elsewhere, by the call that it is for."""
    framing = Framing()
    for _ in range(1000):
        framing.arrived(4096)
        framing.body(4096)
        framing.refuse_too_much()


def test_a_body_of_short_chunks_is_taken_while_it_outweighs_their_frames() -> None:
    """Clients that send a table row by row send a chunk for each row."""
    framing = Framing()
    for _ in range(100_000):
        framing.arrived(100 + len("64\r\n\r\n"))
        framing.body(100)
        framing.refuse_too_much()


def test_chunks_that_are_all_frame_are_refused() -> None:
    """An extension of a chunk has no end either."""
    framing = Framing()
    for _ in range(10_000):
        framing.arrived(len("1;x=yyyyyyyy\r\na\r\n"))
        framing.body(1)

    with pytest.raises(TooMuchError):
        framing.refuse_too_much()


def test_the_next_request_begins_at_zero() -> None:
    """A connection may carry any number of requests."""
    framing = Framing()
    for _ in range(10):
        for _ in range(MOST_FIELDS):
            framing.field(2)
        framing.end()
