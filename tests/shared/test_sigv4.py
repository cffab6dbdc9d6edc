from datetime import UTC, datetime

from pydantic import SecretStr

from shared.endpoint import Endpoint
from shared.platform.http import HttpRequest
from shared.platform.product import Credentials
from shared.sigv4 import SigV4

# The example credentials of AWS's documentation and of its signature test suite.
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
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


def test_a_query_is_signed_as_the_published_test_suite_has_it() -> None:
    """get-vanilla-query-order-key-case: the names are sorted, whatever order they are sent in."""
    signed = sigv4().signed(HttpRequest("GET", "/?Param2=value2&Param1=value1"), AT)

    assert signed.headers["Authorization"].endswith(
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
    )


def test_a_form_is_signed_as_the_published_test_suite_has_it() -> None:
    """post-x-www-form-urlencoded: the body and its type are part of what is signed."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    signed = sigv4().signed(HttpRequest("POST", "/", form, b"Param1=value1"), AT)

    assert signed.headers["Authorization"].endswith(
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
    )


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
