"""Warn of what will go wrong with a certificate that is good today."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Fact, Finding
from worker.tls.certificate_reader import read_outline
from worker.tls.interception import interception

SOON, VERY_SOON = timedelta(days=30), timedelta(days=7)

EXPIRING_SOON = Cause(
    code="tls.expiring_soon",
    owner="platform",
    severity="warning",
    summary="The certificate of {host} expires on {date}, in {days} days",
    remedies=("Renew the certificate of {host}, which {issuer} issued, before {date}.",),
)
EXPIRING_VERY_SOON = Cause(
    code="tls.expiring_very_soon",
    owner="platform",
    severity="warning",
    summary="The certificate of {host} expires within a week, on {date}; no test passes after that",
    remedies=(
        "Renew the certificate of {host} now; {issuer} issued it.",
        "Look for the reason in the log of what renews it by itself, if something does.",
    ),
)


def certificate_warnings(der: bytes) -> Iterator[Finding]:
    """Give the warnings about a certificate that was accepted; none if it can't be read."""
    try:
        outline = read_outline(der)
    except ValueError:
        return
    left = outline.not_after - datetime.now(UTC)
    # One that has expired was accepted because the caller said so, with a pin or verify=false.
    if timedelta() < left < SOON:
        cause = EXPIRING_VERY_SOON if left < VERY_SOON else EXPIRING_SOON
        date = f"{outline.not_after:%Y-%m-%d}"
        facts: dict[str, Fact] = {"date": date, "days": left.days, "issuer": outline.issuer}
        yield Finding(cause, facts)
    yield from interception(outline)
