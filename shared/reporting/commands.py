"""Shell commands that show an operator the same result as a step."""

from collections.abc import Mapping
from shlex import quote

from shared.diagnosis.outcomes import Fact, Facts, filled, named_in, shown
from shared.platform.http import HttpRequest
from shared.policy.addresses import is_address

_CURL = (
    "curl -v --max-time 10[ {insecure}][ -X {method}][ -H {content_type} --data-raw {body}]"
    "[ --resolve {name}:{port}:{bracketed}] {url}"
)
_OPENSSL = (
    "openssl s_client -connect {bracketed}:{port}[ -servername {name}]"
    "[ -verify_hostname {name}][ -verify_ip {literal}] -showcerts </dev/null"
)
_COMMANDS: Mapping[str, str] = {
    "dns_lookup": "dig +noall +comments +answer {host} A {host} AAAA",
    "tcp_connect": "nc -vz -w 3 {address} {port}",
    "tls_handshake": _OPENSSL,
    "http_response": _CURL,
    "product_identify": _CURL,
    "inspect_certificate": _OPENSSL,
}
# A step that presents credentials has no command, but some of its causes have one.
_COMMANDS_BY_CODE = {
    "auth.clock_skew": f"date -u; {_CURL} 2>&1 | grep -i '< date'",
    "api.clock_off": f"date -u; {_CURL} 2>&1 | grep -i '< date'",
}


def request_facts(request: HttpRequest, *, verifies: bool) -> Facts:
    """Return the facts of the product's first request that the commands need."""
    facts: dict[str, Fact] = {} if verifies else {"insecure": "-k"}
    if request.method != "GET":
        facts["method"] = request.method
    if request.body:
        facts["body"] = request.body.decode("utf-8", "replace")
        facts["content_type"] = f"Content-Type: {request.headers.get('Content-Type', '')}"
    return facts


def command_for(step: str, code: str, facts: Facts) -> str:
    """Return a shell command for `step`; empty if every such command would need credentials.

    `code` is that of the step's cause. `facts` are host, port and url of the job, its
    `request_facts` and, once it is known, its address.
    """
    template = _COMMANDS_BY_CODE.get(code) or _COMMANDS.get(step, "")
    # Quoted although they were checked: a pasted command must be safe.
    named = named_in(template)
    known = {**facts, **_spelled(facts)}
    words = {name: quote(shown(fact)) for name, fact in known.items() if name in named}
    try:
        return filled(template, words)
    except KeyError:
        return ""


def _spelled(facts: Facts) -> Facts:
    """Return host and address in the form that the tools need: only a name is resolved."""
    host, address = str(facts.get("host", "")), str(facts.get("address", ""))
    bracketed = f"[{address}]" if ":" in address else address
    return {
        **({"literal": host} if is_address(host) else {"name": host}),
        **({"bracketed": bracketed} if address else {}),
    }
