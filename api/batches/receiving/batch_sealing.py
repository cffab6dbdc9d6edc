"""Seal the requests of one batch, each for the site that tests it."""

from dataclasses import dataclass, field
from datetime import datetime

from api.access.caller import Caller
from api.batches.item_proofs import ItemProofs, Stored
from api.jobs.jobs import Jobs
from shared.ca_certificates import detached, sealed_as
from shared.sealing import Envelope
from shared.wire.batches import BatchRow


@dataclass(slots=True)
class BatchSealing:
    """Has an envelope for each site, and seals CA certificates apart, once for each site."""

    caller: Caller
    start_by: datetime
    _jobs: Jobs
    _proofs: ItemProofs
    unwritten_certificates: dict[str, dict[str, str]] = field(default_factory=dict)
    """By site, what was sealed since they were taken, by its digest."""
    sealed_bytes: int = 0
    """How much is stored of all that was sealed."""
    _envelopes: dict[str, Envelope] = field(default_factory=dict)
    _kept_certificates: set[tuple[str, str]] = field(default_factory=set)

    @property
    def unwritten(self) -> int:
        """The number of CA certificates that were not taken."""
        return sum(map(len, self.unwritten_certificates.values()))

    def message(self, request: BatchRow, site: str) -> bytes:
        """Return what is to be sealed for a worker of a site.

        Raises:
            ApiProblemError: 503, the site has just been removed.
        """
        message, pem = detached(self._jobs.message(request, self.caller, self.start_by, site))
        digest = message.ca_certificate_sha256
        if pem is not None and (site, digest) not in self._kept_certificates:
            self._kept_certificates.add((site, digest))
            sealed = self._seal(pem.encode(), sealed_as(digest), site)
            self.sealed_bytes += len(sealed)
            self.unwritten_certificates.setdefault(site, {})[digest] = sealed
        return message.to_bytes()

    def sealed_item(self, message: bytes, job_id: str, site: str) -> str:
        """Return what is stored of a message for an item.

        Raises:
            ApiProblemError: 503, the site has just been removed.
        """
        sealed = self._seal(message, job_id, site)
        kept = self._proofs.kept(Stored(site, job_id, job_id, self.caller.tenant), sealed)
        self.sealed_bytes += len(kept)
        return kept

    def _seal(self, content: bytes, job_id: str, site: str) -> str:
        if site not in self._envelopes:
            self._envelopes[site] = self._jobs.sealer_at(site).envelope()
        return self._envelopes[site].seal(content, job_id)
