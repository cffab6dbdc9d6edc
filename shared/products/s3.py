"""S3 and compatible stores: MinIO, Ceph RGW and others.

Facts are from the S3 API reference ("Error responses"), MinIO's cmd/api-errors.go and health check
guide, and tests of a Ceph RGW 16.2.
"""

import re
from dataclasses import dataclass
from urllib.parse import quote

from pydantic import Field

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Facts, Failed, Passed
from shared.endpoint import Endpoint
from shared.platform.http import Flow, HttpRequest, HttpResponse
from shared.platform.identity import Told, names
from shared.platform.key_pair import (
    ACCESS_KEY_MALFORMED,
    DENIED,
    KEY_DISABLED,
    REGION_INVALID,
    SECRET_MISMATCH,
    SESSION_TOKEN_EXPIRED,
    SESSION_TOKEN_INVALID,
    SESSION_TOKEN_MISSING,
    THROTTLED,
    UNKNOWN_ACCESS_KEY,
)
from shared.platform.not_the_product import WRONG_PORT_ROLE, not_the_product
from shared.platform.permissions import permissions
from shared.platform.product import Credentials, Product, ProductOptions, Secret
from shared.platform.server_clock import ServerClock
from shared.platform.sigv4 import SigV4
from shared.platform.unexplained import refused_sign_in
from shared.platform.xml_answer import XmlAnswer

ALLOWED_SKEW_S = 900
USUAL_REGION = "us-east-1"
MINIO_CONSOLE_PORT = 9001
MOST_BUCKETS = 1000  # only AWS respects it; some stores have more than fit into an answer

STORAGE_NOT_READY = Cause(
    code="api.storage_not_ready",
    owner="platform",
    summary="{host} answers, but its storage is not ready ({error_code})",
    remedies=("Wait until the storage servers are up; if they do not come up, check their logs.",),
)
BUCKET_NOT_FOUND = Cause(
    code="api.bucket_not_found",
    owner="caller",
    summary="The key pair is correct, but the bucket {bucket} does not exist on {host}",
    remedies=("Correct options.bucket, or create the bucket.",),
    field="options.bucket",
)
BUCKET_IN_PATH = Cause(
    code="input.bucket_in_path",
    owner="caller",
    severity="warning",
    summary="The endpoint's path {path} may be a bucket, which belongs in options.bucket",
    remedies=("Remove the path from the endpoint, and set options.bucket.",),
    field="endpoint",
)
BUCKET_ELSEWHERE = Cause(
    code="api.bucket_elsewhere",
    owner="caller",
    summary="The bucket {bucket} is in the region {right_region}, not in the region of {host}",
    remedies=("Use the endpoint of the region {right_region}.",),
    field="endpoint",
)

_HOST = re.compile(
    r"s3(?:\.dualstack|-fips)*[.-](?P<region>[a-z]+(?:-[a-z]+)+-[0-9]+)\.amazonaws\..*"
)
_RGW_REQUEST_ID = re.compile(r"tx[0-9a-f]+-[0-9a-f]+-[0-9a-f]+-.+")
_RESULT = re.compile(rb"<List[A-Za-z]{1,30}Result[ >/]")
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9]{1,60}")
_REGION = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_VERSION = re.compile(r"[0-9][0-9a-z.+~-]{0,40}")


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
    """A store that answers: its kind and its clock."""

    edition: str
    clock: ServerClock


@dataclass(frozen=True, slots=True)
class S3Session:
    """A key pair that the store accepted: how to sign further requests, and the answer."""

    signing: SigV4
    bucket: str | None
    answer: HttpResponse


def hello(endpoint: Endpoint) -> HttpRequest:
    """Request the list of buckets without a signature, which each store refuses in its own form."""
    return HttpRequest("GET", f"{endpoint.path}/?max-buckets={MOST_BUCKETS}")


def identify(endpoint: Endpoint, hello: HttpResponse) -> Flow[Passed[S3Identity]]:
    """Check that this is an S3 that is ready, and find its kind."""
    server = hello.headers.get("server", "")
    is_page = hello.looks_like_html and endpoint.port == MINIO_CONSOLE_PORT
    if is_page or server.startswith("MinIO Console"):
        raise Failed(WRONG_PORT_ROLE, status=hello.status, server=server)
    if not recognizes(hello):
        raise not_the_product(hello)
    _refuse_unready(hello)
    edition, version = _edition(hello), ""
    if edition == "MinIO":
        _refuse_unready((yield HttpRequest("GET", f"{endpoint.path}/minio/health/live")))
    elif edition == "Ceph RGW":
        version = _ceph_version((yield HttpRequest("GET", f"{endpoint.path}/swift/info")))
    clock = ServerClock.of(hello)
    facts = {"version": version} if version else {}
    warnings = clock.warnings(ALLOWED_SKEW_S)
    return Passed(
        S3Identity(edition, clock), *warnings, edition=edition, clock_skew_s=clock.skew_s, **facts
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
    right_region = _region_wanted(answer)
    if right_region and right_region != region and not options.region:
        signing = SigV4(endpoint, credentials, options.session_token, right_region, "s3")
        answer = yield signing.signed(hello(endpoint), ServerClock.of(answer).now)
    _judge(answer, signing.region)
    return Passed(S3Session(signing, options.bucket, answer), region=signing.region)


def ask_identity(endpoint: Endpoint, session: S3Session) -> Flow[Facts]:
    """Read from the list of buckets whose they are; MinIO says the same of every key."""
    yield from ()  # the signed answer is enough
    if _edition(session.answer) == "MinIO":
        return {}
    listed = XmlAnswer.of(session.answer)
    return names(account=listed["ID"], account_name=listed["DisplayName"])


def authorize(endpoint: Endpoint, session: S3Session) -> Flow[Passed[None]]:
    """Check whether the key may read the bucket, or list the buckets if none is named.

    The first object of the bucket is listed, instead of a HEAD request: the permission is the same,
    and only an answer with a body names the fault.
    """
    lists_buckets = _code(session.answer) != "AccessDenied"
    if session.bucket is None:
        if not lists_buckets:
            raise Failed(DENIED, api="s3:ListAllMyBuckets", status=session.answer.status)
        table = permissions(["s3:ListAllMyBuckets"], [])
        return Passed(None, buckets=session.answer.text.count("<Bucket>"), **table.facts)
    path = f"{endpoint.path}/{quote(session.bucket)}?list-type=2&max-keys=1"
    now = ServerClock.of(session.answer).now
    answer = yield session.signing.signed(HttpRequest("GET", path), now)
    _judge_bucket(answer, session.bucket, session.signing.region)
    have = ["s3:ListBucket", *(["s3:ListAllMyBuckets"] if lists_buckets else [])]
    return Passed(None, bucket=session.bucket, **permissions(have, []).facts)


def recognizes(response: HttpResponse) -> bool:
    """Return whether only an S3 sends such an answer, to any request."""
    answer = XmlAnswer.of(response)
    if answer.root == "ListAllMyBucketsResult":
        return True
    return (
        answer.root == "Error"
        and {"Code", "RequestId"} <= answer.texts.keys()
        and ("HostId" in answer.texts or "x-amz-request-id" in response.headers)
    )


def _edition(response: HttpResponse) -> str:
    server = response.headers.get("server", "")
    if server.startswith("MinIO"):
        return "MinIO"
    if server == "AmazonS3":
        return "AWS S3"
    is_rgw = _RGW_REQUEST_ID.fullmatch(response.headers.get("x-amz-request-id", ""))
    return "Ceph RGW" if is_rgw else "S3"


def _ceph_version(answer: HttpResponse) -> str:
    swift = answer.json_object().get("swift")
    version = swift.get("version") if isinstance(swift, dict) else None
    return version if isinstance(version, str) and _VERSION.fullmatch(version) else ""


def _code(answer: HttpResponse) -> str:
    code = XmlAnswer.of(answer)["Code"]
    return code if _CODE.fullmatch(code) else ""


def _region_wanted(answer: HttpResponse) -> str:
    if _code(answer) != "AuthorizationHeaderMalformed":
        return ""
    region = XmlAnswer.of(answer)["Region"]
    return region if _REGION.fullmatch(region) else ""


def _refuse_unready(answer: HttpResponse) -> None:
    code = _code(answer)
    if answer.status == 503 and (code or "x-minio-server-status" in answer.headers):
        raise Failed(STORAGE_NOT_READY, status=answer.status, error_code=code or "offline")


_VERDICTS = {
    "InvalidAccessKeyId": UNKNOWN_ACCESS_KEY,
    "SignatureDoesNotMatch": SECRET_MISMATCH,
    "UserSuspended": KEY_DISABLED,  # Ceph's code
    "AllAccessDisabled": KEY_DISABLED,
    "ExpiredToken": SESSION_TOKEN_EXPIRED,
    "InvalidToken": SESSION_TOKEN_INVALID,
    "InvalidTokenId": SESSION_TOKEN_INVALID,  # MinIO's code
    "SlowDown": THROTTLED,
    "ServiceUnavailable": STORAGE_NOT_READY,
    "XMinioServerNotInitialized": STORAGE_NOT_READY,
}


def _judge(answer: HttpResponse, region: str) -> None:
    """Raise unless the store accepted the key pair; a denial comes after that."""
    code = _code(answer)
    if code == "AccessDenied" and answer.status == 403:
        return
    if answer.status == 200 and _RESULT.search(answer.body[:512]):
        return
    if code == "RequestTimeTooSkewed":
        raise ServerClock.of(answer).refused(ALLOWED_SKEW_S)
    facts: Facts = {"status": answer.status, "error_code": code}
    if code == "AuthorizationHeaderMalformed":
        wanted = _region_wanted(answer)
        if wanted:
            raise Failed(REGION_INVALID, region=region, right_region=wanted, **facts)
        raise Failed(ACCESS_KEY_MALFORMED, **facts)
    if cause := _VERDICTS.get(code):
        raise Failed(cause, **facts)
    raise refused_sign_in(answer)


def _judge_bucket(answer: HttpResponse, bucket: str, region: str) -> None:
    facts: Facts = {"bucket": bucket, "status": answer.status}
    code = _code(answer)
    right_region = answer.headers.get("x-amz-bucket-region", region)
    if code == "NoSuchBucket":
        raise Failed(BUCKET_NOT_FOUND, **facts)
    if code == "AccessDenied":
        raise Failed(DENIED, api=f"s3:ListBucket on {bucket}", **facts)
    if code in ("PermanentRedirect", "TemporaryRedirect") or right_region != region:
        raise Failed(BUCKET_ELSEWHERE, right_region=right_region, **facts)
    _judge(answer, region)


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
