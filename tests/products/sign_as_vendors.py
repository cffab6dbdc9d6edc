"""Sign one request with each vendor's own SDK, and print what comes out as JSON.

Run by the Python of an environment that the SDKs are in; what is signed is on stdin.
"""

import json
import sys
import time
from types import SimpleNamespace
from typing import Any

from alibabacloud_openapi_util.client import Client as AlibabaClient
from cs import CloudStack
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from tencentcloud.common.abstract_client import AbstractClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.http.request import RequestInternal
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile


def alibabacloud(given: dict[str, Any]) -> str:
    """Return the Authorization header of a POST of nothing."""
    request = SimpleNamespace(method="POST", pathname="/", query={}, headers=given["headers"])
    payload = given["headers"]["x-acs-content-sha256"]
    key, secret = given["accessKey"], given["secretKey"]
    header: str = AlibabaClient.get_authorization(request, "ACS3-HMAC-SHA256", payload, key, secret)
    return header


def huaweicloud(given: dict[str, Any]) -> str:
    """Return the Authorization header of a GET."""
    request = SdkRequest(
        method="GET",
        schema="https",
        host=given["host"],
        resource_path=given["path"],
        query_params=[],
        header_params={"X-Sdk-Date": given["date"]},
    )
    Signer(SimpleNamespace(ak=given["accessKey"], sk=given["secretKey"])).sign(request)
    header: str = request.header_params["Authorization"]
    return header


def tencentcloud(given: dict[str, Any]) -> str:
    """Return the Authorization header of a POST; the SDK's clock is set to the given time."""
    time.time = lambda: float(given["seconds"])  # noqa: TID251 -- it is replaced
    profile = ClientProfile(httpProfile=HttpProfile(endpoint=given["host"]))
    pair = Credential(given["accessKey"], given["secretKey"])
    client = AbstractClient(pair, given["region"], profile)
    client._service, client._apiVersion = "sts", "2018-08-13"  # noqa: SLF001
    request = RequestInternal(given["host"], "POST", "/")
    client._build_req_with_tc3_signature("GetCallerIdentity", {}, request)  # noqa: SLF001
    header: str = request.header["Authorization"]
    return header


def cloudstack(given: dict[str, Any]) -> str:
    """Return the signature of a query."""
    client = CloudStack("http://h/client/api", given["accessKey"], given["secretKey"])
    parameters = dict(given["parameters"])
    client._sign(parameters)  # noqa: SLF001
    signature: str = parameters["signature"]
    return signature


if __name__ == "__main__":
    vendors = (alibabacloud, huaweicloud, tencentcloud, cloudstack)
    asked = json.load(sys.stdin)
    json.dump({one.__name__: one(asked[one.__name__]) for one in vendors}, sys.stdout)
