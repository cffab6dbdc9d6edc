"""Show the certificates that the other side of a TLS connection has sent."""

import ssl
from collections.abc import Sequence
from typing import Any

from shared.outcomes import Fact
from worker.certificate import fingerprint, read_certificate

MOST_SHOWN = 10
_ENCODING_DER = 2  # of _ssl: X509_FILETYPE_ASN1


def shown_chain(secured: ssl.SSLSocket) -> Sequence[bytes]:
    """Return the certificates as DER, the server's own first; OpenSSL takes 100 KB at most."""
    if hasattr(secured, "get_unverified_chain"):  # public from Python 3.13 on
        return [*secured.get_unverified_chain()]
    inner: Any = secured._sslobj  # type: ignore[attr-defined] # noqa: SLF001 -- the only way before it
    return [part.public_bytes(_ENCODING_DER) for part in inner.get_unverified_chain() or ()]


def facts_of_chain(chain: Sequence[bytes]) -> dict[str, Fact]:
    """Return what the first MOST_SHOWN certificates say, each name with its place before it."""
    found: dict[str, Fact] = {"certificates": len(chain)}
    for n, der in enumerate(chain[:MOST_SHOWN]):
        found |= {f"{n}.{name}": fact for name, fact in _facts(der).items()}
    return found


def _facts(der: bytes) -> dict[str, Fact]:
    try:
        return read_certificate(der).facts
    except ValueError:
        return {"sha256": fingerprint(der)}  # a pin compares bytes, and needs nothing else
