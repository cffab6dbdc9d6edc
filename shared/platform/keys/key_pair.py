"""Causes of a rejected key pair that all platforms share."""

from shared.diagnosis.causes import Cause

UNKNOWN_ACCESS_KEY = Cause(
    code="auth.unknown_access_key",
    owner="caller",
    summary="{host} reports that the accessKey is unknown or disabled",
    remedies=(
        "Check the accessKey, {product}'s {access_key_is}, and that it is enabled.",
        "Check that the key was created on the platform and in the region of {host}[: {aws_region} "
        "must be enabled for the account, and the partitions of AWS ({partition} here; China and "
        "GovCloud are others) do not know each other's keys].",
        "[Use a {right_kind}, not a {wrong_kind}.]",
    ),
    field="accessKey",
    is_rejection=True,
)
ACCESS_KEY_NOT_FOUND = Cause(
    code="auth.access_key_not_found",
    owner="caller",
    summary="{host} does not know the accessKey",
    remedies=(
        "Check the accessKey, {product}'s {access_key_is}.",
        "Check that the key was created on {host}.",
    ),
    field="accessKey",
    is_rejection=True,
)
KEY_DISABLED = Cause(
    code="auth.key_disabled",
    owner="caller",
    summary="{host} knows the accessKey, but it is disabled",
    remedies=("Enable the key or its owner on {product}, or enter another key.",),
    field="accessKey",
    is_rejection=True,
)
ACCOUNT_LOCKED = Cause(
    code="auth.account_locked",
    owner="platform",
    summary=(
        "{host} has locked the accessKey[ for {locked_min:minute|minutes}] after too many "
        "failed sign-ins"
    ),
    remedies=(
        "Wait until the lock ends, then test once with the correct secretKey.",
        "Look for a program that still signs in with an old secretKey.",
    ),
    field="accessKey",
    is_rejection=True,
)
ACCESS_KEY_MALFORMED = Cause(
    code="auth.access_key_malformed",
    owner="caller",
    summary="{host} cannot parse the accessKey; it does not have the format of {product}'s keys",
    remedies=("Copy {product}'s {access_key_is} again, with nothing before or after it.",),
    field="accessKey",
)
SECRET_MISMATCH = Cause(
    code="auth.secret_mismatch",
    owner="caller",
    summary=(
        "{host} knows the accessKey, but rejects the secretKey[ or the request: the {algorithm} "
        "signature does not fit what arrived]"
    ),
    remedies=(
        "Enter the secretKey that was created together with this accessKey.",
        "[If a proxy is in front of {host}, have it pass the request on unchanged, above all Host "
        "(with its port), path and date: the {algorithm} signature depends on them.]",
        "[Test {product} directly, without a proxy: if it accepts the {algorithm} signature, the "
        "proxy is the cause.]",
    ),
    field="secretKey",
    is_rejection=True,
)
SIGNATURE_MISMATCH = Cause(
    code="auth.signature_mismatch",
    owner="platform",
    summary=(
        "{host} computes another {algorithm} signature than the one that was sent: something "
        "changed the signed request on its way[, such as the proxy that answers ({proxy})][; it "
        "arrived with Host {seen_host}][; the endpoint has the path {path}], or the key pair is "
        "wrong"
    ),
    remedies=(
        "Have the proxy in front of {host} pass on Host (with its port) and the path unchanged: "
        "the signature covers both.",
        "Test {product} directly, without the proxy[ and without the path {path}].",
        "Check the accessKey, and enter the secretKey that was created together with it.",
    ),
    field="secretKey",
    is_rejection=True,
)
KEY_NOT_JUDGED = Cause(
    code="auth.key_not_judged",
    owner="caller",
    summary=(
        "{host} denies the request as it denies one that is signed with an unknown key: either the "
        "key pair is wrong, or it may not call {api}, or the signature did not arrive"
    ),
    remedies=(
        "[Set {option} if the key may only read one bucket.]",
        "Check the accessKey, {product}'s {access_key_is}, and enter its secretKey again.",
        "Check that a proxy in front of {host}, if there is one, passes on the Authorization "
        "header.",
    ),
    field="accessKey",
    is_rejection=True,
)
ACCOUNT_PROBLEM = Cause(
    code="auth.account_problem",
    owner="platform",
    summary="{host} refuses the account that the key pair belongs to ({error_code})",
    remedies=(
        "Check on {product} that the account is active, verified and paid for, and that it has "
        "opened the service.",
    ),
)
INVALID_CREDENTIALS = Cause(
    code="auth.invalid_credentials",
    owner="caller",
    summary="{host} rejects the key pair: it may be unknown, wrong, disabled, locked or expired",
    remedies=(
        "Check the accessKey, {product}'s {access_key_is}, and enter its secretKey again.",
        "Check on {product} that the key and its owner are enabled and have not expired.",
        "Look for the reason in the log of {host}.",
    ),
    field="secretKey",
    is_rejection=True,
)
LOGIN_REFUSED = Cause(
    code="auth.login_refused",
    owner="caller",
    summary=(
        "{host} rejects the sign-in: the user may be unknown, disabled, locked or expired, or the "
        "password wrong"
    ),
    remedies=(
        "Check the user in accessKey and enter the password in secretKey again, once: further "
        "attempts can lock the user.",
        "Check on {product} that the user is enabled, not locked, and has not expired.",
    ),
    field="secretKey",
    is_rejection=True,
)
KEY_EXPIRED = Cause(
    code="auth.key_expired",
    owner="caller",
    summary="{host} reports that the accessKey expired[ on {expired_on}]",
    remedies=("Renew the key on {product}, or enter another key.",),
    field="accessKey",
    is_rejection=True,
)
SESSION_TOKEN_MISSING = Cause(
    code="auth.session_token_missing",
    owner="caller",
    summary="The accessKey is a temporary one; {host} accepts it only with its session token",
    remedies=(
        "Set options.sessionToken to the session token that was issued with the key.",
        "Use the long-term access key of a user.",
    ),
    field="options.sessionToken",
)
SESSION_TOKEN_EXPIRED = Cause(
    code="auth.session_token_expired",
    owner="caller",
    summary="{host} reports that the temporary key pair has expired",
    remedies=(
        "Get a new temporary key pair with its session token.",
        "Use the long-term access key of a user.",
    ),
    field="options.sessionToken",
    is_rejection=True,
)
SESSION_TOKEN_INVALID = Cause(
    code="auth.session_token_invalid",
    owner="caller",
    summary="{host} rejects the session token",
    remedies=("Enter the session token that was issued with this key pair.",),
    field="options.sessionToken",
    is_rejection=True,
)
PASSWORD_EXPIRED = Cause(
    code="auth.password_expired",
    owner="caller",
    summary=(
        "{host} demands a new password of the user or account that the accessKey belongs to[ "
        "({error_code})]: the old one has expired"
    ),
    remedies=(
        "Sign in to {product} as this user or account, and set a new password.",
        "Enter the new password if the secretKey is the password; an access key stays as it is.",
    ),
    field="secretKey",
    is_rejection=True,
)
SOURCE_IP_NOT_ALLOWED = Cause(
    code="auth.source_ip_not_allowed",
    owner="platform",
    summary=(
        "{host} refuses requests from the address that this one came from[: {seen_as}][ "
        "({error_code})]"
    ),
    remedies=(
        "On {product}, add [{source}|this service's address] to the IP allowlist, or remove it "
        "from the blocklist.",
        "If {host} sees the address of a proxy, allow that one, or have the proxy pass on the "
        "right one.",
    ),
)
SENT_IN_CLEAR = Cause(
    code="auth.sent_in_clear",
    owner="platform",
    severity="warning",
    summary=(
        "The secretKey was sent to {host} over plain http; anyone on the network path can read it"
    ),
    remedies=(
        "Serve {product} over TLS, and use https:// in the endpoint.",
        "Then change the secretKey.",
    ),
    field="endpoint",
)
MFA_OR_SSO_REQUIRED = Cause(
    code="auth.mfa_or_sso_required",
    owner="caller",
    summary="{host} requires a second factor for this account, which a program cannot provide",
    remedies=(
        "Use a key that is meant for programs, like an API token: it needs no second factor.",
        "Use an account of {product} that signs in without a second factor.",
    ),
    field="accessKey",
)
THROTTLED = Cause(
    code="auth.throttled",
    owner="platform",
    summary="{host} is rejecting requests with this key for now: too many requests ({error_code})",
    remedies=("Wait a minute, then test again.",),
)
HEADER_LOST = Cause(
    code="auth.header_lost",
    owner="platform",
    summary=(
        "{host} did not receive the key pair: something in front of it removes the Authorization "
        "header[, or it is older than {since}]"
    ),
    remedies=(
        "Use the address of {product} itself, not of a proxy.",
        "Configure the proxy in front of {host} to pass on the Authorization header.",
    ),
    field="endpoint",
)
REQUEST_REPLAYED = Cause(
    code="auth.request_replayed",
    owner="network",
    summary=(
        "{host} reports that it has received this request before, although it was sent only once"
    ),
    remedies=("Look for a proxy that repeats requests between this service and {host}.",),
)
REGION_INVALID = Cause(
    code="api.region_invalid",
    owner="caller",
    summary="{host} does not belong to the region {region}[; its region is {right_region}]",
    remedies=(
        "Set options.region to the region of {host}.",
        "Use the endpoint of the region {region}.",
    ),
    field="options.region",
)
DENIED = Cause(
    code="authz.denied",
    owner="platform",
    summary="The key pair is correct, but it is not allowed to call {api}[; it belongs to {user}]",
    remedies=(
        "[Set {option} if the key may only read one bucket.]",
        "Grant the owner of the key permission to call {api}[, by {granted_by}].",
    ),
    field="accessKey",
)
EXPLICIT_DENY = Cause(
    code="authz.explicit_deny",
    owner="platform",
    summary="The key pair is correct, but a policy explicitly denies it {api}[: {policy}]",
    remedies=(
        "Ask the administrator of the organisation or of the network endpoint to allow {api}: a "
        "deny there overrides what the key is granted.",
        "Check the conditions of the policy: it may demand another source address[ than {source}], "
        "a second factor (MFA) or a VPC endpoint.",
    ),
    field="accessKey",
)
IDENTITY_CALL_DENIED = Cause(
    code="authz.identity_call_denied",
    owner="platform",
    summary=(
        "{host} denies the key pair {api}, which needs no permission: something above the "
        "permissions of its owner forbids it"
    ),
    remedies=(
        "Look for a policy of the organisation, of the session or of a network endpoint that "
        "denies {api}.",
        "Check whether the key may be used only from other source addresses, or only with a second "
        "factor (MFA).",
    ),
)
POLICY_LIMIT = Cause(
    code="authz.policy_limit",
    owner="platform",
    summary="The key pair is correct, but {policy} does not allow it {api}",
    remedies=(
        "Allow {api} in {policy}: what the owner of the key is granted does not count without it.",
    ),
)
OVERPRIVILEGED = Cause(
    code="authz.overprivileged",
    owner="caller",
    severity="warning",
    summary="The key belongs to {principal}, which has all permissions and cannot be restricted",
    remedies=("Create a user with only the permissions that are needed, and use its key.",),
    field="accessKey",
)
CLOCK_OFF = Cause(
    code="api.clock_off",
    owner="platform",
    severity="warning",
    summary="The clock of {host} is[ {ahead_s} s ahead of][ {behind_s} s behind] this service's",
    remedies=(
        "Correct NTP on {host}: it rejects clients that sign with their own clock if that differs "
        "by more than {allowed_s} s.",
        "Correct this service's clock if {host} is a public cloud, whose clock can be trusted.",
    ),
)
CLOCK_SKEW = Cause(
    code="auth.clock_skew",
    owner="platform",
    summary=(
        "{host} rejects the date of the request[ in each of {time_zones} time zones][; its clock "
        "is {ahead_s} s ahead of this service's][; its clock is {behind_s} s behind this "
        "service's][; the time of its answers is right ({shown_skew_s} s off), so a server behind "
        "it has another clock]"
    ),
    remedies=(
        "Correct the clock and the time zone of {host}, and of every server behind it (NTP); the "
        "difference must not exceed {allowed_s} s.",
        "Correct this service's clock if {host} is a public cloud, whose clock can be trusted.",
        "Set options.timeZone to the server's time zone if {product} has this option.",
    ),
)
EMPTY_INVENTORY = Cause(
    code="authz.empty_inventory",
    owner="platform",
    severity="warning",
    summary="The key pair has read access, but sees no resources: {host} returns 0 {resources}",
    remedies=(
        "On {product}, share the resources to be managed with the owner of the key.",
        "Use the key pair of an account that owns the resources.",
    ),
    field="accessKey",
)
