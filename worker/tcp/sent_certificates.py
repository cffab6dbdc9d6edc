"""Read the chain that a server sent in the very handshake that ended with it."""

import ssl

_DER = 2  # _ssl.ENCODING_DER


def sent_certificates(secured: ssl.SSLSocket) -> tuple[bytes, ...]:
    """Return the certificates of the other side in DER, its own first, as it sent them.

    They are unverified, and also known if the handshake failed because of them. There are none if
    the handshake did not come so far, or with OpenSSL 1.1.1, which forgets them after a failure.
    """
    # SSLSocket has this method from Python 3.13 on; docs/decisions/0029 says why it is used before.
    inner = secured._sslobj  # type: ignore[attr-defined] # noqa: SLF001 -- see above
    chain = inner.get_unverified_chain() if inner else None
    return tuple(certificate.public_bytes(_DER) for certificate in chain or ())
