"""Say why a site's machine cannot use Redis, as far as the error tells."""

import ssl
from collections.abc import Iterator
from socket import gaierror
from typing import Final
from urllib.parse import parse_qs, urlsplit

from cli.doctor.check import Check
from shared.settings import without_password
from shared.store.errors import StoreUnreachableError

_OF_ANOTHER_NAME: Final = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_OF_HANDSHAKE: Final = "handshake operation timed out"  # what Python's ssl says
_HAS_EXPIRED: Final = 10  # X509_V_ERR_CERT_HAS_EXPIRED


def why_unusable(url: str, error: StoreUnreachableError) -> Check:
    """Return the check of a Redis that can't be used."""
    found, advice = _why(url, [*_chain(error)])
    return Check("redis", "failed", found, advice)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the errors behind `error`, the one that the system raised last."""
    while error := error and (error.__cause__ or error.__context__):
        yield error


def _why(url: str, errors: list[BaseException]) -> tuple[str, str]:
    """Return what is wrong, and what to do."""
    where, origin = without_password(url), errors[-1]
    name, text = type(errors[0]).__name__, str(errors[0])
    if name in ("AuthenticationError", "InvalidPasswordError") or "WRONGPASS" in text:
        found = f"{where} refuses the user or its password"
        return found, "Run the ACL SETUSER of `conncheck sites add` at Redis, or correct the URL."
    if name == "NoPermissionError":
        found = f"{where} denies its user what every worker needs"
        return found, "Run `conncheck sites acl` at the core, and give its rule to Redis."
    if isinstance(origin, ssl.SSLCertVerificationError):
        return _about_certificate(url, origin)
    if file := _unreadable_file(url):
        found = f"{file}, the ssl_ca_certs of the URL, is no file of certificates"
        return found, "Copy the certificate of Redis there, or correct CONNCHECK_REDIS_URL."
    return _about_way(where, origin)


def _about_way(where: str, error: BaseException) -> tuple[str, str]:
    if isinstance(error, gaierror):
        found = f"the host name in {where} cannot be looked up"
        return found, "Correct CONNCHECK_REDIS_URL, or make the name known to the name servers."
    if isinstance(error, ConnectionRefusedError):
        found = f"{where} refuses the connection"
        return found, "Start Redis on that port, or correct CONNCHECK_REDIS_URL."
    if isinstance(error, ssl.SSLError):
        return f"{where} does not speak TLS", "Correct the port in the URL."
    if isinstance(error, TimeoutError) and _OF_HANDSHAKE in str(error):
        found = f"{where} accepts the connection, but does not answer with TLS"
        return found, "Use the port on which Redis speaks TLS: its tls-port, not its port."
    if isinstance(error, TimeoutError):
        found = f"{where} does not answer in time"
    else:
        found = f"{where} can't be reached ({type(error).__name__})"
    return found, "Open the way to that host and port, or correct CONNCHECK_REDIS_URL."


def _about_certificate(url: str, error: ssl.SSLCertVerificationError) -> tuple[str, str]:
    where, file = without_password(url), _ca_file(url)
    if error.verify_code in _OF_ANOTHER_NAME:
        found = f"the certificate of {where} is for another name"
        return found, "Use in the URL a host name that the certificate contains."
    if error.verify_code == _HAS_EXPIRED:
        return f"the certificate of {where} has expired", "Replace it at Redis, then here."
    if not file:
        return f"the certificate of {where} is not trusted", (
            "Add ?ssl_ca_certs=FILE to the URL, with the authority that issued it."
        )
    found = f"the certificate of {where} was not issued by an authority in {file}"
    return found, f"Copy the certificate of Redis, or of its authority, from the core to {file}."


def _ca_file(url: str) -> str:
    return parse_qs(urlsplit(url).query).get("ssl_ca_certs", [""])[0]


def _unreadable_file(url: str) -> str:
    """Return the file of authorities of the URL if no certificate can be read of it."""
    file = _ca_file(url)
    if not file:
        return ""
    try:
        ssl.create_default_context(cafile=file)
    except OSError:  # ssl.SSLError is one
        return file
    return ""
