import pytest

from shared.diagnosis.causes import Cause
from shared.platform.answers.redirects import (
    REDIRECT_LOOP,
    REDIRECT_NOWHERE,
    REDIRECT_OTHER_HOST,
    REDIRECT_SCHEME,
    REDIRECT_TO_LOGIN,
    REDIRECTED,
    origin_of,
    redirected,
    target_of,
)
from tests.shared.platform.responses import ASKED, KNOWN, response, said


@pytest.mark.parametrize(
    ("location", "cause"),
    [
        ("https://cloud.example.com/zstack/v1/ready", REDIRECT_SCHEME),
        ("https://cloud.example.com:8443/login", REDIRECT_SCHEME),
        ("/login?next=/zstack", REDIRECT_TO_LOGIN),
        ("/ui/#/sso", REDIRECT_TO_LOGIN),
        ("http://1.1.1.3/ac_portal/default/pc.html?tabs=pwd", REDIRECT_TO_LOGIN),
        ("https://portal.example/adfs/ls/?wa=wsignin1.0", REDIRECT_TO_LOGIN),
        ("https://login.example/oauth2/authorize?client_id=1", REDIRECT_TO_LOGIN),
        ("https://other.example/", REDIRECT_OTHER_HOST),
        ("//other.example/x", REDIRECT_OTHER_HOST),
        ("http://cloud.example.com:5000/zstack/", REDIRECT_OTHER_HOST),
        ("http://169.254.169.254/latest/", REDIRECT_OTHER_HOST),
        ("/zstack/v1/ready/", REDIRECTED),
        ("/catalogin/x", REDIRECTED),
        (ASKED, REDIRECT_LOOP),
        ("http://[", REDIRECTED),
        ("gopher://cloud.example.com/", REDIRECT_OTHER_HOST),
    ],
)
def test_where_a_redirect_leads_decides_what_it_is(location: str, cause: Cause) -> None:
    """A typing error, a portal and a loop have different people to ask."""
    failed = redirected(response(302, location=location))

    assert failed
    assert failed.cause is cause
    assert said(failed).isprintable()


@pytest.mark.parametrize("status", [200, 404, 502])
def test_a_location_without_a_redirect_leads_nowhere(status: int) -> None:
    """A 201 names what it made."""
    assert redirected(response(status, location="/x")) is None


def test_a_redirect_is_shown_with_the_endpoint_to_give() -> None:
    """Redirects are not followed, so the caller has to: where that may be advised."""
    failed = redirected(response(307, location="https://cloud.example.com:8443/a/b"))

    assert failed
    assert failed.finding.facts["origin"] == "https://cloud.example.com:8443"
    assert "Use {usable_origin} as the endpoint" in failed.cause.remedies[0]
    assert "Ask the administrator of cloud.example.com" in said(failed)


def test_without_a_request_a_redirect_still_has_a_target() -> None:
    """Who has only the answer can say where it leads."""
    assert target_of(response(302, url="", location="/login")) == "/login"


def test_a_hostile_redirect_is_neutralised() -> None:
    """A Location header is the platform's text in our sentence."""
    failed = redirected(response(302, location="\x1b[2J{host.__class__}" + "x" * 5000))

    assert failed
    summary = failed.finding.summary(KNOWN)
    assert summary.isprintable()
    assert "{host.__class__}" in summary
    assert len(summary) < 400


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://a.example:443/x", "https://a.example"),
        ("http://a.example:80", "http://a.example"),
        ("http://a.example:443/", "http://a.example:443"),
        ("http://[fd00::7]:8080/x", "http://[fd00::7]:8080"),
        ("http://user:secret@a.example/", "http://a.example"),
        ("/x", ""),
        ("http://a:99999/", ""),
    ],
)
def test_an_origin_is_what_can_be_given_as_an_endpoint(url: str, origin: str) -> None:
    """Credentials in a Location are not ours to repeat."""
    assert origin_of(url) == origin


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_without_a_location_leads_nowhere(status: int) -> None:
    """It is no answer of an API, and there is no address to advise."""
    failed = redirected(response(status))

    assert failed
    assert failed.cause is REDIRECT_NOWHERE
    assert str(status) in said(failed)


@pytest.mark.parametrize("status", [200, 300, 304])
def test_other_answers_need_no_location(status: int) -> None:
    """RFC 9110 15.4 asks only for that of a redirect to another place."""
    assert redirected(response(status)) is None
