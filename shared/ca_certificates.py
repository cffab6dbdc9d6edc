"""Keep the CA certificates of a batch once, however many of its requests name them."""

from functools import lru_cache
from hashlib import sha256
from hmac import compare_digest

from shared.request.message import AnyRequest, JobMessage


class OtherCertificatesError(Exception):
    """Raised where certificates are not those that a sealed message names."""


@lru_cache(maxsize=4)  # the default options of an upload are one object for all its rows
def digest_of(pem: str) -> str:
    """Return the SHA-256 of CA certificates, hexadecimal."""
    return sha256(pem.encode()).hexdigest()


def sealed_as(digest: str) -> str:
    """Return what the certificates with this digest are sealed as, in place of a job's id."""
    return f"ca-certificate {digest}"


def detached(message: JobMessage) -> tuple[JobMessage, str | None]:
    """Return the message with the digest of its CA certificates in their place, and those."""
    pem = message.request.options.tls.ca_certificate
    if pem is None:
        return message, None
    request = _with(message.request, None)
    named = {"request": request, "ca_certificate_sha256": digest_of(pem)}
    return message.model_copy(update=named), pem


def attached(message: JobMessage, pem: str) -> JobMessage:
    """Return the message as it was before it was `detached`.

    Raises:
        OtherCertificatesError: `pem` is not what the message names.
    """
    if not compare_digest(digest_of(pem), message.ca_certificate_sha256):
        raise OtherCertificatesError
    whole = {"request": _with(message.request, pem), "ca_certificate_sha256": ""}
    return message.model_copy(update=whole)


def _with(request: AnyRequest, pem: str | None) -> AnyRequest:
    tls = request.options.tls.model_copy(update={"ca_certificate": pem})
    options = request.options.model_copy(update={"tls": tls})
    return request.model_copy(update={"options": options})
