"""Causes of a certificate that is not accepted, by OpenSSL's verify code where there is one."""

from shared.diagnosis.causes import Cause

_PIN_IT = (
    "Compare the certificate's SHA-256[ {sha256}] with the one on {host}, then set "
    "options.tls.fingerprintSha256 to it."
)

# Ends the summary of each cause that only some of the servers behind an address may have.
_ELSEWHERE = "[; another connection to the same address received {elsewhere}]"
_AS_ON_THE_OTHERS = (
    "[Install on the server that sends this certificate the one that another server behind the "
    "same address sends (SHA-256 {good_sha256}).]"
)
_NOT_COUNTED = '[; its entry "{entry}" does not count: {flaw}]'
_RIGHT_ENTRY = '[Issue the certificate again with the entry {right_entry}, not "{entry}" alone.]'

# What it received. Sentences, so that they can be translated.
A_VALID_ONE = "a valid certificate"
A_WHOLE_CHAIN = "the same certificate with a chain that is accepted"
THE_PINNED_ONE = "the pinned certificate"
ANOTHER_ONE = "another certificate, which is not accepted either"
OTHERS = (A_VALID_ONE, A_WHOLE_CHAIN, THE_PINNED_ONE, ANOTHER_ONE)

SELF_SIGNED = Cause(
    code="tls.self_signed",
    owner="platform",
    summary=(
        "The certificate of {host} is self-signed: no authority vouches for it[; "
        "options.tls.caCertificate contains {given}, which is another certificate]" + _ELSEWHERE
    ),
    remedies=(
        _AS_ON_THE_OTHERS,
        _PIN_IT,
        "Install a certificate issued by an authority on {host}.",
    ),
    field="options.tls",
)
INCOMPLETE_CHAIN = Cause(
    code="tls.incomplete_chain",
    owner="platform",
    summary=(
        "{host} does not send the certificate of its issuer {missing}, so its chain does not lead "
        "to a trusted authority[; options.tls.caCertificate contains {given}]" + _ELSEWHERE
    ),
    remedies=(
        "Configure {host} to send the certificate of {missing} after its own[; its certificate "
        "gives {usable_issuer_url} as the source].",
        "If {missing} is the root authority, set options.tls.caCertificate to its certificate.",
    ),
)
PRIVATE_CA = Cause(
    code="tls.private_ca",
    owner="caller",
    summary=(
        "The certificate of {host} was issued by an authority that this service does not trust[: "
        "{authority}][; options.tls.caCertificate contains {given}]" + _ELSEWHERE
    ),
    remedies=(
        "Set options.tls.caCertificate to the certificate of that authority[ ({authority})][; "
        "{ca_source}].",
        _PIN_IT,
        "Configure {host} to send its intermediate certificates too.",
    ),
    field="options.tls",
)
SIGNATURE_INVALID = Cause(
    code="tls.signature_invalid",
    owner="caller",
    summary=(
        "A signature in the chain of {host} does not match its authority's key[: {authority}][, "
        "{kept_in}]" + _ELSEWHERE
    ),
    remedies=(
        "Set options.tls.caCertificate to the authority's current certificate; an authority that "
        "was set up again keeps its name, but not its key.",
        "Install the certificate on {host} again, with the chain that belongs to it.",
    ),
    field="options.tls.caCertificate",
)
NOT_YET_VALID = Cause(
    code="tls.not_yet_valid",
    owner="platform",
    summary=(
        "A certificate of {host} is not valid yet[: that of {early_subject} is valid from {date}, "
        "and this service's clock says {our_clock}]" + _ELSEWHERE
    ),
    remedies=(
        _AS_ON_THE_OTHERS,
        "Correct the clock of the machine that issued it, then issue the certificate again.",
        "Ask the operators of this service to check its clock[, if {our_clock} is wrong].",
    ),
)
EXPIRED = Cause(
    code="tls.expired",
    owner="platform",
    summary="The certificate of {host} expired on {date}[, {days:day|days} ago]" + _ELSEWHERE,
    remedies=(
        _AS_ON_THE_OTHERS,
        "Renew the certificate of {host}, which {issuer} issued.",
        "If it has already been renewed, restart the service on port {port}: it still sends the "
        "old certificate.",
    ),
)
CHAIN_EXPIRED = Cause(
    code="tls.chain_expired",
    owner="platform",
    summary=(
        "A certificate in the chain of {host} has expired[: that of {expired_subject}, {kept_in}, "
        "expired on {date}][, {days:day|days} ago]" + _ELSEWHERE
    ),
    remedies=(
        "[Set options.tls.caCertificate to the current certificate of {given_expired}.]",
        "[Replace the expired certificate of {sent_expired} in the chain that {host} sends.]",
        "Renew the certificate of {host}, with the authority's current chain.",
    ),
)
WEAK_KEY_OR_HASH = Cause(
    code="tls.weak_key_or_hash",
    owner="platform",
    summary="The certificate of {host} has a key or a signature that is too weak[: {key_type} with "
    "{key_bits} bits, signed with {signature_hash}, of {weak_subject}]" + _ELSEWHERE,
    remedies=("Issue the certificate again with RSA 2048 bits or more, or ECDSA, and SHA-256.",),
)
WRONG_EKU = Cause(
    code="tls.wrong_eku",
    owner="platform",
    summary=(
        "The certificate of {host} is not for servers[: its extended key usage is {usages}][: its "
        "key usage is {key_usages}][: the certificate of {usage_subject} above it is only for "
        "{issuer_usages}]" + _ELSEWHERE
    ),
    remedies=(
        "[Have it issued by an authority that is not limited to {issuer_usages}.]",
        "Issue the certificate again with the extended key usage serverAuth (1.3.6.1.5.5.7.3.1)[ "
        "and the key usage digitalSignature instead of {key_usages}].",
    ),
)
WRONG_CA_FLAG = Cause(
    code="tls.wrong_ca_flag",
    owner="platform",
    summary=(
        "The certificate of {host} was issued with a certificate that may not issue others[: "
        "{issuer_subject}][, {kept_in}][; {ca_fault}][; {limited_by} allows "
        "{path_length:authority|authorities} below it]" + _ELSEWHERE
    ),
    remedies=(
        "Have the certificate issued again by an authority whose certificate has CA:TRUE, the key "
        "usage keyCertSign and a sufficient path length.",
    ),
)
CERTIFICATE_INVALID = Cause(
    code="tls.certificate_invalid",
    owner="platform",
    summary=(
        "The certificate of {invalid_subject}, {kept_in}, is invalid: {rule}[: {extension}]"
        + _ELSEWHERE
    ),
    remedies=(
        "Issue the certificate of {invalid_subject} again without this fault: OpenSSL, Go and "
        "others reject it.",
        "[Set options.tls.caCertificate to the new certificate of {given_invalid}.]",
    ),
)
CERTIFICATE_UNREADABLE = Cause(
    code="tls.certificate_unreadable",
    owner="platform",
    summary=(
        "Certificate {position} of the {sent_certificates} that {host} sends cannot be read: it is "
        "no valid DER (X.509)"
    ),
    remedies=(
        "Install the certificate and its chain on {host} again, from PEM files that "
        "`openssl x509 -text` can show.",
    ),
)
CRITICAL_EXTENSION = Cause(
    code="tls.critical_extension",
    owner="platform",
    summary=(
        "The certificate of {critical_subject}, {kept_in}, has a critical extension that this "
        "service does not know and must therefore reject: {extension}" + _ELSEWHERE
    ),
    remedies=(
        "Issue the certificate of {critical_subject} again without {extension}, or without marking "
        "it critical.",
        _PIN_IT,
    ),
)
NAME_CONSTRAINT = Cause(
    code="tls.name_constraint",
    owner="platform",
    summary=(
        "The certificate of {host} contains {outside}, for which the authority {constrained} may "
        "not vouch: its name constraints [permit only {permitted}][exclude {excluded}]" + _ELSEWHERE
    ),
    remedies=(
        "Issue the certificate of {host} again, only with names that {constrained} may vouch for.",
        "Have it issued by an authority without this constraint.",
    ),
)
CN_ONLY = Cause(
    code="tls.cn_only",
    owner="platform",
    summary=(
        "The certificate of {host} has the name only in its Common Name, which clients no longer "
        "accept" + _ELSEWHERE
    ),
    remedies=("Issue the certificate again, with {host} as a subject alternative name (SAN).",),
)
IP_NOT_IN_SAN = Cause(
    code="tls.ip_not_in_san",
    owner="caller",
    summary=(
        "The certificate at {host} is not valid for this address[, only for {valid_for}]"
        + _NOT_COUNTED
        + _ELSEWHERE
    ),
    remedies=(
        _RIGHT_ENTRY,
        "[Use a name in the endpoint that the certificate is valid for: {usable_nearest}.]",
        "Issue a certificate that contains the address {host}.",
    ),
    field="endpoint",
)
HOSTNAME_MISMATCH = Cause(
    code="tls.hostname_mismatch",
    owner="caller",
    summary=(
        "The certificate of {host} is not valid for this name[, only for {valid_for}]"
        + _NOT_COUNTED
        + _ELSEWHERE
    ),
    remedies=(
        _RIGHT_ENTRY,
        "[Use a name in the endpoint that the certificate is valid for: {usable_nearest}.]",
        "Issue a certificate for {host}.",
    ),
    field="endpoint",
)
DEFAULT_VHOST_CERT = Cause(
    code="tls.default_vhost_cert",
    owner="platform",
    summary=(
        "The server at {host} selects its certificate by name and has none for {host}: it sends "
        "that of {subject}, and without a name that of {default_subject}"
    ),
    remedies=(
        ("Add a certificate for {host} to the server names (SNI) of the server or load balancer."),
    ),
)
PIN_CHANGED = Cause(
    code="tls.pin_changed",
    owner="caller",
    summary=(
        "{host} sends a certificate with SHA-256 {sha256}, not the pinned one[ "
        "({pinned_sha256})][; {issuer} issued the new one, valid from {not_before} to {not_after}]"
        "[; the pinned one is that of {pinned_subject}, which the server sends as an issuer]"
        + _ELSEWHERE
    ),
    remedies=(
        "Check on {host} whether its certificate was renewed: if so, pin the new one; if not, the "
        "connection may be intercepted.",
    ),
    field="options.tls.fingerprintSha256",
)
NOT_TRUSTED = Cause(
    code="tls.not_trusted",
    owner="platform",
    summary=(
        "The certificate of {host} cannot be trusted: {reason}[: that of {authority}, {kept_in}] "
        "(OpenSSL verify code {verify_code})" + _ELSEWHERE
    ),
    remedies=("Check the certificate with `openssl s_client -connect {host}:{port}`.",),
)

NODES_DIFFER = Cause(
    code="tls.nodes_differ",
    owner="platform",
    summary=(
        "Another connection to the same address of {host} received {elsewhere}[: that of "
        "{other_subject}, SHA-256 {other_sha256}]: several servers answer there"
    ),
    remedies=(
        "Install the same certificate on every server behind the address of {host}; the one to "
        "correct sends the certificate with SHA-256 {sha256}.",
    ),
)

# X509_V_ERR_* of OpenSSL's x509_vfy.h.
_CAUSE_BY_VERIFY_CODE = {
    2: PRIVATE_CA,
    7: SIGNATURE_INVALID,
    9: NOT_YET_VALID,
    10: CHAIN_EXPIRED,  # the chain shows which certificate it is
    18: SELF_SIGNED,
    19: PRIVATE_CA,
    20: PRIVATE_CA,
    21: PRIVATE_CA,
    25: WRONG_CA_FLAG,
    26: WRONG_EKU,
    32: WRONG_CA_FLAG,
    62: HOSTNAME_MISMATCH,
    64: IP_NOT_IN_SAN,
    66: WEAK_KEY_OR_HASH,
    67: WEAK_KEY_OR_HASH,
    68: WEAK_KEY_OR_HASH,
    79: WRONG_CA_FLAG,
}


def cause_of(verify_code: int) -> Cause:
    """Return the cause for OpenSSL's verdict on a chain."""
    return _CAUSE_BY_VERIFY_CODE.get(verify_code, NOT_TRUSTED)
