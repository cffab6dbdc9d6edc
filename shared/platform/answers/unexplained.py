"""Judge an answer that the product's own codes do not explain by what every HTTP answer proves.

A status says who may answer like this, never why (RFC 9110 15). So these causes leave the reason
open, and the answer's own words, which worker.http.exchange adds, are told with them.
"""

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Fact, Failed
from shared.platform.answers.intermediaries import in_between, seen
from shared.platform.answers.not_the_product import (
    HTTP_500,
    SCHEMA_UNEXPECTED,
    at_another_layer,
    page_instead,
    reference,
)
from shared.platform.answers.redirects import redirected
from shared.platform.answers.said import Said
from shared.platform.http import HttpResponse

SIGN_IN_REFUSED = Cause(
    code="auth.sign_in_refused",
    owner="caller",
    summary=(
        "{host} refuses the sign-in (status {status}[, {error_code}]), and does not say why in a "
        "way that {product} is known for"
    ),
    remedies=(
        "Check the key pair, and that it and its owner are enabled on {product}.",
        "Look for the reason in the log of {host}[; the request ID is {reference}].",
        "Check whether a gateway in front of {host} requires a sign-in of its own[: it sent a web "
        "page titled {title}].",
    ),
    is_rejection=True,
)
SIGN_IN_FORBIDDEN = Cause(
    code="auth.sign_in_forbidden",
    owner="platform",
    summary=(
        "{host} forbids the sign-in (status {status}[, {error_code}]); this does not prove "
        "that the key pair is wrong"
    ),
    remedies=(
        "Look for the reason in the log of {host}[; the request ID is {reference}].",
        "Check that the key pair and its owner are enabled on {product}, and that it may be used "
        "from [{source}|this service's address].",
        "Check whether a proxy or a firewall in front of {host} forbids the request[: it sent a "
        "web page titled {title}].",
    ),
)
REFUSED_LATER = Cause(
    code="auth.refused_later",
    owner="platform",
    summary=(
        "{host} accepted the key pair, but then refused it for {api} (status {status}[, "
        "{error_code}])"
    ),
    remedies=(
        "Test again. If the answer changes, look for servers behind {host} that do not share "
        "their sessions or their users.",
        "Check the directory (LDAP, Active Directory) or the sign-in service that {product} asks: "
        "it may fail at times, or limit sign-ins.",
        "Look for the reason in the log of {host}[; the request ID is {reference}].",
    ),
)
CALL_REFUSED = Cause(
    code="authz.call_refused",
    owner="platform",
    summary=("{host} accepted the key pair, but refuses {api} (status {status}[, {error_code}])"),
    remedies=(
        "Check on {product} that the owner of the key may call {api}.",
        "Check whether a proxy or a firewall in front of {host} refuses this call[: it sent a web "
        "page titled {title}].",
        "Look for the reason in the log of {host}[; the request ID is {reference}].",
    ),
    field="accessKey",
)
CALL_MISSING = Cause(
    code="api.call_missing",
    owner="platform",
    summary="{host} does not have the call {asked} (status {status}[, {error_code}])",
    remedies=(
        "Check that the proxy in front of {host}, if there is one, forwards every path of "
        "{product}'s API.",
        "Check that the version of {product} on {host} has this call.",
    ),
)
CALL_REJECTED = Cause(
    code="api.call_rejected",
    owner="platform",
    summary="{host} rejects the request {asked} (status {status}[, {error_code}])",
    remedies=(
        "Look for the reason in the log of {host}[; the request ID is {reference}].",
        "Check that no proxy in front of {host} changes the path, the headers or the body.",
    ),
)

_MISSING = (404, 405, 410, 501)


def refused_sign_in(answer: HttpResponse) -> Failed:
    """Return the failure of a sign-in for which the product's own codes know no reason."""
    if answer.status in (401, 403):
        # A web page judges no key: it is for people, whatever has sent it.
        is_verdict = answer.status == 401 and not answer.looks_like_html
        cause = SIGN_IN_REFUSED if is_verdict else SIGN_IN_FORBIDDEN
        return _elsewhere(answer) or Failed(cause, **_facts(answer))
    return _not_understood(answer)


def refused_call(answer: HttpResponse, api: str) -> Failed:
    """Return the failure of the call `api` with a key pair that the platform has accepted."""
    if answer.status in (401, 403):
        cause = REFUSED_LATER if answer.status == 401 else CALL_REFUSED
        return _elsewhere(answer) or Failed(cause, api=api, **_facts(answer))
    return _not_understood(answer)


def _not_understood(answer: HttpResponse) -> Failed:
    if failed := _elsewhere(answer):
        return failed
    if answer.status >= 500 and answer.status not in _MISSING:
        return Failed(HTTP_500, **_facts(answer))
    if answer.status >= 400 or Said.of(answer).facts:
        cause = CALL_MISSING if answer.status in _MISSING else CALL_REJECTED
        return Failed(cause, asked=answer.url.partition("?")[0] or "/", **_facts(answer))
    return page_instead(answer) or Failed(SCHEMA_UNEXPECTED, **seen(answer))


def _elsewhere(answer: HttpResponse) -> Failed | None:
    """Return the failure if something other than the platform has certainly answered."""
    return redirected(answer) or at_another_layer(answer) or in_between(answer)


def _facts(answer: HttpResponse) -> dict[str, Fact]:
    return {**reference(answer), **seen(answer)}
