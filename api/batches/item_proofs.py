"""Recognize the sealed requests of batches as those that this API has stored."""

from dataclasses import dataclass
from typing import NamedTuple

from shared.signing import Signer, item_statement

_BETWEEN = " "  # in no base64


class Stored(NamedTuple):
    """What a sealed request was stored for."""

    site: str
    job_id: str
    """The job that tests the item in its own batch."""
    sealed_as: str
    """The job that the request was sealed for, in the first of the batches that repeat it."""
    tenant: str
    repeated_by: str = ""
    """The Allowance of the token that repeats the request, as JSON."""


@dataclass(frozen=True, slots=True)
class ItemProofs:
    """Keeps a proof beside each sealed request, since jobs are signed when they are handed out.

    Else whoever can write to Redis would write an item, and have the API sign the job that tests
    it.
    """

    _signer: Signer | None = None

    def kept(self, stored: Stored, sealed: str) -> str:
        """Return what is stored of a sealed request."""
        if self._signer is None:
            return sealed
        return f"{sealed}{_BETWEEN}{self._signer.prove(_statement(stored, sealed))}"

    def kept_again(self, before: Stored, again: Stored, kept: str) -> str:
        """Return what a batch that repeats an item stores; no proof where there was none."""
        sealed = sealed_in(kept)
        return self.kept(again, sealed) if self.signer_for(before, kept) else sealed

    def signer_for(self, stored: Stored, kept: str) -> Signer | None:
        """Return who signs the job for a stored request; None if the API has not stored it."""
        sealed, _, proof = kept.partition(_BETWEEN)
        if self._signer is None:
            return None
        is_proved = self._signer.is_proved(_statement(stored, sealed), proof)
        return self._signer if is_proved else None


def sealed_in(kept: str) -> str:
    """Return the sealed request in what is stored of it."""
    return kept.partition(_BETWEEN)[0]


def _statement(stored: Stored, sealed: str) -> bytes:
    return item_statement(stored.job_id, sealed, *stored)
