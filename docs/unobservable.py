"""What a client can't tell, or what this one never meets, with the reason; by the code it had."""

_NO_PROXY = "conncheck goes straight to the platform and ignores proxies by design"

UNOBSERVABLE: dict[str, str] = {
    # proxy
    "proxy.unreachable": f"{_NO_PROXY}, so there is none that could be out of reach.",
    "proxy.connect_denied": f"{_NO_PROXY}, and never sends a CONNECT.",
    "proxy.upstream_failed": f"{_NO_PROXY}; a gateway that answers in the platform's place is "
    "http.502_504_gateway.",
    "proxy.env_ignored": f"{_NO_PROXY}; what the worker's environment says of proxies is not even "
    "read.",
    # http
    "policy.redirect_blocked": "Redirects are not followed, so none has to be blocked; where one "
    "leads is told as http.redirected and its kin.",
    # auth
    "auth.endpoint_not_reached": "After a failed step no later one begins: stepsToCome and items "
    "say which, and nothing is said of the key pair.",
    # authz
    "authz.read_only": "Telling it needs a write, and a test writes nothing.",
}
