"""The response to an inspection of a host's certificates."""

from collections.abc import Iterator, Mapping

from pydantic import AwareDatetime, Field, ValidationError

from shared.diagnosis.outcomes import Fact
from shared.diagnosis.report import Answer, DetailedItem, Job, WireModel
from shared.diagnosis.translations import Language, sentence
from shared.site_name import DEFAULT_SITE


class ShownCertificate(WireModel):
    """A certificate that the host sent. If it can't be parsed, only its SHA-256 is known."""

    sha256: str = Field(description="The value to pin as options.tls.fingerprintSha256.")
    subject: str = ""
    issuer: str = ""
    names: tuple[str, ...] = Field(default=(), description="The names that it is valid for.")
    ignored_names: tuple[str, ...] = Field(
        default=(),
        description="Names that clients ignore for their type or form, each with the reason.",
        examples=[["DNS:192.0.2.7 (an address must be an IP entry)"]],
    )
    not_before: AwareDatetime | None = None
    not_after: AwareDatetime | None = None
    key_type: str = Field(default="", examples=["ECDSA"])
    key_bits: int = 0
    signature_hash: str = Field(default="", examples=["sha256"])


class Distrust(WireModel):
    """Why a test would not accept this certificate."""

    cause: str = Field(examples=["tls.self_signed"])
    doc_url: str | None = Field(default=None, description="Where this service explains the cause.")
    summary: str
    remedies: tuple[str, ...]


class Inspection(Answer):
    """A host's certificates, and whether a test would trust them."""

    job_id: str
    site: str = Field(default=DEFAULT_SITE, description="The site that inspected the host.")
    trusted: bool | None = Field(description="null if the host sent no certificate.")
    reason: Distrust | None = Field(description="Why it is not trusted.")
    certificates: tuple[ShownCertificate, ...] = Field(
        description="The certificates as the host sends them, its own first."
    )


def inspection(job_id: str, job: Job, language: Language = "en") -> Inspection:
    """Return the job's result, which is in `language` already, as the response."""
    looked = next((item for item in job.items if item.name == "inspect_certificate"), None)
    evidence: Mapping[str, Fact] = looked.evidence if looked else {}
    trusted = evidence.get("trusted")
    return Inspection(
        **dict(job.answer()),
        job_id=job_id,
        site=job.site,
        trusted=trusted if isinstance(trusted, bool) else None,
        reason=_reason(looked) if looked and trusted is False else None,
        certificates=tuple(_certificates(evidence, language)),
    )


def _reason(looked: DetailedItem) -> Distrust:
    return Distrust(
        cause=looked.cause or "",
        doc_url=looked.doc_url,
        summary=looked.summary,
        remedies=looked.remedies,
    )


def _certificates(evidence: Mapping[str, Fact], language: Language) -> Iterator[ShownCertificate]:
    n = 0
    while f"{n}.sha256" in evidence:
        prefix = f"{n}."
        facts = {
            name.removeprefix(prefix): fact
            for name, fact in evidence.items()
            if name.startswith(prefix)
        }
        yield _certificate({**facts, **_ignored(facts, language)})
        n += 1


def _ignored(facts: Mapping[str, Fact], language: Language) -> Mapping[str, Fact]:
    """Return each name that clients ignore with the reason, as one text."""
    names, reasons = facts.get("ignored_names"), facts.get("ignored_because")
    if not isinstance(names, tuple) or not isinstance(reasons, tuple):
        return {}
    pairs = zip(names, reasons, strict=False)
    return {"ignored_names": tuple(f"{name} ({sentence(language, why)})" for name, why in pairs)}


def _certificate(facts: Mapping[str, Fact]) -> ShownCertificate:
    try:
        return ShownCertificate.model_validate(facts)
    except ValidationError:  # a worker of a different version wrote it
        return ShownCertificate(sha256=str(facts["sha256"]))
