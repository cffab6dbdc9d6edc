"""Warn about future problems of a certificate that is valid today."""

from collections.abc import Iterator
from datetime import timedelta

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Fact, Finding
from worker.tls.certificate import Outline
from worker.tls.interception import interception

SOON, VERY_SOON = timedelta(days=30), timedelta(days=7)

EXPIRING_SOON = Cause(
    code="tls.expiring_soon",
    owner="platform",
    severity="warning",
    summary="The certificate of {host} expires on {date}, in {days:day|days}",
    remedies=("Renew the certificate of {host}, which {issuer} issued, before {date}.",),
)
EXPIRING_VERY_SOON = Cause(
    code="tls.expiring_very_soon",
    owner="platform",
    severity="warning",
    summary="The certificate of {host} expires within a week, on {date}; tests fail after that",
    remedies=(
        "Renew the certificate of {host} now; {issuer} issued it.",
        "If the certificate is renewed automatically, look for the reason in the log of the "
        "program that does it.",
    ),
)


def certificate_warnings(outline: Outline) -> Iterator[Finding]:
    """Yield the warnings about an accepted certificate."""
    left = outline.expires_in
    # An expired one was accepted because the caller asked for it, with a pin or verify=false.
    if timedelta() < left < SOON:
        cause = EXPIRING_VERY_SOON if left < VERY_SOON else EXPIRING_SOON
        date = f"{outline.not_after:%Y-%m-%d}"
        facts: dict[str, Fact] = {"date": date, "days": left.days, "issuer": outline.issuer}
        yield Finding(cause, facts)
    yield from interception(outline)
