from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from shared.endpoint import Endpoint
from shared.platform.http import HttpRequest
from shared.platform.product import Credentials
from shared.platform.sigv4 import SigV4

# The example credentials of AWS's documentation and of its signature test suite.
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
UNRESERVED = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FORM_UTF8 = {"Content-Type": "application/x-www-form-urlencoded; charset=utf8"}
VANILLA = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
POSTED = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
# What the suite gives as it is typed, a space or a letter that is not ASCII, is sent encoded in a
# query. In a path it is left: what is encoded there already is encoded once more.
PUBLISHED = [
    ("get-vanilla", "GET", "/", {}, b"", VANILLA),
    ("get-relative", "GET", "/example/..", {}, b"", VANILLA),
    ("get-relative-relative", "GET", "/example1/example2/../..", {}, b"", VANILLA),
    ("get-slash", "GET", "//", {}, b"", VANILLA),
    ("get-slash-dot-slash", "GET", "/./", {}, b"", VANILLA),
    (
        "get-slash-pointless-dot",
        "GET",
        "/./example",
        {},
        b"",
        "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5",
    ),
    (
        "get-slashes",
        "GET",
        "//example//",
        {},
        b"",
        "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
    ),
    (
        "get-space",
        "GET",
        "/example space/",
        {},
        b"",
        "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
    ),
    (
        "get-special-character",
        "GET",
        "/example/$delete",
        {},
        b"",
        "a853c9b21b528b19643d00910d35b83a10c366a10833ceefb45edd6c80e40f27",
    ),
    (
        "get-unreserved",
        "GET",
        f"/{UNRESERVED}",
        {},
        b"",
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    (
        "get-utf8",
        "GET",
        "/\u1234",
        {},
        b"",
        "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
    ),
    (
        "get-vanilla-utf8-query",
        "GET",
        "/?%E1%88%B4=bar",
        {},
        b"",
        "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
    ),
    (
        "get-vanilla-empty-query-key",
        "GET",
        "/?Param1=value1",
        {},
        b"",
        "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
    ),
    (
        "get-vanilla-query-order-encoded",
        "GET",
        "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
        {},
        b"",
        "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
    ),
    (
        "get-vanilla-query-order-key",
        "GET",
        "/?Param1=value2&Param1=Value1",
        {},
        b"",
        "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1",
    ),
    (
        "get-vanilla-query-order-key-case",
        "GET",
        "/?Param2=value2&Param1=value1",
        {},
        b"",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    (
        "get-vanilla-query-order-value",
        "GET",
        "/?Param1=value2&Param1=value1",
        {},
        b"",
        "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694",
    ),
    (
        "get-vanilla-query-unreserved",
        "GET",
        f"/?{UNRESERVED}={UNRESERVED}",
        {},
        b"",
        "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    ),
    (
        "get-header-key-duplicate",
        "GET",
        "/",
        {"My-Header1": "value2,value2,value1"},
        b"",
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    ),
    (
        "get-header-value-order",
        "GET",
        "/",
        {"My-Header1": "value4,value1,value3,value2"},
        b"",
        "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
    ),
    (
        "get-header-value-trim",
        "GET",
        "/",
        {"My-Header1": " value1", "My-Header2": ' "a   b   c"'},
        b"",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    ("post-vanilla", "POST", "/", {}, b"", POSTED),
    (
        "post-vanilla-query",
        "POST",
        "/?Param1=value1",
        {},
        b"",
        "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
    ),
    (
        "post-header-key-sort",
        "POST",
        "/",
        {"My-Header1": "value1"},
        b"",
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    ),
    (
        "post-header-value-case",
        "POST",
        "/",
        {"My-Header1": "VALUE1"},
        b"",
        "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
    ),
    (
        "post-x-www-form-urlencoded",
        "POST",
        "/",
        FORM,
        b"Param1=value1",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
    (
        "post-x-www-form-urlencoded-parameters",
        "POST",
        "/",
        FORM_UTF8,
        b"Param1=value1",
        "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
    ),
]
SUITE = Credentials(SecretStr("AKIDEXAMPLE"), SecretStr(SECRET))
AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)


def sigv4(host: str = "example.amazonaws.com", *, token: str | None = None) -> SigV4:
    """Return a signer as the test suite has it."""
    endpoint = Endpoint(host, 443, "https")
    secret = SecretStr(token) if token else None
    return SigV4(endpoint, SUITE, secret, "us-east-1", "service")


def test_a_signature_is_that_of_the_published_test_suite() -> None:
    """get-vanilla: one byte off, and every key pair is told to be wrong."""
    signed = sigv4().signed(HttpRequest("GET", "/"), AT)

    assert signed.headers == {
        "X-Amz-Date": "20150830T123600Z",
        "Authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/"
        "aws4_request, SignedHeaders=host;x-amz-date, Signature="
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    }
    assert signed.presents_credentials


@pytest.mark.parametrize(
    ("request_", "signature"),
    [
        pytest.param(HttpRequest(method, path, headers, body), signature, id=name)
        for name, method, path, headers, body, signature in PUBLISHED
    ],
)
def test_all_signatures_are_those_of_the_published_test_suite(
    request_: HttpRequest, signature: str
) -> None:
    """The order of a query, spaces in a header, dots in a path: AWS checks each of them."""
    signed = sigv4().signed(request_, AT)

    assert signed.headers["Authorization"].endswith(f"Signature={signature}")


def test_a_session_token_is_signed_with_the_rest() -> None:
    """A token that is sent unsigned is refused."""
    signed = sigv4(token="tok/en==").signed(HttpRequest("GET", "/"), AT)

    assert signed.headers["X-Amz-Security-Token"] == "tok/en=="
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token" in signed.headers["Authorization"]


def test_s3_is_signed_as_its_documentation_has_it() -> None:
    """GET Bucket (List Objects) of the S3 API reference, whose secret has another spelling."""
    keys = Credentials(SecretStr("AKIAIOSFODNN7EXAMPLE"), SecretStr(SECRET.replace("+b", "/b")))
    endpoint = Endpoint("examplebucket.s3.amazonaws.com", 443, "https")
    signing = SigV4(endpoint, keys, None, "us-east-1", "s3")

    signed = signing.signed(
        HttpRequest("GET", "/?max-keys=2&prefix=J"), datetime(2013, 5, 24, tzinfo=UTC)
    )

    assert signed.headers["Authorization"].endswith(
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
    )
    assert signed.headers["X-Amz-Content-SHA256"].startswith("e3b0c44298fc1c149afbf4c8996fb924")


def test_a_port_of_its_own_is_in_the_host_that_is_signed() -> None:
    """MinIO is at port 9000, and signs what it was sent as Host."""
    default = sigv4("minio").signed(HttpRequest("GET", "/"), AT)
    signing = SigV4(Endpoint("minio", 9000, "http"), SUITE, None, "us-east-1", "service")

    assert signing.signed(HttpRequest("GET", "/"), AT).headers != default.headers


@dataclass
class _Keys:
    """Credentials as botocore takes them."""

    access_key: str
    secret_key: str
    token: str | None


def by_botocore(signing: SigV4, request: HttpRequest, sent: dict[str, str]) -> str:
    """Return the Authorization header that AWS's own library gives `request` with `sent`."""
    url = f"{signing.endpoint.scheme}://{signing.endpoint.host_header}{request.path}"
    unsigned = AWSRequest(request.method, url, sent, request.body)
    unsigned.context["timestamp"] = sent["X-Amz-Date"]
    token = signing.session_token.get_secret_value() if signing.session_token else None
    access, secret = signing.credentials.access_key, signing.credentials.secret_key
    keys = _Keys(access.get_secret_value(), secret.get_secret_value(), token)
    signer = (S3SigV4Auth if signing.service == "s3" else SigV4Auth)(
        keys, signing.service, signing.region
    )
    text = signer.string_to_sign(unsigned, signer.canonical_request(unsigned))
    names = signer.signed_headers(signer.headers_to_sign(unsigned))
    return (
        f"AWS4-HMAC-SHA256 Credential={signer.scope(unsigned)}, SignedHeaders={names}, "
        f"Signature={signer.signature(text, unsigned)}"
    )


ENCODED = st.text("aZ09-._~!$'()*+,;:@%", max_size=6).map(lambda text: text.replace("%", "%2F"))
PATHS = st.lists(ENCODED, max_size=5).map(lambda segments: "/" + "/".join(segments))
QUERIES = st.lists(st.builds("{}{}{}".format, ENCODED, st.sampled_from(["", "="]), ENCODED))
HEADERS = st.dictionaries(
    st.sampled_from(["Accept", "Content-Type", "X-Amz-Target", "x-zz", "Range"]),
    st.text('aZ 0\t;,="', max_size=12),
)


@st.composite
def http_requests(draw: st.DrawFn) -> HttpRequest:
    """Give requests of every shape that a product may send."""
    query = "&".join(draw(QUERIES))
    path = draw(PATHS) + (f"?{query}" if query else "")
    method = draw(st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE"]))
    return HttpRequest(method, path, draw(HEADERS), draw(st.binary(max_size=40)))


@settings(deadline=None)  # a busy machine is no fault of the signer
@given(
    request=http_requests(),
    service=st.sampled_from(["s3", "sts", "ec2", "service"]),
    endpoint=st.sampled_from(
        [
            Endpoint("example.amazonaws.com", 443, "https"),
            Endpoint("minio", 9000, "http"),
            Endpoint("::1", 8443, "https"),
        ]
    ),
    token=st.none() | st.text("aZ09+/=", min_size=1, max_size=20).map(SecretStr),
    now=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 -- made aware below
)
def test_every_request_is_signed_as_botocore_signs_it(
    request: HttpRequest,
    service: str,
    endpoint: Endpoint,
    token: SecretStr | None,
    now: datetime,
) -> None:
    """The published suite has a query or a header of each kind, not all of them at once."""
    signing = SigV4(endpoint, SUITE, token, "eu-west-3", service)

    sent = signing.signed(request, now.replace(tzinfo=UTC)).headers

    unsigned = {name: value for name, value in sent.items() if name != "Authorization"}
    assert sent["Authorization"] == by_botocore(signing, request, unsigned)
