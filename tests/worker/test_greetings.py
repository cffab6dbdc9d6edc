import pytest

from worker.greetings import HTTP2_PREFACE, is_http2, is_tls, protocol_of


@pytest.mark.parametrize(
    ("greeting", "is_it"),
    [
        (bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]), True),
        (bytes([0, 0, 18, 4, 0, 0, 0, 0, 0, 1]), True),
        (bytes([0, 0, 8, 7, 0, 0, 0, 0, 0]), True),
        (bytes([0, 0, 0, 4, 0, 0, 0, 0]), False),
        (bytes([0, 0, 5, 4, 0, 0, 0, 0, 0]), False),  # settings come in sixes
        (bytes([0, 0, 6, 4, 0, 0, 0, 0, 1]), False),  # of a stream
        (bytes([0, 0, 4, 7, 0, 0, 0, 0, 0]), False),
        (bytes(20), False),
        (b"HTTP/1.1 400 Bad Request", False),
        (b"", False),
    ],
)
def test_a_frame_of_http_2_is_known(greeting: bytes, is_it: bool) -> None:
    """It is garbage to the eye, and tells exactly which setting is missing."""
    assert is_http2(greeting) is is_it


def test_the_preface_ends_with_a_frame_of_settings() -> None:
    """A server of HTTP/2 waits for it (RFC 9113 3.4)."""
    assert is_http2(HTTP2_PREFACE.removeprefix(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))


def test_tls_and_other_protocols_are_told_by_their_first_bytes() -> None:
    """The port is right for somebody else."""
    assert is_tls(b"\x15\x03\x01\x00\x02")
    assert not is_tls(b"\x15\x02")
    assert protocol_of(b"SSH-2.0-x") == "SSH"
    assert protocol_of(b"HTTP/1.1") is None
