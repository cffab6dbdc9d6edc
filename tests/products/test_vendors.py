"""What the vendors' own SDKs make of a request is what this service makes of it."""

import json
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from shared.endpoint import Endpoint
from shared.platform.http import HttpRequest
from shared.platform.keys.server_clock import ServerClock
from shared.platform.product import Credentials, ProductOptions
from shared.products import alibabacloud, cloudstack, huaweicloud, tencentcloud
from tests.products.own_server import python_of

KEY, SECRET = "LTAI5tExample+/=", "s3cret/With+Odd=Characters&%"
KEYS = Credentials(SecretStr(KEY), SecretStr(SECRET))
PAIR = {"accessKey": KEY, "secretKey": SECRET}
AT = datetime(2026, 11, 23, 17, 43, 52, tzinfo=UTC)
STS = Endpoint("sts.example.com", 443, "https")


def ours() -> dict[str, HttpRequest]:
    """Return the requests that the products sign."""
    who = alibabacloud.WHO_AM_I
    flow = cloudstack.authenticate(
        Endpoint("cs", 8080, "http"),
        ProductOptions(),
        cloudstack.CloudstackIdentity(ServerClock(AT, 0)),
        KEYS,
    )
    return {
        "alibabacloud": alibabacloud.Acs3(KEYS, None).signed(STS, who, AT),
        "huaweicloud": huaweicloud.SdkHmac(KEYS, None).signed(STS, huaweicloud.WHO_AM_I, AT),
        "cloudstack": next(flow),
    }


@pytest.fixture(scope="module")
def signed() -> Mapping[str, HttpRequest]:
    return ours()


@pytest.fixture(scope="module")
def theirs(signed: Mapping[str, HttpRequest]) -> Mapping[str, str]:
    """Return what the SDKs make of the same requests."""
    sent = {k: v for k, v in signed["alibabacloud"].headers.items() if k != "Authorization"}
    date = signed["huaweicloud"].headers["X-Sdk-Date"]
    seconds = int(AT.timestamp())
    asked = {
        "alibabacloud": {**PAIR, "headers": {**sent, "host": STS.host}},
        "huaweicloud": {**PAIR, "host": STS.host, "path": huaweicloud.WHO_AM_I, "date": date},
        "tencentcloud": {**PAIR, "host": STS.host, "seconds": seconds, "region": "ap-guangzhou"},
        "cloudstack": {**PAIR, "parameters": query_of(signed["cloudstack"])},
    }
    script = Path(__file__).with_name("sign_as_vendors.py")
    done = subprocess.run(
        [python_of("vendors"), script], input=json.dumps(asked), capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    said: Mapping[str, str] = json.loads(done.stdout)
    return said


def query_of(request: HttpRequest) -> dict[str, str]:
    """Return the parameters of a request, without the signature."""
    query = parse_qs(urlsplit(request.path).query)
    return {name: values[0] for name, values in query.items() if name != "signature"}


@pytest.mark.parametrize("vendor", ["alibabacloud", "huaweicloud"])
def test_a_header_is_the_sdks_to_the_last_byte(
    signed: Mapping[str, HttpRequest], theirs: Mapping[str, str], vendor: str
) -> None:
    """Published examples have tame secrets; these have what people get."""
    assert signed[vendor].headers["Authorization"] == theirs[vendor]


def test_a_signature_of_tencent_cloud_is_the_sdks(theirs: Mapping[str, str]) -> None:
    """The SDK signs two headers; that the action is signed too, a published example covers."""
    headers = {"content-type": "application/json", "host": STS.host}

    signature = tencentcloud.sign(SECRET, "sts", int(AT.timestamp()), headers, b"{}")

    assert theirs["tencentcloud"].endswith(f"Signature={signature}")


def test_a_signature_of_cloudstack_is_the_sdks(
    signed: Mapping[str, HttpRequest], theirs: Mapping[str, str]
) -> None:
    """The whole query is in lower case when it is signed, the key with it."""
    query = parse_qs(urlsplit(signed["cloudstack"].path).query)

    assert query["signature"] == [theirs["cloudstack"]]
