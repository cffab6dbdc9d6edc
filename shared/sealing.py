"""Seal job requests for the workers, so that nothing in between has credentials in clear text."""

import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from shared.site_name import DEFAULT_SITE

# RFC 9180, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305, base mode.
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


KEY_BYTES = 32

NONCE_BYTES = 12  # of ChaCha20-Poly1305, RFC 8439
ENVELOPES = 64  # whose keys a worker caches
SITES = 256  # whose sealers the API caches
_ENVELOPE = "envelope"


class CannotOpenError(Exception):
    """Raised if no private key opens a message: for another key, site or job, or changed."""


class NoSealingKeyError(Exception):
    """Raised if a site has no key to seal for."""


def new_key_pair() -> tuple[str, str]:
    """Return a new private key and its public key, each as base64 of its 32 raw bytes."""
    private_key = X25519PrivateKey.generate()
    return (
        b64encode(private_key.private_bytes_raw()).decode(),
        b64encode(private_key.public_key().public_bytes_raw()).decode(),
    )


def public_key_of(private_key: str) -> str:
    """Return the public key, base64, that belongs to a base64 private key."""
    key = X25519PrivateKey.from_private_bytes(raw_key(private_key))
    return b64encode(key.public_key().public_bytes_raw()).decode()


def raw_key(key: str) -> bytes:
    """Return the raw bytes of a base64 key.

    Raises:
        ValueError: it is not a key; the message does not contain it.
    """
    try:
        raw = b64decode(key, validate=True)
    except ValueError:
        raw = b""
    if len(raw) != KEY_BYTES:
        raise ValueError(
            f"must be the base64 of {KEY_BYTES} bytes, as `conncheck keys` and, for another site, "
            "`conncheck sites add` print it"
        )
    return raw


class Sealer:
    """Has the public key of one site, so it can seal for its workers but not open."""

    def __init__(self, public_key: str, site: str = DEFAULT_SITE) -> None:
        self._key = X25519PublicKey.from_public_bytes(raw_key(public_key))
        self._site = site

    def seal(self, content: bytes, job_id: str) -> str:
        """Return `content` as base64 text that only a worker can open, and only as this job."""
        return b64encode(_SUITE.encrypt(content, self._key, _info(self._site, job_id))).decode()

    def envelope(self) -> "Envelope":
        """Return an object that seals many requests at little more than the cost of one."""
        key = ChaCha20Poly1305.generate_key()
        return Envelope(self.seal(key, _ENVELOPE), ChaCha20Poly1305(key), self._site)


class Sealers:
    """The sealers of all sites: each site's key is its own, and may be replaced at any time."""

    def __init__(
        self, default_key: str | None, key_of: Callable[[str], str | None] = lambda _: None
    ) -> None:
        self._default_key = default_key
        self._key_of = key_of
        self._with_key = lru_cache(SITES)(Sealer)

    def at(self, site: str = DEFAULT_SITE) -> Sealer:
        """Return what seals for the workers of a site.

        Raises:
            NoSealingKeyError: the site has no key.
        """
        key = self._key_of(site) or (self._default_key if site == DEFAULT_SITE else None)
        if not key:
            raise NoSealingKeyError(site)
        return self._with_key(key, site)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A separate key for the requests of one batch and site, which only its workers can open."""

    _sealed_key: str
    _cipher: ChaCha20Poly1305
    _site: str = DEFAULT_SITE

    def seal(self, content: bytes, job_id: str) -> str:
        """Return `content` as text that only a worker can open, and only as this job."""
        nonce = os.urandom(NONCE_BYTES)
        message = nonce + self._cipher.encrypt(nonce, content, _info(self._site, job_id))
        return f"{self._sealed_key}.{b64encode(message).decode()}"


class Opener:
    """Has the private keys, newest first, so that keys can be rotated while jobs are queued."""

    def __init__(self, private_keys: Sequence[str], site: str = DEFAULT_SITE) -> None:
        self._site = site
        self._keys = [X25519PrivateKey.from_private_bytes(raw_key(key)) for key in private_keys]
        self._cipher_of = lru_cache(ENVELOPES)(self._open_envelope)

    def open(self, sealed: str, job_id: str) -> bytes:
        """Return the content that was sealed for this job.

        Raises:
            CannotOpenError: none of the keys opens it, or it was sealed for another job or site.
        """
        sealed_key, is_in_envelope, message = sealed.rpartition(".")
        if not is_in_envelope:
            return self._decrypt(message, job_id)
        try:
            raw = b64decode(message, validate=True)
            nonce, content = raw[:NONCE_BYTES], raw[NONCE_BYTES:]
            return self._cipher_of(sealed_key).decrypt(nonce, content, _info(self._site, job_id))
        except (ValueError, InvalidTag):
            raise CannotOpenError from None

    def _open_envelope(self, sealed_key: str) -> ChaCha20Poly1305:
        return ChaCha20Poly1305(self._decrypt(sealed_key, _ENVELOPE))

    def _decrypt(self, sealed: str, job_id: str) -> bytes:
        try:
            message = b64decode(sealed, validate=True)
        except ValueError:
            raise CannotOpenError from None
        for key in self._keys:
            try:
                return _SUITE.decrypt(message, key, _info(self._site, job_id))
            except InvalidTag:
                continue
        raise CannotOpenError


def _info(site: str, job_id: str) -> bytes:
    """Return what a message is bound to: two sites that share a key do not share messages."""
    place = "" if site == DEFAULT_SITE else f"site {site} "  # a site's name has no spaces
    return f"conncheck {place}job {job_id}".encode()
