"""Answers of whatever stands where a platform is looked for."""

from datetime import UTC, datetime

from shared.diagnosis.outcomes import Facts, Failed
from shared.platform.http import HttpResponse

KNOWN: Facts = {
    "host": "cloud.example.com",
    "port": 8080,
    "product": "ZStack Cloud",
    "default_port": 8080,
    "usual_port": 8080,
}
ASKED = "http://cloud.example.com:8080/zstack/v1/ready"
MOMENT = datetime(2026, 11, 23, 12, tzinfo=UTC)


def response(status: int, body: bytes = b"", /, url: str = ASKED, **headers: str) -> HttpResponse:
    """Return a platform's response; in the names of headers _ stands for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status, "", named, body, MOMENT, url)


def said(failed: Failed | None) -> str:
    """Return the summary and the remedies, as the recorder fills them in."""
    assert failed
    finding = failed.finding
    return " ".join([finding.summary(KNOWN), *finding.remedies(KNOWN)])
