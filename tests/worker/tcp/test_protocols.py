import pytest

from worker.tcp.protocols import HTTP2_PREFACE, is_http2, is_tls, protocol_of, readable


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


@pytest.mark.parametrize(
    ("greeting", "name"),
    [
        (b"\x4a\x00\x00\x00\x0a8.0.36\x00\x08\x00\x00\x00", "MySQL"),
        (b"\x0a\x01\x00\x00\x0a5.5.5-10.11.6-MariaDB\x00\x08", "MySQL"),
        (b"E\x00\x00\x00\x8eSFATAL\x00VFATAL\x00C0A000\x00", "PostgreSQL"),
        ("E\0\0\0\x7fS致命错误\0C0A000\0".encode(), "PostgreSQL"),
        (b"\x4a\x00\x00\x00\x0a", None),
        (b"\x4a\x00\x00\x00\x0anot a version\x00", None),
        (b"Error: Something", None),
        (bytes(20), None),
    ],
)
def test_databases_are_known_by_the_shape_of_their_first_packet(
    greeting: bytes, name: str | None
) -> None:
    """Their packets begin with a length, so no text can be looked for at the start."""
    assert protocol_of(greeting) == name


def test_first_bytes_are_shown_as_text_of_one_line() -> None:
    """They are proof for a person, in the same spelling at every step."""
    assert readable(b"J\x00\r\n8.0" + b"x" * 100) == "J\ufffd\ufffd\ufffd8.0" + "x" * 17
