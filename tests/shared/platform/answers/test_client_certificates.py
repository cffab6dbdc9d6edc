import pytest

from shared.platform.answers.client_certificates import (
    SECOND_LEG_CERTIFICATE,
    demands_certificate,
    rejected_certificate,
)
from shared.platform.http import HttpResponse
from tests.shared.platform.responses import response, said

NGINX = b"<center><h1>400 Bad Request</h1></center><center>%s</center>"


@pytest.mark.parametrize(
    "answer",
    [
        response(400, NGINX % b"No required SSL certificate was sent"),
        response(403, b"Reason: Cannot perform Post-Handshake Authentication."),
        response(403, b"<title>IIS 10.0 Detailed Error - 403.7 - Forbidden</title>"),
        response(401, b"No client certificate chain in this request"),
        response(403, b'{"error":"client certificate required"}'),
        response(400, b"This endpoint requires a valid client certificate"),
        response(496),
    ],
)
def test_a_demand_for_a_certificate_is_told_by_its_words(answer: HttpResponse) -> None:
    """Each server words it in its own way, and none of them with a status of its own."""
    assert demands_certificate(answer)
    assert rejected_certificate(answer) is None


@pytest.mark.parametrize(
    "answer",
    [
        response(403, b"Forbidden"),
        response(403, b"<title>403.14 - Forbidden</title>"),
        response(200, b"client certificate required"),
        response(404, b"No client certificate"),
        response(403, b"x", url="https://a.example/No required SSL certificate was sent"),
    ],
)
def test_other_refusals_demand_no_certificate(answer: HttpResponse) -> None:
    """A list of addresses is answered with 403 too."""
    assert not demands_certificate(answer)


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (response(400, NGINX % b"The SSL certificate error"), "The SSL certificate error"),
        (response(403, b"403.16 - Forbidden"), "403.16"),
        (response(403, b"403.13 - Forbidden"), "403.13"),
        (response(495), "495"),
    ],
)
def test_a_rejected_certificate_is_that_of_a_proxy(answer: HttpResponse, shown: str) -> None:
    """This service presents none, so nobody needs to look for it here."""
    failed = rejected_certificate(answer)

    assert failed
    assert failed.cause is SECOND_LEG_CERTIFICATE
    assert f"({shown})" in said(failed)
