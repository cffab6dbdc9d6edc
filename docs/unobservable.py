"""What a client can't tell, or what this one never meets, with the reason; by the code it had."""

_NO_PROXY = "conncheck goes straight to the platform and ignores proxies by design"

UNOBSERVABLE: dict[str, str] = {
    # proxy
    "proxy.unreachable": f"{_NO_PROXY}, so there is none that could be out of reach.",
    "proxy.auth_required": f"{_NO_PROXY}; a 407 from the platform's own address is "
    "http.proxy_demands_sign_in.",
    "proxy.connect_denied": f"{_NO_PROXY}, and never sends a CONNECT.",
    "proxy.upstream_failed": f"{_NO_PROXY}; a gateway that answers in the platform's place is "
    "http.502_504_gateway.",
    "proxy.env_ignored": f"{_NO_PROXY}; what the worker's environment says of proxies is not even "
    "read.",
}
