"""Fetch the CA certificates that the jobs of a batch share."""

from shared.ca_certificates import OtherCertificatesError, attached, sealed_as
from shared.request.message import JobMessage
from shared.sealing import CannotOpenError, Opener
from shared.store.jobs.run_store import RunStore

KEPT = 16  # of 256 KB at most


class GoneError(Exception):
    """Raised where a sealed request has expired, or the certificates that it names."""


class CaCertificates:
    """Opens the certificates of a batch once for all its jobs."""

    def __init__(self, store: RunStore, opener: Opener) -> None:
        self._store = store
        self._opener = opener
        self._kept: dict[str, str] = {}

    def attached(self, message: JobMessage, job_id: str) -> JobMessage:
        """Return the message with the certificates that it names.

        Raises:
            GoneError: they have expired.
            OtherCertificatesError: what is kept is not what the message names.
        """
        digest = message.ca_certificate_sha256
        if not digest:
            return message
        pem = self._kept.get(digest)
        if pem is None:
            pem = self._open(job_id, digest)
        whole = attached(message, pem)
        self._keep(digest, pem)
        return whole

    def _open(self, job_id: str, digest: str) -> str:
        sealed = self._store.ca_certificate(job_id, digest)
        if sealed is None:
            raise GoneError
        try:
            return self._opener.open(sealed, sealed_as(digest)).decode()
        except (CannotOpenError, UnicodeDecodeError):
            raise OtherCertificatesError from None

    def _keep(self, digest: str, pem: str) -> None:
        if digest not in self._kept:
            for oldest in list(self._kept)[: len(self._kept) - KEPT + 1]:
                self._kept.pop(oldest, None)
            self._kept[digest] = pem
