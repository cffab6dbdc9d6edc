"""People who connect S3 stores: lesser ones, restricted keys, and proxies before them."""

from collections.abc import Iterator
from functools import partial

from tests.stand_ins.answering import Asked, Reply, answering_by
from tests.zoo.fault import Target
from tests.zoo.report import report
from tests.zoo.situations import (
    HTML,
    buckets,
    is_signed_by,
    key_of,
    objects,
    over_http,
    over_tls,
    refused_by_s3,
)
from tests.zoo.visit import PASSED
from tests.zoo.web import nginx

KEY, SECRET = "Q3AM3UQ867SPQQA43P2F", "zuf+tfteSlswRu7BJ86wekitnifILbZam1KYY3TG"
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "key and signing method."
)
REQUEST = "<RequestId>17A0E5F3B2C1D4E6</RequestId><HostId>dd9025bab4ad464b049177c95eb6ebf3</HostId>"


def _target(endpoint: str, **options: str) -> Target:
    return Target(endpoint, "s3", KEY, SECRET, options)


def _minio(asked: Asked) -> Reply:
    """Answer as a MinIO does: it knows one key pair, and judges what arrives."""
    if asked.path.startswith("/minio/health/"):
        return Reply(200)
    refused = partial(refused_by_s3, inside=REQUEST, Server="MinIO", X_Amz_Request_Id="17A0E5F3")
    if not key_of(asked):
        return refused("AccessDenied", "Access Denied.")
    if key_of(asked) != KEY:
        return refused("InvalidAccessKeyId", "The Access Key Id you provided does not exist.")
    if not is_signed_by(asked, KEY, SECRET):
        return refused("SignatureDoesNotMatch", MISMATCH)
    return buckets("store")


@report(
    "https://github.com/minio/minio/issues/6546",
    "D",
    "authenticate",
    right=["auth.*", "proxy.*", "http.*", "api.*", "!api.schema_unexpected"],
    open=["auth.secret_mismatch"],
    says=["path|prefix", "proxy|nginx"],
    never=["the secretKey does not match it"],
)
def minio_is_below_a_path_of_nginx() -> Iterator[Target]:
    """A MinIO is below a path of an nginx, which cuts the path off before it passes requests on.

    The key pair was right. The signature covers the path, so a proxy must not change it; the
    maintainer's answer was that rewrites can't work.
    """
    with (
        answering_by(_minio) as minio_port,
        nginx(
            f"location /dash/store/ {{ proxy_set_header Host $http_host;"
            f" proxy_pass http://127.0.0.1:{minio_port}/; }}"
        ) as port,
    ):
        yield _target(f"http://127.0.0.1:{port}/dash/store")


@report("https://github.com/minio/minio/issues/15506", "Z", PASSED)
def minio_is_behind_a_content_network() -> Iterator[Target]:
    """A MinIO is behind a content network, which adds its headers both ways.

    Clients that sign Accept-Encoding fail there, because the network changes it. The store and the
    key pair are all right, and a client that signs only what must be signed gets through.
    """

    def rule(asked: Asked) -> Reply:
        asked.headers.replace_header("Accept-Encoding", "gzip, br")
        answer = _minio(asked)
        seen = {"Server": "cloudflare", "CF-RAY": "738058af0e40901c-FRA", "cf-cache-status": "MISS"}
        return Reply(answer.status, answer.body, headers={**answer.headers, **seen})

    yield from over_tls(rule, _target)


@report(
    "https://github.com/pivotal-sadubois/tanzu-demo-hub/issues/13",
    "B",
    "http_response",
    "product_identify",
    "authenticate",
    right=["api.wrong_port_role", "api.known_other"],
    open=["http.html_not_api"],
    says=["console"],
    never=["key pair is correct"],
)
def the_ingress_leads_to_the_console() -> Iterator[Target]:
    """The ingress of a MinIO leads to its console, which refuses S3 requests in S3's own form.

    "S3 API Request made to Console port": the ingress had to point at the API's port. Requests
    without a signature get the console's page, whatever they ask for.
    """

    def rule(asked: Asked) -> Reply:
        if not key_of(asked):
            page = "<!doctype html><html><head><title>MinIO Console</title></head><body></body>"
            return Reply(200, page, headers={**HTML, "Server": "envoy"})
        says = "S3 API Request made to Console port. S3 Requests should be sent to API port."
        zero = "<RequestId>0</RequestId>"
        return refused_by_s3("AccessDenied", says, inside=zero, Server="envoy")

    yield from over_tls(rule, _target)


@report(
    "https://github.com/minio/mc/issues/4329",
    "D",
    "authenticate",
    right=["api.region_*", "auth.*"],
    open=["auth.secret_mismatch"],
    says=["region"],
    never=["the secretKey does not match it"],
)
def oracle_wants_its_region() -> Iterator[Target]:
    """Oracle's store is used without its region, and calls that a wrong signature.

    It was signed for us-east-1; the store knows the secrets of a key in its own regions alone.
    """
    says = (
        "The secret key required to complete authentication could not be found. The region must "
        "be specified if this is not the home region for the tenancy."
    )

    def rule(asked: Asked) -> Reply:
        if not key_of(asked):
            return refused_by_s3(
                "AccessDenied", "Anonymous access is forbidden", opc_request_id="j"
            )
        return refused_by_s3("SignatureDoesNotMatch", says, opc_request_id="jed-1:4f2a")

    yield from over_tls(rule, _target)


@report(
    "https://github.com/velero-io/velero/issues/1811",
    "A",
    "authorize",
    right=["api.*", "!api.schema_unexpected", "http.*"],
    open=["authz.*"],
    says=["virtual hosted style"],
    never=["Report this to the operators"],
)
def oss_wants_the_bucket_in_the_name() -> Iterator[Target]:
    """Alibaba's OSS refuses a bucket in the path: it wants it in the host name.

    The key pair was right; the client used the path style, which OSS forbids.
    """

    def rule(asked: Asked) -> Reply:
        inside = (
            "<RequestId>62C3D5E8B94B7E36332CBBFF</RequestId><HostId>oss-cn-x.aliyuncs.com</HostId>"
        )
        refused = partial(refused_by_s3, inside=inside, Server="AliyunOSS")
        if not key_of(asked):
            return refused("AccessDenied", "Anonymous access is forbidden for this operation.")
        if asked.path.startswith("/build"):
            says = "Please use virtual hosted style to access."
            return refused("SecondLevelDomainForbidden", says)
        return buckets("build")

    yield from over_tls(rule, partial(_target, bucket="build"))


@report(
    "https://github.com/timmyomahony/craft-remote-backup/issues/11",
    "D",
    "authenticate",
    right=["auth.access_key_malformed", "auth.unknown_access_key", "auth.access_key_not_found"],
    open=["auth.*"],
    says=["Malformed Access Key Id"],
)
def backblaze_refuses_its_master_key() -> Iterator[Target]:
    """Backblaze's S3 gets the master application key, which only its own API takes.

    It answers InvalidAccessKeyId, "Malformed Access Key Id"; a further application key works.
    """

    def rule(asked: Asked) -> Reply:
        refused = partial(refused_by_s3, x_amz_request_id="8ba2a5dab95c2807", x_amz_id_2="aYU1")
        if not key_of(asked):
            return refused("AccessDenied", "Unauthenticated requests are not allowed for this api")
        return refused("InvalidAccessKeyId", "Malformed Access Key Id")

    yield from over_tls(rule, lambda at: Target(at, "s3", "1d2f3e4a5b6c", "K004abcdefghijklmnop"))


def _backblaze(asked: Asked) -> Reply:
    """Answer as a store does to a key that is for one bucket alone."""
    refused = partial(refused_by_s3, x_amz_request_id="8ba2a5dab95c2807", x_amz_id_2="aYU1kFDI")
    if not key_of(asked):
        return refused("AccessDenied", "Unauthenticated requests are not allowed for this api")
    if asked.path.startswith("/postgres"):
        return objects("postgres")
    return refused("AccessDenied", "not entitled")


@report(
    "https://github.com/apecloud/kubeblocks/issues/9463",
    "Q",
    "authorize",
    right=["authz.*"],
    says=["options.bucket|name the bucket", "not entitled"],
)
def a_key_for_one_bucket_lists_all() -> Iterator[Target]:
    """A key that is for one bucket alone is tested without the name of the bucket.

    Nobody has to grant the key more: the bucket has to be named.
    """
    yield from over_tls(_backblaze, _target)


@report("https://github.com/nextcloud/server/issues/60791", "Z", PASSED)
def a_key_for_one_bucket_reads_it() -> Iterator[Target]:
    """A key that is for one bucket alone is tested with the name of the bucket.

    It works; the client there refused it, because it first asked for more than it needed.
    """
    yield from over_tls(_backblaze, partial(_target, bucket="postgres"))


@report("https://github.com/seaweedfs/seaweedfs/issues/10952", "Z", PASSED)
def seaweedfs_lists_for_everybody() -> Iterator[Target]:
    """A SeaweedFS answers the list of buckets to requests without a key, too.

    It lists for anonymous callers what they may see, which is nothing; with a key it lists more.
    """

    def rule(asked: Asked) -> Reply:
        if not key_of(asked):
            return buckets()
        if not is_signed_by(asked, KEY, SECRET):
            return refused_by_s3("SignatureDoesNotMatch", MISMATCH, inside=REQUEST)
        return buckets("one")

    yield from over_http(rule, _target)


@report(
    "https://github.com/exoscale/pithos/issues/174",
    "H",
    "authenticate",
    "authorize",
    right=["api.region_*", "api.*", "!api.schema_unexpected", "!api.wrong_product"],
    says=["sos-de-fra-1\\.exo\\.io|de-fra-1"],
    never=["in the region us-east-1"],
)
def the_bucket_is_in_another_zone() -> Iterator[Target]:
    """The bucket is in another zone: 301 without a Location, and the zone's endpoint in the XML.

    "301 response missing Location header": S3 tells the right endpoint in the body alone.
    """

    def rule(asked: Asked) -> Reply:
        if not key_of(asked):
            return refused_by_s3("AccessDenied", "Access Denied", inside=REQUEST)
        if asked.path.partition("?")[0] == "/":
            return buckets("momo")
        says = (
            "The bucket you are attempting to access must be addressed using the specified "
            "endpoint. Please send all future requests to this endpoint."
        )
        place = "<Endpoint>sos-de-fra-1.exo.io</Endpoint><Bucket>momo</Bucket>"
        return refused_by_s3("PermanentRedirect", says, 301, place + REQUEST, Server="nginx")

    yield from over_tls(rule, partial(_target, bucket="momo"))
