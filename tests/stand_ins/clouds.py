"""Stand-ins for the clouds that sign each request: each computes the signature from what arrived.

They answer in the words that the products' own modules name, to what a test of them asks, and share
no line with what signs. AWS and S3 have moto, OpenStack has a Keystone (tests/products).
"""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha1, sha256
from hmac import new
from urllib.parse import unquote

from tests.stand_ins.answering import Asked, Reply

KEY, SECRET = "AKIDEXAMPLE/+=", "s3cret/With+Odd=Characters&%"
"""The key pair that all of them know."""
_AUTHORIZATION = re.compile(
    r"\S+ (?:Credential|Access)=(?P<key>[^,]+), ?SignedHeaders=(?P<names>[^,]+), ?"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass
class Cloud:
    """How a stand-in is, and what it has seen."""

    clock_ahead: timedelta = timedelta()
    shows_its_clock: bool = True
    denies_reading: bool = False
    judged: list[bool] = field(default_factory=list)
    """Of each signature that was looked at, whether it was right."""
    nonces: set[str] = field(default_factory=set)

    def now(self) -> datetime:
        """Return the cloud's own time."""
        return datetime.now(UTC) + self.clock_ahead

    def reply(self, status: int, content: object) -> Reply:
        """Return an answer with the cloud's own date, unless it hides that."""
        date = {"Date": f"{self.now():%a, %d %b %Y %H:%M:%S} GMT"} if self.shows_its_clock else {}
        text = content if isinstance(content, str) else json.dumps(content)
        return Reply(status, text, headers=date)

    def is_off(self, signed_at: datetime, allowed_s: int) -> bool:
        """Return whether a request is too old or too new."""
        return abs((self.now() - signed_at).total_seconds()) > allowed_s

    def judge(self, expected: str, signature: str) -> bool:
        """Remember a verdict; gives whether the signature is right."""
        self.judged.append(expected == signature)
        return self.judged[-1]


def cloudstack(cloud: Cloud, asked: Asked) -> Reply:
    """Answer as a management server does."""
    pairs = dict(pair.split("=", 1) for pair in asked.path.partition("?")[2].split("&"))
    command = unquote(pairs["command"])
    refusal = _cloudstack_refusal(cloud, command)
    if "signature" not in pairs:
        return refusal
    signature = unquote(pairs.pop("signature"))
    text = "&".join(f"{k}={pairs[k]}" for k in sorted(pairs, key=str.lower)).lower()
    mac = new(SECRET.encode(), text.encode(), sha1).digest()
    knows = unquote(pairs["apiKey"]) == KEY
    if not cloud.judge(b64encode(mac).decode(), signature) or not knows:
        return refusal
    until = datetime.strptime(unquote(pairs["expires"]), "%Y-%m-%dT%H:%M:%S%z")
    if not timedelta() < until - cloud.now() < timedelta(minutes=15):
        return refusal
    if cloud.denies_reading and command != "listCapabilities":
        lacks = f"The API [{command}] does not exist or is not available for the account."
        return cloud.reply(
            432, {f"{command.lower()}response": {"errorcode": 432, "errortext": lacks}}
        )
    contents: Mapping[str, object] = {
        "listCapabilities": {"capability": {"cloudstackversion": "4.20.1.0"}},
        "listZones": {"count": 1, "zone": [{"name": "z"}]},
        "listApis": {"count": 1, "api": [{"name": pairs.get("name")}]},
    }
    return cloud.reply(200, {f"{command.lower()}response": contents[command]})


def _cloudstack_refusal(cloud: Cloud, command: str) -> Reply:
    name = f"{command.lower()}response"
    return cloud.reply(
        401, f'<{name} cloud-stack-version="4.20.1.0"><errorcode>401</errorcode></{name}>'
    )


def alibabacloud(cloud: Cloud, asked: Asked) -> Reply:
    """Answer as STS and ECS do."""
    status, code = _alibabacloud_refusal(cloud, asked)
    if not code and asked.headers["x-acs-action"] == "GetCallerIdentity":
        caller = {"IdentityType": "RAMUser", "AccountId": "1968", "Arn": "acs:ram::1968:user/c"}
        return cloud.reply(200, {**caller, "RequestId": "R"})
    if not code and cloud.denies_reading:
        status, code = 403, "Forbidden.RAM"
    if code:
        return cloud.reply(status, {"Code": code, "RequestId": "R", "HostId": "h"})
    return cloud.reply(200, {"RequestId": "R", "Regions": {"Region": []}})


def _alibabacloud_refusal(cloud: Cloud, asked: Asked) -> tuple[int, str]:
    signed = _AUTHORIZATION.fullmatch(asked.headers.get("Authorization", ""))
    if not signed:
        return 400, "MissingAccessKeyId"
    at = datetime.strptime(asked.headers["x-acs-date"], "%Y-%m-%dT%H:%M:%S%z")
    if cloud.is_off(at, 900):
        return 400, "InvalidTimeStamp.Expired"
    nonce = asked.headers["x-acs-signature-nonce"]
    if nonce in cloud.nonces:
        return 400, "SignatureNonceUsed"
    cloud.nonces.add(nonce)
    if signed["key"] != KEY:
        return 404, "InvalidAccessKeyId.NotFound"
    text = f"ACS3-HMAC-SHA256\n{_hashed_request(asked, signed['names'])}"
    is_right = cloud.judge(_mac(SECRET.encode(), text).hex(), signed["signature"])
    return (200, "") if is_right else (400, "SignatureDoesNotMatch")


def tencentcloud(cloud: Cloud, asked: Asked) -> Reply:
    """Answer as STS and CVM do, always with status 200."""
    code = _tencentcloud_refusal(cloud, asked)
    content: dict[str, object] = {"TotalCount": 1, "ZoneSet": [{"Zone": "z"}]}
    if not code and asked.headers["X-TC-Action"] == "GetCallerIdentity":
        content = {"AccountId": "1000", "Arn": "qcs::cam::uin/1000:uin/1001", "Type": "CAMUser"}
    elif not code and cloud.denies_reading:
        code = "UnauthorizedOperation"
    if code:
        content = {"Error": {"Code": code, "Message": "m"}}
    return cloud.reply(200, {"Response": {**content, "RequestId": "R"}})


def _tencentcloud_refusal(cloud: Cloud, asked: Asked) -> str:
    signed = _AUTHORIZATION.fullmatch(asked.headers.get("Authorization", ""))
    if not signed:
        return "MissingParameter"
    at = datetime.fromtimestamp(int(asked.headers["X-TC-Timestamp"]), UTC)
    if cloud.is_off(at, 300):
        return "AuthFailure.SignatureExpire"
    key, _, scope = signed["key"].rpartition(f"/{at:%Y-%m-%d}/")
    if key != KEY:
        return "AuthFailure.SecretIdNotFound"
    hashed = _hashed_request(asked, signed["names"], lower=("x-tc-action",))
    text = f"TC3-HMAC-SHA256\n{at.timestamp():.0f}\n{at:%Y-%m-%d}/{scope}\n{hashed}"
    chain = f"TC3{SECRET}".encode()
    for part in (f"{at:%Y-%m-%d}", scope.split("/")[0], "tc3_request"):
        chain = _mac(chain, part)
    is_right = cloud.judge(_mac(chain, text).hex(), signed["signature"])
    return "" if is_right else "AuthFailure.SignatureFailure"


def huaweicloud(cloud: Cloud, asked: Asked) -> Reply:
    """Answer as the gateway before STS and IAM does."""
    says = _huaweicloud_refusal(cloud, asked)
    if says:
        message = f"Incorrect IAM authentication information: {says}"
        return cloud.reply(401, {"error_msg": message, "error_code": "APIGW.0301"})
    if asked.path == "/v5/caller-identity":
        return cloud.reply(200, {"account_id": "0a3b", "principal_urn": "iam::0a3b:user:c"})
    if cloud.denies_reading:
        return cloud.reply(403, {"error_msg": "Policy doesn't allow", "error_code": "PAP5.0012"})
    return cloud.reply(200, {"projects": [{"id": "p", "name": "n"}]})


def _huaweicloud_refusal(cloud: Cloud, asked: Asked) -> str:
    signed = _AUTHORIZATION.fullmatch(asked.headers.get("Authorization", ""))
    if not signed:
        return "Authorization header is missing"
    date = asked.headers["X-Sdk-Date"]
    if cloud.is_off(datetime.strptime(f"{date}+0000", "%Y%m%dT%H%M%SZ%z"), 900):
        return "calc ak sk signature fail:signature expired"
    if signed["key"] != KEY:
        return f"Get secretKey failed,ak:{signed['key']},err:ak not exist"
    text = f"SDK-HMAC-SHA256\n{date}\n{_hashed_request(asked, signed['names'], ends='/')}"
    is_right = cloud.judge(_mac(SECRET.encode(), text).hex(), signed["signature"])
    return "" if is_right else "verify aksk signature fail,canonicalRequest:GET|"


def _hashed_request(
    asked: Asked, names: str, *, lower: tuple[str, ...] = (), ends: str = ""
) -> str:
    """Return the hash of the canonical request, which differs little from cloud to cloud."""
    path, _, query = asked.path.partition("?")
    values = {name: asked.headers[name].strip() for name in names.split(";")}
    lines = (f"{k}:{v.lower() if k in lower else v}\n" for k, v in values.items())
    body = sha256(asked.body).hexdigest()
    text = "\n".join((asked.method, path + ends, query, "".join(lines), names, body))
    return sha256(text.encode()).hexdigest()


def _mac(key: bytes, text: str) -> bytes:
    return new(key, text.encode(), sha256).digest()


CLOUDS: Mapping[str, Callable[[Cloud, Asked], Reply]] = {
    "alibabacloud": alibabacloud,
    "cloudstack": cloudstack,
    "huaweicloud": huaweicloud,
    "tencentcloud": tencentcloud,
}
