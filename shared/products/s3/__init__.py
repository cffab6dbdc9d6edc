"""S3 and compatible stores: MinIO, Ceph RGW and others.

Facts are from the S3 API reference ("Error responses"), MinIO's cmd/api-errors.go and health check
guide, Swift's s3api, and tests of a Ceph RGW 16.2.
"""

import re
from dataclasses import dataclass, replace
from urllib.parse import quote

from pydantic import Field, SecretStr

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Facts, Failed, Passed
from shared.endpoint import Endpoint
from shared.platform.answers.not_the_product import may_be_refused_alone, not_the_product
from shared.platform.answers.said import Said
from shared.platform.answers.unexplained import refused_call, refused_sign_in
from shared.platform.answers.xml_answer import XmlAnswer
from shared.platform.http import Flow, HttpRequest, HttpResponse, answer_if_any
from shared.platform.keys.identity import Told, names
from shared.platform.keys.key_pair import (
    ACCESS_KEY_MALFORMED,
    DENIED,
    HEADER_LOST,
    KEY_NOT_JUDGED,
    REGION_INVALID,
    SESSION_TOKEN_MISSING,
    THROTTLED,
)
from shared.platform.keys.permissions import permissions
from shared.platform.keys.server_clock import ServerClock
from shared.platform.keys.signed_requests import (
    asks_for_signature,
    authorization_lost,
    policy_denies,
    signature_refused,
)
from shared.platform.product import Credentials, Product, ProductOptions, Secret
from shared.platform.sigv4 import SIGV4, SigV4
from shared.products.s3.kinds import (
    SWIFT,
    answers_signatures,
    edition_of,
    is_of_s3,
    may_be_s3,
    refuse_console,
)
from shared.products.s3.refusals import STORAGE_NOT_READY, Refusal

ALLOWED_SKEW_S = 900
USUAL_REGION = "us-east-1"
MOST_BUCKETS = 1000  # only AWS respects it; some stores have more than fit into an answer

BUCKET_NOT_FOUND = Cause(
    code="api.bucket_not_found",
    owner="caller",
    summary="The key pair is correct, but the bucket {bucket} does not exist on {host}",
    remedies=("Correct options.bucket, or create the bucket.",),
    field="options.bucket",
)
BUCKET_ELSEWHERE = Cause(
    code="api.bucket_elsewhere",
    owner="caller",
    summary=(
        "The bucket {bucket} is not at {host}[; its region is {right_region}][; its endpoint is "
        "{right_endpoint}]"
    ),
    remedies=("Use the endpoint of the bucket's region[, {right_region}][: {right_endpoint}].",),
    field="endpoint",
)
BUCKET_NEEDED = Cause(
    code="api.bucket_needed",
    owner="caller",
    summary=(
        "{host} does not list buckets ({error_code}), so a key pair can be tested with a bucket "
        "alone"
    ),
    remedies=("Set options.bucket to a bucket that the key may read.",),
    field="options.bucket",
)
BUCKET_IN_NAME = Cause(
    code="api.bucket_in_name",
    owner="caller",
    summary="{host} accepts a bucket only as part of the host name, not in the path",
    remedies=("Use {bucket}.{host} as the endpoint, and leave out options.bucket.",),
    field="endpoint",
)
BUCKET_IN_PATH = Cause(
    code="input.bucket_in_path",
    owner="caller",
    severity="warning",
    summary="The endpoint's path {path} may be a bucket, which belongs in options.bucket",
    remedies=("Remove the path from the endpoint, and set options.bucket.",),
    field="endpoint",
)

_HOST = re.compile(
    r"s3(?:\.dualstack|-fips)*[.-](?P<region>[a-z]+(?:-[a-z]+)+-[0-9]+)\.amazonaws\..*"
)
_RESULT = re.compile(rb"<List[A-Za-z]{1,30}Result[ >/]")
_VERSION = re.compile(r"[0-9][0-9a-z.+~-]{0,40}")
_LISTING, _READING = "s3:ListAllMyBuckets", "s3:ListBucket"
# Where no proxy is the customer's own.
_PUBLIC_STORES = (
    *(".amazonaws.com", ".amazonaws.com.cn", ".cloudflarestorage.com", ".backblazeb2.com"),
    *(".wasabisys.com", ".digitaloceanspaces.com", ".googleapis.com", ".oraclecloud.com"),
    *(".aliyuncs.com", ".myqcloud.com", ".myhuaweicloud.com", ".bcebos.com", ".volces.com"),
    *(".ksyuncs.com", ".scw.cloud", ".linodeobjects.com", ".idrivee2.com", ".storjshare.io"),
)


class S3Options(ProductOptions):
    """The options of S3."""

    region: str | None = Field(
        default=None,
        pattern="^[a-z0-9][a-z0-9_-]*$",
        max_length=63,
        description=(
            "The region to sign for, if the endpoint's name does not contain it; for Ceph, the "
            "zone group."
        ),
    )
    bucket: str | None = Field(
        default=None,
        pattern="^[A-Za-z0-9][A-Za-z0-9._-]+$",
        max_length=255,
        description="The bucket to read, for keys that are not allowed to list all buckets.",
    )
    session_token: Secret | None = Field(
        default=None, description="The session token of a temporary key pair."
    )


@dataclass(frozen=True, slots=True)
class S3Identity:
    """A store that answers: its kind, its clock, and what it says to strangers."""

    edition: str
    clock: ServerClock
    to_strangers: Refusal


@dataclass(frozen=True, slots=True)
class S3Session:
    """A key pair that the store accepted: how to sign further requests, and the answers.

    `of_bucket` is the answer to the list of the bucket's objects, if the sign-in needed it.
    """

    signing: SigV4
    bucket: str | None
    answer: HttpResponse
    of_bucket: HttpResponse | None = None


def hello(endpoint: Endpoint) -> HttpRequest:
    """Request the list of buckets without a signature, which each store refuses in its own form."""
    return HttpRequest("GET", f"{endpoint.path}/?max-buckets={MOST_BUCKETS}")


def identify(endpoint: Endpoint, hello: HttpResponse) -> Flow[Passed[S3Identity]]:
    """Check that this is an S3 that is ready, and find its kind.

    A store that words its refusal of strangers in another way is asked with a made-up key: its
    answer to that is an error of S3. If that does not help, a refusal that says nothing is left to
    the sign-in, which gives no secret away.
    """
    refuse_console(endpoint, hello)
    found = hello
    if not is_of_s3(hello):
        if not may_be_s3(hello):
            raise not_the_product(hello)
        found = yield _as_unknown(endpoint, _USUAL_LENGTH, USUAL_REGION, ServerClock.of(hello))
        refuse_console(endpoint, found)
        if not answers_signatures(found) and not may_be_refused_alone(hello):
            raise not_the_product(hello)
    _refuse_unready(found)
    edition, version = edition_of(found), ""
    if edition == "MinIO":
        request = HttpRequest("GET", f"{endpoint.path}/minio/health/live")
        if health := (yield from answer_if_any(request)):
            _refuse_unready(health)
    elif edition == "Ceph RGW":
        info = yield from answer_if_any(HttpRequest("GET", f"{endpoint.path}/swift/info"))
        version = _ceph_version(info) if info else ""
    clock = ServerClock.of(found)
    facts = {"version": version} if version else {}
    warnings = clock.warnings(ALLOWED_SKEW_S)
    return Passed(
        S3Identity(edition, clock, Refusal.of(hello)),
        *warnings,
        edition=edition,
        clock_skew_s=clock.skew_s,
        **facts,
    )


def authenticate(
    endpoint: Endpoint, options: S3Options, identity: S3Identity, credentials: Credentials
) -> Flow[Passed[S3Session]]:
    """List the buckets, once; a store with another region reports that before it judges the key."""
    access_key = credentials.access_key.get_secret_value()
    is_aws = identity.edition == "AWS S3"
    if is_aws and access_key.startswith("ASIA") and not options.session_token:
        raise Failed(SESSION_TOKEN_MISSING)
    match = _HOST.fullmatch(endpoint.server_name)
    region = options.region or (match["region"] if match else USUAL_REGION)
    signing = SigV4(endpoint, credentials, options.session_token, region, "s3")
    answer = yield signing.signed(hello(endpoint), identity.clock.now)
    right_region = Refusal.of(answer).region
    if right_region and right_region != region and not options.region:
        signing = replace(signing, region=right_region)
        answer = yield signing.signed(hello(endpoint), ServerClock.of(answer).now)
    session = S3Session(signing, options.bucket, answer)
    refusal = Refusal.of(answer)
    if refusal.code in _NO_LISTS:
        if not options.bucket:
            raise Failed(BUCKET_NEEDED, status=refusal.status, error_code=refusal.code)
        answer = yield signing.signed(_first_object(endpoint, options.bucket), identity.clock.now)
        session = replace(session, of_bucket=answer)
    if refusal.is_denial:
        session = yield from _in_spite_of_denial(endpoint, session, len(access_key))
    else:
        _refuse_rejection(endpoint, identity, answer, signing.region)
    return Passed(session, region=signing.region)


def ask_identity(endpoint: Endpoint, session: S3Session) -> Flow[Facts]:
    """Read from the list of buckets whose they are; MinIO says the same of every key."""
    yield from ()  # the signed answer is enough
    if edition_of(session.answer) == "MinIO":
        return {}
    listed = XmlAnswer.of(session.answer)
    return names(account=listed["ID"], account_name=listed["DisplayName"])


def authorize(endpoint: Endpoint, session: S3Session) -> Flow[Passed[None]]:
    """Check whether the key may read the bucket, or list the buckets if none is named.

    The first object of the bucket is listed, instead of a HEAD request: the permission is the same,
    and only an answer with a body names the fault.
    """
    denial = Refusal.of(session.answer)
    if session.bucket is None:
        if denial.is_denial:
            facts: Facts = {"api": _LISTING, "status": denial.status, "error_code": denial.code}
            failed = policy_denies(denial.message, **facts) or Failed(
                DENIED, option="options.bucket", **facts
            )
            failed.hear(Said.of(session.answer).facts)
            raise failed
        if b"<ListBucketResult" in session.answer.body[:512]:  # the endpoint's name has a bucket
            return permissions([_READING], [])
        table = permissions([_LISTING], [])
        return Passed(None, buckets=session.answer.text.count("<Bucket>"), **table.facts)
    answer = session.of_bucket
    if answer is None:
        now = ServerClock.of(session.answer).now
        answer = yield session.signing.signed(_first_object(endpoint, session.bucket), now)
    if not _lists(answer):
        failed = _unreadable(answer, session)
        failed.hear(Said.of(answer).facts)
        raise failed
    have = [_READING, *([_LISTING] if _lists(session.answer) else [])]
    return Passed(None, bucket=session.bucket, **permissions(have, []).facts)


def recognizes(response: HttpResponse) -> bool:
    """Return whether only an S3 sends such an answer, to any request."""
    return is_of_s3(response)


_NO_LISTS = ("MethodNotAllowed", "NotImplemented")  # of stores that cannot list their buckets
_USUAL_LENGTH = 20  # of the IDs that AWS and most others give


def _first_object(endpoint: Endpoint, bucket: str) -> HttpRequest:
    return HttpRequest("GET", f"{endpoint.path}/{quote(bucket)}?list-type=2&max-keys=1")


def _as_unknown(endpoint: Endpoint, length: int, region: str, clock: ServerClock) -> HttpRequest:
    """Return a request for the list of buckets that is signed with a made-up key."""
    nobody = Credentials(SecretStr("CONNCHECK".ljust(length, "0")[:length]), SecretStr("none"))
    signing = SigV4(endpoint, nobody, None, region, "s3")
    return replace(signing.signed(hello(endpoint), clock.now), presents_credentials=False)


def _in_spite_of_denial(endpoint: Endpoint, session: S3Session, length: int) -> Flow[S3Session]:
    """Return the session if the store denied the list of buckets to a key pair that it knows.

    Some stores answer unknown keys and wrong signatures in the same way, and a proxy can have
    removed the signature. So the bucket is read, if there is one; if that fails too, a request with
    a made-up key shows whether the store tells one from the other.

    Raises:
        Failed: KEY_NOT_JUDGED, it does not.
    """
    denial, clock = Refusal.of(session.answer), ServerClock.of(session.answer)
    if session.bucket:
        request = _first_object(endpoint, session.bucket)
        session = replace(session, of_bucket=(yield session.signing.signed(request, clock.now)))
        if session.of_bucket and _lists(session.of_bucket):
            return session
    if not denial.names_the_caller:
        request = _as_unknown(endpoint, length, session.signing.region, clock)
        if Refusal.of((yield request)) == denial:
            asked = {} if session.bucket else {"option": "options.bucket"}
            api = _READING if session.bucket else _LISTING
            facts: Facts = {"status": denial.status, "error_code": denial.code, "api": api}
            failed = Failed(KEY_NOT_JUDGED, **asked, **facts)
            failed.hear(Said.of(session.answer).facts)
            raise failed
    return session


def _ceph_version(answer: HttpResponse) -> str:
    swift = answer.json_object().get("swift")
    version = swift.get("version") if isinstance(swift, dict) else None
    return version if isinstance(version, str) and _VERSION.fullmatch(version) else ""


def _lists(answer: HttpResponse) -> bool:
    return answer.status == 200 and bool(_RESULT.search(answer.body[:512]))


def _refuse_unready(answer: HttpResponse) -> None:
    code = Refusal.of(answer).code
    if answer.status == 503 and (code or "x-minio-server-status" in answer.headers):
        cause = THROTTLED if code == "SlowDown" else STORAGE_NOT_READY
        raise Failed(cause, status=answer.status, error_code=code or "offline")


def _refuse_rejection(
    endpoint: Endpoint, identity: S3Identity, answer: HttpResponse, region: str
) -> None:
    """Raise unless the store lists the buckets of the key pair's owner."""
    refusal = Refusal.of(answer)
    if _lists(answer):
        # Ceph lists to strangers, too: nothing, of the owner "anonymous".
        if identity.edition == "Ceph RGW" and XmlAnswer.of(answer)["ID"] == "anonymous":
            raise authorization_lost(answer)
        return
    if failed := _rejection(endpoint, identity.edition, answer, region):
        raise failed
    said = (refusal.code, refusal.message)
    if refusal == identity.to_strangers and asks_for_signature(refusal.status, *said):
        raise authorization_lost(answer)
    raise refused_sign_in(answer)


def _rejection(
    endpoint: Endpoint, edition: str, answer: HttpResponse, region: str
) -> Failed | None:
    """Return the failure of a key pair that the store rejects for a reason that is known."""
    refusal = Refusal.of(answer)
    facts: Facts = {"status": answer.status, "error_code": refusal.code}
    if refusal.is_of_clock:
        return ServerClock.of(answer).refused(ALLOWED_SKEW_S)
    if refusal.is_of_signature:
        return signature_refused(
            answer,
            endpoint,
            SIGV4,
            is_vendors=endpoint.server_name.endswith(_PUBLIC_STORES),
            knows_key=edition != SWIFT,  # it answers like this for unknown users, too
            error_code=refusal.code,
        )
    if refusal.cause is HEADER_LOST:
        return authorization_lost(answer)
    if refusal.region or refusal.cause is REGION_INVALID:
        right = {"right_region": refusal.region} if refusal.region else {}
        return Failed(REGION_INVALID, region=region, **right, **facts)
    cause = refusal.cause
    if refusal.code == "AuthorizationHeaderMalformed":
        cause = cause or ACCESS_KEY_MALFORMED
    return Failed(cause, region=region, **facts) if cause else None


def _unreadable(answer: HttpResponse, session: S3Session) -> Failed:
    """Return the failure of the list of the bucket's objects."""
    bucket, region, refusal = session.bucket or "", session.signing.region, Refusal.of(answer)
    facts: Facts = {"bucket": bucket, "status": answer.status, "error_code": refusal.code}
    if refusal.code == "NoSuchBucket":
        return Failed(BUCKET_NOT_FOUND, **facts)
    if refusal.code == "SecondLevelDomainForbidden":  # Alibaba's OSS
        return Failed(BUCKET_IN_NAME, **facts)
    elsewhere = _elsewhere(answer, region)
    if elsewhere or refusal.code in ("PermanentRedirect", "TemporaryRedirect"):
        return Failed(BUCKET_ELSEWHERE, **elsewhere, **facts)
    api = f"{_READING} on {bucket}"
    if refusal.is_denial:
        denied = policy_denies(refusal.message, api=api, **facts)
        return denied or Failed(DENIED, api=api, **facts)
    if refusal.cause and not refusal.cause.is_rejection:
        return Failed(refusal.cause, region=region, **facts)
    return refused_call(answer, api)


def _elsewhere(answer: HttpResponse, region: str) -> dict[str, str]:
    """Return where the store says that the bucket is; nothing if it is here."""
    wanted = Refusal.of(answer).region or region
    named = answer.headers.get("x-amz-bucket-region", wanted)[:63]
    found = {"right_region": named} if named != region else {}
    endpoint = XmlAnswer.of(answer)["Endpoint"]
    return {**found, "right_endpoint": endpoint} if endpoint else found


PRODUCTS = (
    Product(
        name="s3",
        title="S3",
        aliases=("minio",),
        access_key_is="access key (of AWS, MinIO, Ceph RGW or another S3)",
        secret_key_is="secret key",
        default_scheme="https",
        default_port=443,
        scheme_by_port={9000: "http", 7480: "http", 8080: "http", 9001: "http"},
        example="https://minio.example.com:9000",
        console_hosts=r"(?:[a-z0-9-]+\.)*console\.aws\.amazon\.com",
        path_doubt=BUCKET_IN_PATH,
        options=S3Options,
        hello=hello,
        identify=identify,
        authenticate=authenticate,
        authorize=authorize,
        recognizes=recognizes,
        identity={
            "account": Told(
                "canonical ID or display name of the buckets' owner", ("account", "account_name")
            ),
        },
        ask_identity=ask_identity,
    ),
)
