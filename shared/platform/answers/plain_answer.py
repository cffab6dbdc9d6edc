"""Judge the answer of a web server of which nothing more is known.

It has answered, so its test passes whatever the answer is.
"""

from collections.abc import Sequence
from dataclasses import replace

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Fact, Failed, Finding
from shared.platform.answers.icp_filing import blocked_name
from shared.platform.answers.intermediaries import (
    HTTP_502_504_GATEWAY,
    HTTP_503_UNAVAILABLE,
    in_between,
    seen,
)
from shared.platform.answers.not_the_product import at_another_layer, reference, schemes_of
from shared.platform.answers.redirects import REDIRECT_LOOP, redirected
from shared.platform.http import HttpResponse

SIGN_IN_WANTED = Cause(
    code="http.sign_in_wanted",
    owner="caller",
    severity="warning",
    summary="{host} port {port} requires a sign-in[ ({schemes})] for {url} (401)",
    remedies=("Use a path of {host} that needs no sign-in, such as a health check.",),
    field="endpoint",
)
REQUEST_REJECTED = Cause(
    code="http.request_rejected",
    owner="caller",
    severity="warning",
    summary="{host} port {port} rejects the request for {url} ({status})",
    remedies=(
        "Correct the path in the endpoint, if you do not expect status {status}.",
        "Look for the reason in the log of the web server on {host}[; the request ID is "
        "{reference}].",
    ),
    field="endpoint",
)
SERVER_ERROR = Cause(
    code="http.server_error",
    owner="platform",
    severity="warning",
    summary="{host} port {port} answers {status} for {url}: an error inside the web server",
    remedies=(
        "Look for the reason in the log of the web server on {host}[; the request ID is "
        "{reference}].",
        "Check the service behind it, if {host} passes requests on.",
    ),
)


def doubts_about_answer(response: HttpResponse) -> Sequence[Finding]:
    """Return what `response` warns of: another's answer, an error, or a redirect to itself."""
    failed = blocked_name(response) or (
        _looped(response) if response.status < 400 else _error(response)
    )
    if failed is None:
        return ()
    return (Finding(replace(failed.cause, severity="warning"), failed.finding.facts),)


def _looped(response: HttpResponse) -> Failed | None:
    """Return the failure of a redirect to the same URL.

    One that sets a cookie is no loop for a client that keeps the cookie.
    """
    failed = None if "set-cookie" in response.headers else redirected(response)
    return failed if failed and failed.cause is REDIRECT_LOOP else None


def _error(response: HttpResponse) -> Failed:
    known = at_another_layer(response) or in_between(response)
    # They speak of an API, and of what is behind a gateway, of which a web server shows nothing.
    if known and known.cause not in (HTTP_502_504_GATEWAY, HTTP_503_UNAVAILABLE):
        return known
    facts = {**reference(response), **seen(response)}
    if response.url:
        facts["url"] = response.url
    if response.status == 401:
        schemes: dict[str, Fact] = {"schemes": found} if (found := schemes_of(response)) else {}
        return Failed(SIGN_IN_WANTED, **schemes, **facts)
    return Failed(SERVER_ERROR if response.status >= 500 else REQUEST_REJECTED, **facts)
