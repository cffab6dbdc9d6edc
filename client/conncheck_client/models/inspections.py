"""What the service tells of a host's certificates."""

from pydantic import AwareDatetime

from conncheck_client.models.jobs import Answer
from conncheck_client.models.wire import AnswerModel


class ShownCertificate(AnswerModel):
    """A certificate that the host sent; only its SHA-256 is known of one that can't be read."""

    sha256: str
    """What `TlsOptions.fingerprint_sha256` pins."""
    subject: str = ""
    issuer: str = ""
    names: tuple[str, ...] = ()
    """What it is valid for."""
    ignored_names: tuple[str, ...] = ()
    """Names that clients ignore for their type or form, each with the reason."""
    not_before: AwareDatetime | None = None
    not_after: AwareDatetime | None = None
    key_type: str = ""
    key_bits: int = 0
    signature_hash: str = ""


class Distrust(AnswerModel):
    """Why a test would not go on with this certificate."""

    cause: str
    doc_url: str | None = None
    summary: str
    remedies: tuple[str, ...]


class Inspection(Answer):
    """What a host shows, and whether a test would trust it."""

    job_id: str
    site: str = "default"
    """The site that inspected the host."""
    trusted: bool | None
    """None where no certificate was received."""
    reason: Distrust | None
    """Why it is not trusted."""
    certificates: tuple[ShownCertificate, ...]
    """The host's own first."""
