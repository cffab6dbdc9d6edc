"""Read the certificates that the other side of a TLS connection has shown."""

import ssl
from collections.abc import Iterator, Sequence
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

from shared.outcomes import Fact
from worker.certificate import fingerprint, read_certificate

MOST_SHOWN = 10
_ENCODING_DER = 2  # _ssl.h, X509_FILETYPE_ASN1
_EDWARDS = {ed25519.Ed25519PublicKey: "Ed25519", ed448.Ed448PublicKey: "Ed448"}


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
        found |= {f"{n}.{name}": fact for name, fact in _facts(der)}
    return found


def _facts(der: bytes) -> Iterator[tuple[str, Fact]]:
    yield "sha256", fingerprint(der)
    try:
        yield from read_certificate(der).facts.items()
        certificate = x509.load_der_x509_certificate(der)
        yield "serial_number", f"{certificate.serial_number:x}"
        yield "key", _key(certificate)
        yield "signature", certificate.signature_algorithm_oid._name  # noqa: SLF001 -- its only name
    except (ValueError, UnsupportedAlgorithm):
        return  # its SHA-256 is known all the same


def _key(certificate: x509.Certificate) -> str:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "unknown"
    if isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey):
        return f"{'RSA' if isinstance(key, rsa.RSAPublicKey) else 'DSA'} {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ECDSA {key.curve.name}"
    return next((name for kind, name in _EDWARDS.items() if isinstance(key, kind)), "unknown")
