"""What a client can't tell, or what this one never meets, with the reason; by the code it had."""

_NO_PROXY = "conncheck goes straight to the platform and ignores proxies by design"

_NO_STEP = "It is no reason for a step to fail"

UNOBSERVABLE: dict[str, str] = {
    # policy
    "policy.redirect_blocked": "Redirects are never followed, so none can lead anywhere; "
    "http.redirect_other_host and its like say where they would.",
    "policy.rate_limited": f"{_NO_STEP}: the API answers 429 with Retry-After before there is a "
    "job.",
    # dns
    "dns.inconsistent": "A record that is on its way to all name servers looks from here like a "
    "zone that only some of them know; dns.split_horizon says both.",
    "dns.rebinding_suspect": "The name is looked up once and its addresses are judged when they "
    "are connected to, so an answer that changes later is never seen; policy.address_blocked says "
    "what an address is.",
    "dns.wildcard_or_sinkhole": "They are two causes here, dns.wildcard and dns.sinkhole.",
    # self
    "self.clock_unsynced": "The kernel tells only whether something on this machine disciplines "
    "its clock, which is not so on virtual machines that follow their host's clock and are right. "
    "auth.clock_skew and api.clock_off show the difference of both clocks.",
    "self.queue_delay": f"{_NO_STEP}: the job has its time in the queue as queueMs, and no step "
    "counts it.",
    "self.cancelled": f"{_NO_STEP}: the job's status says it.",
    "self.step_not_implemented": f"{_NO_STEP}: every product has every step, and what a product "
    "does not need passes.",
    "self.prior_step_failed": f"{_NO_STEP}: the steps after one that failed are not begun and are "
    "in no result.",
    # proxy
    "proxy.unreachable": f"{_NO_PROXY}, so there is none that could be out of reach.",
    "proxy.connect_denied": f"{_NO_PROXY}, and never sends a CONNECT.",
    "proxy.upstream_failed": f"{_NO_PROXY}; a gateway that answers in the platform's place is "
    "http.502_504_gateway.",
    "proxy.env_ignored": f"{_NO_PROXY}; what the worker's environment says of proxies is not even "
    "read.",
    # tls
    "tls.revoked": "Asking OCSP or CRL servers means calling addresses that a hostile certificate "
    "chooses, and telling a third party who is tested; neither is done.",
    "tls.client_cert_rejected": "conncheck has no client certificate to send, so none is rejected; "
    "a demand for one is tls.client_cert_required.",
    "tls.large_hello_intolerance": "A hello needs two packets with a post-quantum key share, which "
    "OpenSSL sends from 3.5 on; that of OpenSSL 3.0 takes 517 bytes, and nothing stumbles over it.",
    "tls.wrong_eku_or_ca_flag": "They are two causes here, tls.wrong_eku and tls.wrong_ca_flag.",
    "tls.multiple_faults": "All faults of a certificate are named, one as the cause and the others "
    "as contributing; that there are several is no cause of its own.",
    "tls.deprecated_protocol": "TLS below 1.2 is never agreed to, so no passed step has it; a "
    "platform with nothing newer fails with tls.version_unsupported.",
    # api
    "api.license_or_expired": "It is api.license_expired here.",
    "api.standby_node": "Of the products only ZStack says so, and not why: it is "
    "api.starting_up with api.other_node_serves. The others serve through an address that moves.",
    # auth
    "auth.session_token_missing_or_expired": "They are causes of their own here: "
    "auth.session_token_missing, auth.session_token_expired and auth.session_token_invalid.",
    "auth.client_secret_expired": "Azure says it, which is not among the products; other keys "
    "that expire are auth.key_expired and auth.token_expired.",
    "auth.tenant_not_found": "Keystone answers an unknown domain like a wrong password, which "
    "is auth.invalid_credentials; Azure, which tells them apart, is not among the products.",
    "auth.account_disabled": "Platforms merge it with other reasons, and so do auth.login_refused, "
    "auth.disabled_or_locked and auth.invalid_credentials; a key alone is auth.key_disabled.",
    "auth.domain_or_scope_missing": "They are auth.user_without_domain and api.catalog_empty here.",
    "auth.session_limit": "Of the products only vSphere counts sessions, and answers as if it "
    "were not ready; a test signs out of its own.",
    "auth.endpoint_not_reached": "After a failed step no later one begins: stepsToCome and items "
    "say which, and nothing is said of the key pair.",
    # authz
    "authz.read_only": "Telling it needs a write, and a test writes nothing.",
}
