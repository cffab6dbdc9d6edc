"""Seal a job request for the workers, so that nothing between holds a credential in clear."""

from base64 import b64decode, b64encode
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

# RFC 9180, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305, base mode.
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


class CannotOpenError(Exception):
    """Raised when no private key opens a message: another key, another job, or tampered with."""


def new_key_pair() -> tuple[str, str]:
    """Return a fresh private key and its public key, each base64 of its 32 raw bytes."""
    private_key = X25519PrivateKey.generate()
    return (
        b64encode(private_key.private_bytes_raw()).decode(),
        b64encode(private_key.public_key().public_bytes_raw()).decode(),
    )


def public_key_of(private_key: str) -> str:
    """Return the public key, base64, that belongs to a base64 private key."""
    key = X25519PrivateKey.from_private_bytes(b64decode(private_key))
    return b64encode(key.public_key().public_bytes_raw()).decode()


class Sealer:
    """Holds the public key: can seal, cannot open."""

    def __init__(self, public_key: str) -> None:
        self._key = X25519PublicKey.from_public_bytes(b64decode(public_key, validate=True))

    def seal(self, content: bytes, job_id: str) -> str:
        """Return `content` as base64 text that only a worker, and only as this job, can open."""
        return b64encode(_SUITE.encrypt(content, self._key, _info(job_id))).decode()


class Opener:
    """Holds the private keys, newest first, so that keys can be rotated under queued jobs."""

    def __init__(self, private_keys: Sequence[str]) -> None:
        self._keys = [
            X25519PrivateKey.from_private_bytes(b64decode(key, validate=True))
            for key in private_keys
        ]

    def open(self, sealed: str, job_id: str) -> bytes:
        """Return what was sealed for this job.

        Raises:
            CannotOpenError: none of the keys opens it, or it was sealed for another job.
        """
        try:
            message = b64decode(sealed, validate=True)
        except ValueError:
            raise CannotOpenError from None
        for key in self._keys:
            try:
                return _SUITE.decrypt(message, key, _info(job_id))
            except InvalidTag:
                continue
        raise CannotOpenError


def _info(job_id: str) -> bytes:
    return b"conncheck job " + job_id.encode()
