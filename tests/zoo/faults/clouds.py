"""Public clouds: what a code, a message or a proxy says of a signed request."""

import json
from collections.abc import Iterator

from tests.stand_ins.answering import Asked, Reply, answering_by
from tests.stand_ins.clouds import KEY, SECRET, Cloud, alibabacloud, tencentcloud
from tests.zoo.fault import Target, fault
from tests.zoo.web import nginx


def _alibaba(code: str, message: str, status: int = 403) -> Iterator[Target]:
    """Give an Alibaba Cloud that refuses every signed request."""
    said = {"Code": code, "Message": message, "RequestId": "R", "HostId": "h"}

    def rule(asked: Asked) -> Reply:
        is_signed = "Authorization" in asked.headers
        return Reply(status, json.dumps(said)) if is_signed else alibabacloud(Cloud(), asked)

    with answering_by(rule) as port:
        yield Target(f"http://127.0.0.1:{port}", "alibabacloud", KEY, SECRET)


@fault("authenticate", "auth.key_disabled")
def the_clouds_key_is_disabled() -> Iterator[Target]:
    """Alibaba Cloud says Forbidden.AccessKeyDisabled, which is no missing right."""
    yield from _alibaba("Forbidden.AccessKeyDisabled", "The AccessKey is disabled.")


@fault("authenticate", "auth.session_token_expired")
def the_clouds_token_is_a_wrong_parameter() -> Iterator[Target]:
    """Alibaba Cloud calls an expired security token a wrong parameter."""
    says = 'The specified parameter "SecurityToken.Expired" is not valid.'
    yield from _alibaba("InvalidParameter", says, 400)


@fault("authenticate", "authz.identity_call_denied")
def the_clouds_identity_call_is_denied() -> Iterator[Target]:
    """Alibaba Cloud denies a key the call that needs no permission."""
    yield from _alibaba("NoPermission", "You are not authorized to do this operation.")


@fault("authenticate", "auth.header_lost")
def a_proxy_takes_the_clouds_signature_away() -> Iterator[Target]:
    """A proxy before an Alibaba Cloud removes the header Authorization."""
    cloud = Cloud()
    with (
        answering_by(lambda asked: alibabacloud(cloud, asked)) as behind,
        nginx(
            'location / { proxy_set_header Authorization "";'
            f" proxy_pass http://127.0.0.1:{behind}; }}"
        ) as port,
    ):
        yield Target(f"http://127.0.0.1:{port}", "alibabacloud", KEY, SECRET)


@fault("authenticate", "auth.signature_mismatch")
def a_proxy_changes_the_clouds_host() -> Iterator[Target]:
    """A proxy before a Tencent Cloud puts another Host into the requests."""
    cloud = Cloud()
    with (
        answering_by(lambda asked: tencentcloud(cloud, asked)) as behind,
        nginx(f"location / {{ proxy_pass http://127.0.0.1:{behind}; }}") as port,
    ):
        yield Target(f"http://127.0.0.1:{port}", "tencentcloud", KEY, SECRET)


@fault("authenticate", "auth.source_ip_not_allowed")
def the_cloud_limits_the_addresses() -> Iterator[Target]:
    """Tencent Cloud has a list of addresses, and ours is not on it."""
    error = {"Code": "IpNotInWhitelist", "Message": "not in the list"}
    said = {"Response": {"Error": error, "RequestId": "R"}}

    def rule(asked: Asked) -> Reply:
        is_signed = "Authorization" in asked.headers
        return Reply(200, json.dumps(said)) if is_signed else tencentcloud(Cloud(), asked)

    with answering_by(rule) as port:
        yield Target(f"http://127.0.0.1:{port}", "tencentcloud", KEY, SECRET)
