"""Count what a request brings beside its body."""

MOST_BYTES = 65_536
MOST_FIELDS = 100


class TooMuchError(Exception):
    """Raised for a request with more bytes beside its body, or more fields, than are taken."""


class Framing:
    """The request line, the fields, the trailers, and the sizes and extensions of chunks.

    A body in chunks may be framed by as many bytes more as it has itself.
    """

    def __init__(self) -> None:
        self.end()

    def end(self) -> None:
        """Count from zero: the message is over."""
        self._fields = 0
        self._in_line_and_fields = 0
        self._unexplained = 0
        self._in_body = 0

    def arrived(self, size: int) -> None:
        """Count bytes that the parser is about to read."""
        self._unexplained += size

    def line(self, size: int) -> None:
        """Count a part of the request line.

        Raises:
            TooMuchError: the request is beyond the limits.
        """
        self._in_line_and_fields += size
        self._refuse_too_much()

    def field(self, size: int) -> None:
        """Count a header field, or a trailer.

        Raises:
            TooMuchError: the request is beyond the limits.
        """
        self._fields += 1
        self.line(size + len(b": \r\n"))

    def body(self, size: int) -> None:
        """Count bytes of the body, which have arrived before."""
        self._unexplained -= size
        self._in_body += size

    def refuse_too_much(self) -> None:
        """Look at the bytes that have arrived and are none of the body's, finished or not.

        Raises:
            TooMuchError: the request is beyond the limits.
        """
        self._refuse_too_much()
        if self._unexplained > MOST_BYTES + self._in_body:
            raise TooMuchError

    def _refuse_too_much(self) -> None:
        if self._fields > MOST_FIELDS or self._in_line_and_fields > MOST_BYTES:
            raise TooMuchError
