"""Hand the workers of all sites the secrets with which they remember rejections."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from shared.sealing import CannotOpenError, Opener, Sealer
from shared.signing import Signer, Verifier, statement

EPOCH = timedelta(days=1)
"""How long a secret is used."""
MOST = 16
"""Secrets at a time: those of two epochs and of all signing keys."""

_SEALED_AS = "rejection-secrets"  # in place of a job's id, which has no hyphen
_SECRETS = TypeAdapter(tuple[str, ...])


class NotIssuedError(Exception):
    """Raised where secrets are not those that the API has issued for this site."""


class _Issued(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    epoch: int
    sealed: str = Field(max_length=4096)
    signature: str = Field(max_length=128)


def issued(signer: Signer, sealer: Sealer, site: str, now: datetime, overlap: timedelta) -> str:
    """Return the secrets of a site's workers as JSON: sealed for them, and signed.

    They are the same for all sites. Those of the last epoch belong to them for `overlap`.
    """
    secrets = secrets_of(signer, now, overlap)
    content = _SECRETS.dump_json(tuple(b64encode(key).decode() for key in secrets))
    sealed, epoch = sealer.seal(content, _SEALED_AS), _epoch(now)
    signature = signer.sign(_statement(site, epoch, sealed))
    return _Issued(epoch=epoch, sealed=sealed, signature=signature).model_dump_json()


def secrets_of(signer: Signer, now: datetime, overlap: timedelta) -> Sequence[bytes]:
    """Return the secrets that all sites have, newest first: of this epoch, and for `overlap`."""
    epochs = sorted({_epoch(now), _epoch(now - overlap)}, reverse=True)
    return [key for epoch in epochs for key in signer.secrets(f"rejections {epoch}")][:MOST]


def received(
    text: bytes, verifier: Verifier, opener: Opener, site: str, since: int
) -> tuple[int, Sequence[bytes]]:
    """Return the epoch of what the API has issued for this site, and its secrets, newest first.

    Raises:
        NotIssuedError: it has not, or it was for an epoch before `since`.
    """
    found = _read(text)
    if found is None or found.epoch < since:
        raise NotIssuedError
    if not verifier.is_signed(_statement(site, found.epoch, found.sealed), found.signature):
        raise NotIssuedError
    try:
        content = opener.open(found.sealed, _SEALED_AS)
        keys = _SECRETS.validate_json(content)
        return found.epoch, [b64decode(key, validate=True) for key in keys]
    except (CannotOpenError, ValueError):  # a newer API may write them in another form
        raise NotIssuedError from None


def _read(text: bytes) -> _Issued | None:
    try:
        return _Issued.model_validate_json(text)
    except ValidationError:
        return None


def _statement(site: str, epoch: int, sealed: str) -> bytes:
    return statement("rejection secrets", site, str(epoch), sealed)


def _epoch(at: datetime) -> int:
    return int(at.timestamp() // EPOCH.total_seconds())
