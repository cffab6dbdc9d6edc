"""Sign what the API writes for workers, so that a worker runs nothing that others wrote."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.sealing import KEY_BYTES, raw_key

PROOF_BYTES = 16
_LENGTH_BYTES = 8


def new_signing_pair() -> tuple[str, str]:
    """Return a new private key and its public key, each as base64 of its 32 raw bytes."""
    private_key = b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()
    return private_key, verification_key_of(private_key)


def verification_key_of(private_key: str) -> str:
    """Return the public key, base64, that belongs to a base64 private key.

    Raises:
        ValueError: it is not a key; the message does not contain it.
    """
    key = Ed25519PrivateKey.from_private_bytes(raw_key(private_key))
    return b64encode(key.public_key().public_bytes_raw()).decode()


def job_statement(site: str, job_id: str, entry: str, sealed: str) -> bytes:
    """Return what is signed of a job: where it runs, the text of its first entry, its request."""
    return statement("job", site, job_id, entry, sha256(sealed.encode()).hexdigest())


def item_statement(job_id: str, sealed: str, *stored_for: str) -> bytes:
    """Return what is proved of an item of a batch: its job, its request, and what it is for."""
    return statement("item", job_id, sha256(sealed.encode()).hexdigest(), *stored_for)


def statement(kind: str, *parts: str) -> bytes:
    """Return bytes that no other kind and no other parts make: each part follows its length."""
    encoded = [part.encode() for part in ("conncheck", kind, *parts)]
    return b"".join(len(part).to_bytes(_LENGTH_BYTES) + part for part in encoded)


class Signer:
    """Has the private keys, newest first: signs with that one, and knows what each has proved."""

    def __init__(self, private_keys: Sequence[str]) -> None:
        raw = [raw_key(key) for key in private_keys]
        self._key = Ed25519PrivateKey.from_private_bytes(raw[0])
        self._raw = raw
        self._proving = [_derived(one, b"conncheck proof", KEY_BYTES) for one in raw]

    @property
    def public_key(self) -> str:
        """The public key, base64, by which its signatures are known."""
        return b64encode(self._key.public_key().public_bytes_raw()).decode()

    def sign(self, content: bytes) -> str:
        """Return the signature of a statement, base64."""
        return b64encode(self._key.sign(content)).decode()

    def prove(self, content: bytes) -> str:
        """Return what shows a signer, and nobody else, that a signer has made a statement.

        It costs a tenth of a signature.
        """
        return _proof(self._proving[0], content)

    def is_proved(self, content: bytes, proof: str) -> bool:
        """Return whether one of the keys made `proof` of this statement."""
        found = proof.encode()
        return any(
            hmac.compare_digest(_proof(key, content).encode(), found) for key in self._proving
        )

    def secrets(self, purpose: str) -> Sequence[bytes]:
        """Return a secret of 32 bytes for each key that follows from it and from the purpose."""
        return [_derived(key, statement("secret", purpose), KEY_BYTES) for key in self._raw]


class Verifier:
    """Has the public keys, newest first, so that keys can be rotated while jobs are queued."""

    def __init__(self, public_keys: Sequence[str]) -> None:
        self._keys = [Ed25519PublicKey.from_public_bytes(raw_key(key)) for key in public_keys]

    def is_signed(self, content: bytes, signature: str) -> bool:
        """Return whether one of the keys signed this statement."""
        try:
            raw = b64decode(signature, validate=True)
        except ValueError:
            return False
        return any(_is_of(key, raw, content) for key in self._keys)


def _is_of(key: Ed25519PublicKey, signature: bytes, content: bytes) -> bool:
    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True


def _proof(key: bytes, content: bytes) -> str:
    return b64encode(hmac.digest(key, content, "sha256")[:PROOF_BYTES]).decode()


def _derived(key: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt=None, info=purpose).derive(key)
