"""What a client can't tell, or what this one never meets, with the reason; by the code it had."""

UNOBSERVABLE: dict[str, str] = {
    # tls
    "tls.revoked": "Asking OCSP or CRL servers means calling addresses that a hostile certificate "
    "chooses, and telling a third party who is tested; neither is done.",
    "tls.client_cert_rejected": "conncheck has no client certificate to send, so none is rejected; "
    "a demand for one is tls.client_cert_required.",
    "tls.large_hello_intolerance": "A hello needs two packets with a post-quantum key share, which "
    "OpenSSL sends from 3.5 on; that of OpenSSL 3.0 takes 517 bytes, and nothing stumbles over it.",
    "tls.multiple_faults": "All faults of a certificate are named, one as the cause and the others "
    "as contributing; that there are several is no cause of its own.",
    "tls.deprecated_protocol": "TLS below 1.2 is never agreed to, so no passed step has it; a "
    "platform with nothing newer fails with tls.version_unsupported.",
}
