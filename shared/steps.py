"""The names of the steps, in the order in which a report lists them."""

from typing import Literal, get_args

from shared.endpoint import Scheme

StepName = Literal[
    "dns_lookup",
    "tcp_connect",
    "tls_handshake",
    "http_response",
    "product_identify",
    "authenticate",
    "authorize",
]


def steps_for(scheme: Scheme | None) -> tuple[StepName, ...]:
    """Return the steps of a test over `scheme`: without TLS there is nothing to shake hands on."""
    names: tuple[StepName, ...] = get_args(StepName)
    return names if scheme == "https" else tuple(n for n in names if n != "tls_handshake")


def steps_for_url(url: str) -> tuple[StepName, ...]:
    """Return the steps of a test of `url`, a complete one."""
    return steps_for("https" if url.startswith("https:") else "http")
