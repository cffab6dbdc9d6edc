"""Tell from a URL of Redis whether its connections are encrypted, and whether Redis is verified."""

import ssl
from typing import Final, Literal

from redis.connection import Connection, SSLConnection

from shared.store.connection import connect
from shared.store.sentinel_url import is_sentinel_url

Encryption = Literal["verified", "unverified", "none", "local"]
_HERE: Final = ("localhost", "127.0.0.1", "::1")


def encryption_of(url: str) -> Encryption:
    """Return how the connections for `url` are encrypted.

    "unverified" is encrypted with whoever answers: the certificate or its name is not checked.
    "local" is not encrypted, and does not leave the machine.
    """
    connection = connect(url).connection_pool.make_connection()
    if isinstance(connection, SSLConnection):
        is_verified = connection.cert_reqs == ssl.CERT_REQUIRED and connection.check_hostname
        return "verified" if is_verified else "unverified"
    is_far = isinstance(connection, Connection) and connection.host not in _HERE
    return "none" if is_far or is_sentinel_url(url) else "local"
