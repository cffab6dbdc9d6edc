"""The names of the steps, in the order in which a report lists them."""

from typing import Final, Literal, get_args

Scheme = Literal["http", "https"]

StepName = Literal[
    "dns_lookup",
    "tcp_connect",
    "tls_handshake",
    "http_response",
    "product_identify",
    "authenticate",
    "authorize",
    "service_endpoints",
    "inspect_certificate",
]
STEPS: Final[tuple[StepName, ...]] = get_args(StepName)
SIGN_IN: Final[tuple[StepName, ...]] = ("authenticate", "authorize", "service_endpoints")
"""The steps that present the key pair, or what it has opened."""
INSPECTION: Final[tuple[StepName, ...]] = ("dns_lookup", "tcp_connect", "inspect_certificate")
"""The steps of an inspection of a host's certificates."""


def steps_for(scheme: Scheme | None, ends_after: StepName = "authorize") -> tuple[StepName, ...]:
    """Return the steps of a test over `scheme`; without TLS there is no tls_handshake."""
    upto = STEPS[: STEPS.index(ends_after) + 1]
    return upto if scheme == "https" else tuple(n for n in upto if n != "tls_handshake")


def scheme_of(url: str) -> Scheme:
    """Return the scheme of a complete `url`."""
    return "https" if url.startswith("https:") else "http"
