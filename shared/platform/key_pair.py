"""What a platform can hold against a key pair, whichever platform it is."""

from shared.diagnosis.causes import Cause

UNKNOWN_KEY = Cause(
    code="auth.unknown_access_key",
    owner="caller",
    summary="{host} does not know the accessKey, or it is disabled; it does not say which",
    remedies=(
        "Check the accessKey, {product}'s {access_key_is}, and that it is enabled.",
        "Check that {host} is of the region and the platform that the key was made on.",
    ),
    field="accessKey",
    is_rejection=True,
)
NO_SUCH_KEY = Cause(
    code="auth.access_key_not_found",
    owner="caller",
    summary="{host} does not know the accessKey",
    remedies=(
        "Check the accessKey, {product}'s {access_key_is}.",
        "Check that {host} is where the key was made.",
    ),
    field="accessKey",
    is_rejection=True,
)
KEY_DISABLED = Cause(
    code="auth.key_disabled",
    owner="caller",
    summary="{host} knows the accessKey, but it is disabled",
    remedies=("Enable the key or its owner on {product}, or enter another one.",),
    field="accessKey",
    is_rejection=True,
)
KEY_LOCKED = Cause(
    code="auth.account_locked",
    owner="platform",
    summary="{host} has locked the accessKey[ for {locked_min} minutes] after too many sign-ins "
    "that failed",
    remedies=(
        "Wait until the lock ends, then test once with the right secretKey.",
        "Look for a program that still signs in with an old secretKey.",
    ),
    field="accessKey",
    is_rejection=True,
)
MALFORMED_KEY = Cause(
    code="auth.access_key_malformed",
    owner="caller",
    summary="{host} can't read the accessKey; it is not of the form that {product}'s keys have",
    remedies=("Copy {product}'s {access_key_is} again, without anything around it.",),
    field="accessKey",
)
WRONG_SECRET = Cause(
    code="auth.secret_mismatch",
    owner="caller",
    summary="{host} knows the accessKey, but the secretKey does not belong to it",
    remedies=("Enter the secretKey that was made together with this accessKey.",),
    field="secretKey",
    is_rejection=True,
)
REFUSED_PAIR = Cause(
    code="auth.invalid_credentials",
    owner="caller",
    summary="{host} refuses the key pair: unknown, wrong, disabled, locked or expired; it does "
    "not say which",
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
    summary="{host} refuses the user or the password: unknown, wrong, disabled, expired or locked; "
    "it does not say which",
    remedies=(
        "Check the user in accessKey and enter the password in secretKey again, once: more "
        "attempts can lock the user.",
        "Check on {product} that the user is enabled, not locked, and has not expired.",
    ),
    field="secretKey",
    is_rejection=True,
)
KEY_EXPIRED = Cause(
    code="auth.key_expired",
    owner="caller",
    summary="{host} knows the accessKey, but it has expired[ on {expired_on}]",
    remedies=("Have it renewed on {product}, or enter another one.",),
    field="accessKey",
    is_rejection=True,
)
TOKEN_MISSING = Cause(
    code="auth.session_token_missing",
    owner="caller",
    summary="The accessKey is a temporary one; {host} takes it with its session token alone",
    remedies=(
        "Give the session token that came with the key as options.sessionToken.",
        "Use the access key of a user, which lasts.",
    ),
    field="options.sessionToken",
)
TOKEN_EXPIRED = Cause(
    code="auth.session_token_expired",
    owner="caller",
    summary="The temporary key pair has expired, says {host}",
    remedies=(
        "Get a new temporary key pair with its session token.",
        "Use the access key of a user, which lasts.",
    ),
    field="options.sessionToken",
    is_rejection=True,
)
TOKEN_INVALID = Cause(
    code="auth.session_token_invalid",
    owner="caller",
    summary="{host} refuses the session token",
    remedies=("Give the session token that came with this very key pair.",),
    field="options.sessionToken",
    is_rejection=True,
)
PASSWORD_EXPIRED = Cause(
    code="auth.password_expired",
    owner="caller",
    summary="{host} knows the user, but the password has expired",
    remedies=("Set a new password on {product}, and give it as secretKey.",),
    field="secretKey",
    is_rejection=True,
)
SENT_IN_CLEAR = Cause(
    code="auth.sent_in_clear",
    owner="platform",
    severity="warning",
    summary="The secretKey went to {host} over plain http, where all on the way can read it",
    remedies=(
        "Serve {product} over TLS, and begin the endpoint with https://.",
        "Change the secretKey as soon as that is done.",
    ),
    field="endpoint",
)
MFA_REQUIRED = Cause(
    code="auth.mfa_or_sso_required",
    owner="caller",
    summary="{host} takes this account with a second factor alone, which a program does not have",
    remedies=("Use the key of an account that is meant for programs.",),
    field="accessKey",
)
THROTTLED = Cause(
    code="auth.throttled",
    owner="platform",
    summary="{host} turns requests of this key away for now: too many ({error_code})",
    remedies=("Wait a minute, then test again.",),
)
REPLAYED = Cause(
    code="auth.request_replayed",
    owner="network",
    summary="{host} has seen this very request before, although it was sent once",
    remedies=("Look for a proxy that repeats requests between this service and {host}.",),
)
REGION_INVALID = Cause(
    code="api.region_invalid",
    owner="caller",
    summary="{host} is not of the region {region}[; its region is {right_region}]",
    remedies=(
        "Give the region that {host} is of as options.region.",
        "Give the endpoint of the region {region}.",
    ),
    field="options.region",
)
DENIED = Cause(
    code="authz.denied",
    owner="platform",
    summary="The key pair is right, but it may not call {api}",
    remedies=("Grant the key's owner the right to call {api}.",),
    field="accessKey",
)
EXPLICIT_DENY = Cause(
    code="authz.explicit_deny",
    owner="platform",
    summary="The key pair is right, but a policy forbids it expressly to call {api}",
    remedies=(
        "Ask who governs the organisation or the network endpoint to allow {api}: a deny there "
        "outweighs what is granted to the key.",
    ),
    field="accessKey",
)
OVERPRIVILEGED = Cause(
    code="authz.overprivileged",
    owner="caller",
    severity="warning",
    summary="The key is that of {principal}, who may do everything and can't be limited",
    remedies=("Make a user for this purpose with the rights that it needs, and use its key.",),
    field="accessKey",
)
CLOCK_OFF = Cause(
    code="api.clock_off",
    owner="platform",
    severity="warning",
    summary="The clock of {host} is[ {ahead_s} s ahead of][ {behind_s} s behind] this service's",
    remedies=(
        "Set NTP right on {host}: clients that sign with their own clock are refused beyond "
        "{allowed_s} s.",
        "Set this service's clock right where {host} is a public cloud, whose clock is.",
    ),
)
CLOCK_SKEW = Cause(
    code="auth.clock_skew",
    owner="platform",
    summary="{host} refuses the date of the request[ in each of {time_zones} time zones]; its "
    "clock is[ {ahead_s} s ahead of][ {behind_s} s behind] this service's",
    remedies=(
        "Set the clock and the time zone of {host} right (NTP); {allowed_s} s of difference are "
        "allowed.",
        "Set this service's clock right where {host} is a public cloud, whose clock is.",
        "Give the server's time zone as options.timeZone where {product} takes one.",
    ),
)
EMPTY_INVENTORY = Cause(
    code="authz.empty_inventory",
    owner="platform",
    severity="warning",
    summary="The key pair may read, but sees nothing: {host} shows it 0 {resources}",
    remedies=(
        "Share the resources that are to be managed with the key's owner on {product}.",
        "Use the key pair of an account that owns them.",
    ),
    field="accessKey",
)
