"""Recognize a server that wants a client certificate, by what it says after the handshake.

Many servers let every client finish the handshake and refuse the request. Facts are from
ngx_http_request.c (nginx), mod_ssl, the HTTP substatus codes of IIS, and Tomcat's
LocalStrings.properties.
"""

import re

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed
from shared.platform.http import HttpResponse

SECOND_LEG_CERTIFICATE = Cause(
    code="proxy.second_leg_certificate",
    owner="platform",
    summary=(
        "{host} rejects the client certificate that arrived with the request ({said}); this "
        "service sends none, so a proxy in front of {host} does"
    ),
    remedies=(
        "Replace the client certificate that the proxy in front of {host} presents.",
        "Add the CA of that certificate to those that {host} trusts.",
    ),
)

# By status: nginx answers 400 (its 496 appears only in its log, but its relatives send it), Apache
# 403 if only a path requires a certificate, because TLS 1.3 has no second handshake.
_DEMANDS = {
    400: ("No required SSL certificate was sent",),
    401: ("No client certificate chain in this request",),
    403: (
        "Cannot perform Post-Handshake Authentication",
        "403.7 -",
        "SSL client certificate that the Web server recognizes",
    ),
    496: ("",),
}
_REJECTIONS = {
    400: ("The SSL certificate error",),
    403: ("403.12 -", "403.13 -", "403.16 -", "403.17 -"),
    495: ("",),
}
_IN_OWN_WORDS = re.compile(
    r"(?:no|missing) (?:required )?(?:(?:ssl|tls|x\.?509) )?client certificate"
    r"|client certificate (?:is |was )?(?:required|missing|not (?:provided|presented|sent|found))"
    r"|requires? (?:an? )?(?:valid )?(?:(?:ssl|tls|x\.?509) )?client certificate"
    r"|mutual tls (?:authentication )?(?:is )?required",
    re.IGNORECASE,
)


def demands_certificate(response: HttpResponse) -> bool:
    """Return whether the server refuses the request because it came without a certificate."""
    if _said(_DEMANDS, response) is not None:
        return True
    words = _IN_OWN_WORDS.search(response.beginning) if response.status in (400, 401, 403) else None
    return words is not None and not response.repeats(words[0])


def rejected_certificate(response: HttpResponse) -> Failed | None:
    """Return the failure if the server rejects a certificate, of which this service sends none."""
    said = _said(_REJECTIONS, response)
    if said is None:
        return None
    shown = said.removesuffix(" -") or str(response.status)
    return Failed(SECOND_LEG_CERTIFICATE, said=shown, status=response.status)


def _said(table: dict[int, tuple[str, ...]], response: HttpResponse) -> str | None:
    texts = table.get(response.status, ())
    return next((text for text in texts if not text or response.says(text)), None)
