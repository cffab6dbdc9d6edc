from datetime import timedelta

import pytest

from shared.diagnosis.outcomes import Failed
from tests.certificates.crafted import A_DAY, NOW, Authority, Issued, Validity
from tests.network.loopback import said
from worker.tls.certificate_reader import read_outline
from worker.tls.certificate_warnings import EXPIRING_SOON, EXPIRING_VERY_SOON, certificate_warnings
from worker.tls.interception import TLS_INTERCEPTION

AN_HOUR = timedelta(hours=1)


def ending_in(days: float) -> Issued:
    return Authority("Ours").issue("x.example", validity=Validity(not_after=NOW + days * A_DAY))


@pytest.mark.parametrize(
    ("days", "causes"),
    [(31, []), (29, [EXPIRING_SOON]), (8, [EXPIRING_SOON]), (6, [EXPIRING_VERY_SOON]), (-1, [])],
)
def test_an_end_that_is_near_is_told_with_its_date(days: int, causes: list[object]) -> None:
    """A certificate that nobody renews is an outage with a date."""
    issued = ending_in(days)

    warnings = list(certificate_warnings(read_outline(issued.der)))

    assert [warning.cause for warning in warnings] == causes
    for warning in warnings:
        text = said(Failed(warning.cause, **warning.facts))
        assert f"{issued.certificate.not_valid_after_utc:%Y-%m-%d}" in text
        assert "Ours" in text


def test_an_authority_that_reads_along_is_warned_of() -> None:
    """Whoever signs in through it shows his signature to somebody in between."""
    outline = read_outline(Authority("mitmproxy").issue("x.example").der)

    (warning,) = certificate_warnings(outline)

    assert warning.cause is TLS_INTERCEPTION
