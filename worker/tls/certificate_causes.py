"""What can be wrong with a chain of certificates, by OpenSSL's number where it has one."""

from shared.diagnosis.causes import Cause

_PIN_IT = (
    "Compare the certificate's SHA-256[ {sha256}] with the one on {host}, then give it as "
    "options.tls.fingerprintSha256."
)

SELF_SIGNED = Cause(
    code="tls.self_signed",
    owner="platform",
    summary="The certificate of {host} is self-signed, so nobody vouches for it",
    remedies=(_PIN_IT, "Install a certificate of an authority on {host}."),
    field="options.tls",
)
INCOMPLETE_CHAIN = Cause(
    code="tls.incomplete_chain",
    owner="platform",
    summary="{host} does not send the certificate of {missing}, which issued its own, so it leads "
    "to no authority",
    remedies=(
        "Have {host} send the certificate of {missing} after its own[; it says that it can be "
        "had at {issuer_url}].",
        "Give the certificate of {missing} as options.tls.caCertificate, if that is the authority "
        "itself.",
    ),
)
PRIVATE_CA = Cause(
    code="tls.private_ca",
    owner="caller",
    summary="The certificate of {host} is from an authority that is not trusted here"
    "[: {authority}]",
    remedies=(
        "Give that authority's certificate[ ({authority})] as options.tls.caCertificate.",
        _PIN_IT,
        "Have {host} send its intermediate certificates too.",
    ),
    field="options.tls",
)
BAD_SIGNATURE = Cause(
    code="tls.signature_invalid",
    owner="caller",
    summary="A signature in the chain of {host} does not fit its authority's key[: {authority}]",
    remedies=(
        "Give the authority's present certificate as options.tls.caCertificate; one that was set "
        "up anew keeps its name but not its key.",
        "Install the certificate on {host} again, with the chain that belongs to it.",
    ),
    field="options.tls.caCertificate",
)
NOT_YET_VALID = Cause(
    code="tls.not_yet_valid",
    owner="platform",
    summary="A certificate of {host} is not valid yet[: that of {early_subject} begins on {date}, "
    "and this service's clock says {our_clock}]",
    remedies=(
        "Set the clock of the machine that issued it right, and issue the certificate again.",
        "Ask the operators to check this service's clock[, if {our_clock} is wrong].",
    ),
)
EXPIRED = Cause(
    code="tls.expired",
    owner="platform",
    summary="The certificate of {host} expired on {date}, {days} days ago",
    remedies=(
        "Renew the certificate of {host}, which {issuer} issued.",
        "Restart the service on port {port} if it was renewed already: it still shows the old one.",
    ),
)
CHAIN_EXPIRED = Cause(
    code="tls.chain_expired",
    owner="platform",
    summary="A certificate in the chain of {host} expired[: that of {expired_subject} on {date}, "
    "{days} days ago]",
    remedies=(
        "Replace the expired certificate[ of {expired_subject}] in the chain that {host} sends.",
        "Renew the certificate of {host}, with the authority's present chain.",
    ),
)
WEAK = Cause(
    code="tls.weak_key_or_hash",
    owner="platform",
    summary="The certificate of {host} has a key or a signature that is too weak[: {key_type} with "
    "{key_bits} bits, signed with {signature_hash}, of {weak_subject}]",
    remedies=("Issue it again with RSA 2048 bits or more, or ECDSA, and SHA-256.",),
)
WRONG_USE = Cause(
    code="tls.wrong_eku",
    owner="platform",
    summary="The certificate of {host} is not one for servers[: its extended key usage is "
    "{usages}]",
    remedies=("Issue it again with the extended key usage serverAuth (1.3.6.1.5.5.7.3.1).",),
)
NOT_AN_AUTHORITY = Cause(
    code="tls.wrong_ca_flag",
    owner="platform",
    summary="The certificate of {host} is issued by one that may not issue any[: {issuer_subject}]",
    remedies=(
        "Issue it again by an authority whose certificate has CA:TRUE, the key usage keyCertSign "
        "and a path length that allows it.",
    ),
)
CN_ONLY = Cause(
    code="tls.cn_only",
    owner="platform",
    summary="The certificate of {host} has the name in its common name alone, which counts no more",
    remedies=("Issue it again with {host} as a subject alternative name (SAN).",),
)
IP_NOT_IN_SAN = Cause(
    code="tls.ip_not_in_san",
    owner="caller",
    summary="The certificate at {host} is not valid for that address[, but for {valid_for}]",
    remedies=(
        "Use a name in the endpoint that the certificate is valid for[: {nearest}].",
        "Issue a certificate that names the address {host}.",
    ),
    field="endpoint",
)
HOSTNAME_MISMATCH = Cause(
    code="tls.hostname_mismatch",
    owner="caller",
    summary="The certificate of {host} is not valid for that name[, but for {valid_for}]",
    remedies=(
        "Use a name in the endpoint that the certificate is valid for[: {nearest}].",
        "Issue a certificate for {host}.",
    ),
    field="endpoint",
)
DEFAULT_VHOST = Cause(
    code="tls.default_vhost_cert",
    owner="platform",
    summary="The server at {host} chooses its certificate by name and has none for {host}: it "
    "shows that of {subject}, and without a name that of {default_subject}",
    remedies=("Set up a certificate for {host} in the server's or load balancer's names (SNI).",),
)
NOT_TRUSTED = Cause(
    code="tls.not_trusted",
    owner="platform",
    summary="The certificate of {host} can't be trusted (OpenSSL verify code {verify_code})",
    remedies=("Check the certificate with `openssl s_client -connect {host}:{port}`.",),
)

# X509_V_ERR_* of OpenSSL's x509_vfy.h.
_CAUSE_BY_VERIFY_CODE = {
    2: PRIVATE_CA,
    7: BAD_SIGNATURE,
    9: NOT_YET_VALID,
    10: CHAIN_EXPIRED,  # whose it is, only the chain can tell
    18: SELF_SIGNED,
    19: PRIVATE_CA,
    20: PRIVATE_CA,
    21: PRIVATE_CA,
    25: NOT_AN_AUTHORITY,
    26: WRONG_USE,
    32: NOT_AN_AUTHORITY,
    62: HOSTNAME_MISMATCH,
    64: IP_NOT_IN_SAN,
    66: WEAK,
    67: WEAK,
    68: WEAK,
    79: NOT_AN_AUTHORITY,
}


def cause_of(verify_code: int) -> Cause:
    """Return what OpenSSL's verdict on a chain stands for."""
    return _CAUSE_BY_VERIFY_CODE.get(verify_code, NOT_TRUSTED)
