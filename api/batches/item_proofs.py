"""Recognize the sealed requests of batches as those that this API has stored."""

from dataclasses import dataclass

from shared.signing import Signer, item_statement

_BETWEEN = " "  # in no base64


@dataclass(frozen=True, slots=True)
class ItemProofs:
    """Keeps a proof beside each sealed request, since jobs are signed when they are handed out.

    Else whoever can write to Redis would write an item, and have the API sign the job that tests
    it. A batch that repeats items keeps them with their proofs.
    """

    _signer: Signer | None = None

    def kept(self, site: str, sealed_as: str, tenant: str, sealed: str) -> str:
        """Return what is stored of a sealed request."""
        if self._signer is None:
            return sealed
        proof = self._signer.prove(item_statement(site, sealed_as, tenant, sealed))
        return f"{sealed}{_BETWEEN}{proof}"

    def signer_for(self, site: str, sealed_as: str, tenant: str, kept: str) -> Signer | None:
        """Return who signs the job for a stored request; None if the API has not stored it."""
        sealed, _, proof = kept.partition(_BETWEEN)
        if self._signer is None:
            return None
        statement = item_statement(site, sealed_as, tenant, sealed)
        return self._signer if self._signer.is_proved(statement, proof) else None


def sealed_in(kept: str) -> str:
    """Return the sealed request in what is stored of it."""
    return kept.partition(_BETWEEN)[0]
