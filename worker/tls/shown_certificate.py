"""Tell which certificate a host has shown, so that it can be compared with another's."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from shared.diagnosis.outcomes import Fact, Facts, Finding
from worker.tcp.connection import Connection, fingerprint

Tell = Callable[[Sequence[Finding], Facts], None]


@contextmanager
def noting_certificate(connection: Connection, tell: Tell | None) -> Iterator[None]:
    """Tell the facts of the certificate that the handshake in the block was shown.

    They are told however the handshake ends, once it has come so far.
    """
    try:
        yield
    finally:
        chain = tell and (connection.certificates() or connection.refused)
        if tell and chain:
            tell((), _facts(chain[0]))


def _facts(der: bytes) -> Facts:
    # Here, because cryptography takes 40 ms to load, and a test without TLS does not need it.
    from worker.tls.certificate_reader import key_fingerprint, read_outline

    facts: dict[str, Fact] = {"sha256": fingerprint(der)}
    with suppress(ValueError):  # OpenSSL accepts some certificates that we can't read
        facts["key_sha256"] = key_fingerprint(der)
        facts["issuer"] = read_outline(der).issuer
    return facts
