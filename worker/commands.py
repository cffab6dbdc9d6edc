"""Commands with which an operator sees for himself what a step saw."""

from collections.abc import Mapping
from shlex import quote

from shared.outcomes import Facts, filled, shown
from shared.steps import StepName

_CURL = "curl -v --max-time 10[ --resolve {host}:{port}:{bracketed}] {url}"
_OPENSSL = "openssl s_client -connect {bracketed}:{port} -servername {host} -showcerts </dev/null"
_COMMANDS: Mapping[StepName, str] = {
    "dns_lookup": "dig +noall +comments +answer {host} A {host} AAAA",
    "tcp_connect": "nc -vz -w 3 {address} {port}",
    "tls_handshake": _OPENSSL,
    "http_response": _CURL,
    "product_identify": _CURL,
    "inspect_certificate": _OPENSSL,
}


def command_for(step: StepName, facts: Facts) -> str:
    """Return a shell command for `step`, empty where there is none that needs no credentials.

    `facts` are host, port and url of the job and, once it is known, its address.
    """
    template = _COMMANDS.get(step, "")
    address = str(facts.get("address", ""))
    bracketed = {"bracketed": f"[{address}]" if ":" in address else address} if address else {}
    # Quoted although they were checked: a command that is pasted must hold no surprise.
    words = {name: quote(shown(fact)) for name, fact in {**facts, **bracketed}.items()}
    try:
        return filled(template, words)
    except KeyError:
        return ""
