"""Which S3 store answers, if it is one, by words and headers that only a store sends."""

import re

from shared.diagnosis.outcomes import Failed
from shared.endpoint import Endpoint
from shared.platform.answers.not_the_product import UNSURE, WRONG_PORT_ROLE, not_the_product
from shared.platform.answers.xml_answer import XmlAnswer
from shared.platform.http import HttpResponse
from shared.products.s3.refusals import Refusal

MINIO_PORT, MINIO_CONSOLE_PORT = 9000, 9001
SWIFT = "OpenStack Swift"
# What the header Server begins with.
_EDITIONS = {
    "minio": "MinIO",
    "amazons3": "AWS S3",
    "aliyunoss": "Alibaba Cloud OSS",
    "tencent-cos": "Tencent Cloud COS",
    "obs": "Huawei Cloud OBS",
    "bcebos": "Baidu AI Cloud BOS",
    "storagegrid": "NetApp StorageGRID",
    "vipr/": "Dell ECS",
    "wasabis3": "Wasabi",
    "seaweedfs": "SeaweedFS",
}

# Codes that no other API with the root "Error" is known to have. Azure's has InternalError and
# more in common with S3, so those count only with what else S3 sends.
_OWN_CODES = frozenset(
    {
        *("AccessDenied", "AccountProblem", "AllAccessDisabled", "AuthorizationHeaderMalformed"),
        *("AuthorizationParametersError", "AuthorizationQueryParametersError", "BucketNotEmpty"),
        *("CredentialsNotSupported", "ExpiredToken", "IllegalLocationConstraintException"),
        *("InvalidAccessKeyId", "InvalidArgument", "InvalidBucketName", "InvalidRegion"),
        *("InvalidRegionName", "InvalidRequest", "MethodNotAllowed", "NoSuchKey", "NotImplemented"),
        *("InvalidSecurity", "InvalidToken", "InvalidTokenId", "MissingSecurityElement"),
        *("MissingSecurityHeader", "NoNamespaceForAnonymousRequest", "NoSuchBucket"),
        *("NotSignedUp", "PermanentRedirect", "RequestTimeTooSkewed", "SecondLevelDomainForbidden"),
        *("SignatureDoesNotMatch", "SlowDown", "TemporaryRedirect", "TokenRefreshRequired"),
        *("UserSuspended", "XAmzContentSHA256Mismatch", "XMinioServerNotInitialized"),
    }
)
_COMPANIONS = frozenset({"BucketName", "HostId", "Region", "RequestId", "Resource"})
_OF_OTHERS = ("x-ms-request-id", "x-acs-request-id")  # Azure's blobs, Alibaba Cloud's other APIs
_RGW_REQUEST_ID = re.compile(r"tx[0-9a-f]+-[0-9a-f]+-[0-9a-f]+-.+")
_SWIFT_REQUEST_ID = re.compile(r"tx[0-9a-f]{21}-[0-9a-f]{10}(?:-?[a-z][a-z0-9-]{0,20})?")


def is_of_s3(answer: HttpResponse) -> bool:
    """Return whether only an S3 sends such an answer, to any request."""
    if any(header in answer.headers for header in _OF_OTHERS):
        return False
    content, refusal = XmlAnswer.of(answer), Refusal.of(answer)
    if content.root in ("ListAllMyBucketsResult", "ListBucketResult"):
        return True
    if refusal.is_own:
        has_company = not _COMPANIONS.isdisjoint(content.texts)
        return refusal.code in _OWN_CODES or has_company or _has_amz(answer)
    # AWS sends strangers who ask for its list of buckets to a page, without a body.
    return answer.headers.get("server") == "AmazonS3" and "x-amz-request-id" in answer.headers


def answers_signatures(answer: HttpResponse) -> bool:
    """Return whether an answer to a signed request is that of an S3, whatever its code is."""
    is_others = any(header in answer.headers for header in _OF_OTHERS)
    return is_of_s3(answer) or (not is_others and Refusal.of(answer).is_own)


def _has_amz(answer: HttpResponse) -> bool:
    return "x-amz-request-id" in answer.headers or "x-amz-id-2" in answer.headers


def refuse_console(endpoint: Endpoint, answer: HttpResponse) -> None:
    """Raise if it is MinIO's web UI, which is not the S3 API."""
    server = answer.headers.get("server", "")
    is_page = answer.looks_like_html and (
        endpoint.port == MINIO_CONSOLE_PORT or answer.title.startswith("MinIO")
    )
    says_so = "request made to console port" in Refusal.of(answer).message.lower()
    if server.startswith("MinIO Console") or is_page or says_so:
        raise Failed(
            WRONG_PORT_ROLE,
            status=answer.status,
            server=server,
            web_ui="MinIO's console",
            default_port=MINIO_PORT,
        )


def may_be_s3(hello: HttpResponse) -> bool:
    """Return whether an answer without a word of S3 can be a store's, to a stranger."""
    if _is_swift(hello):
        return True
    return not_the_product(hello).cause in UNSURE and hello.status >= 400


def _is_swift(response: HttpResponse) -> bool:
    """Return whether the store is Swift, which answers only signed requests as an S3."""
    names_it = (response.headers.get(name, "") for name in ("x-trans-id", "x-amz-request-id"))
    return any(map(_SWIFT_REQUEST_ID.fullmatch, names_it))


def edition_of(response: HttpResponse) -> str:
    """Return what store it is; "S3" if that is not known."""
    server = response.headers.get("server", "").lower()
    if found := next((name for start, name in _EDITIONS.items() if server.startswith(start)), ""):
        return found
    if _is_swift(response):
        return SWIFT
    if _RGW_REQUEST_ID.fullmatch(response.headers.get("x-amz-request-id", "")):
        return "Ceph RGW"
    return "Garage" if XmlAnswer.of(response)["Region"] == "garage" else "S3"
