"""Serve moto's STS, S3, IAM and EC2 with the checks of keys and policies on.

Run by the Python of an environment that moto is in. The first line on stdout has the port and the
key pairs; then the server answers until it is stopped.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable
from threading import Thread
from typing import Any

import boto3
import requests
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

Answer = Iterable[bytes]

ALLOW: dict[str, Any] = {
    "reader": ("s3:ListAllMyBuckets", "s3:ListBucket", "ec2:DescribeRegions"),
    "one_bucket": ("s3:ListBucket",),
    "nothing": (),
}
STS_REFUSAL = (
    b"<ErrorResponse><Error><Type>Sender</Type><Code>MissingAuthenticationToken</Code>"
    b"<Message>Request is missing Authentication Token</Message></Error></ErrorResponse>"
)
S3_REFUSAL = (
    b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message>"
    b"<RequestId>R</RequestId><HostId>H</HostId></Error>"
)


class RefusesUnsigned:
    """Answers what is not signed as AWS does; moto breaks on it (KeyError, status 500)."""

    def __init__(self, moto: Callable[..., Answer]) -> None:
        self._moto = moto

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Answer:
        """Serve one WSGI request."""
        is_own = environ["PATH_INFO"].startswith("/moto-api")
        if "HTTP_AUTHORIZATION" in environ or is_own:
            return self._moto(environ, start)
        is_query = "Action=" in environ.get("QUERY_STRING", "")
        headers = [("Content-Type", "text/xml"), ("x-amzn-requestid", "R")]
        start("403 Forbidden", headers)
        return [STS_REFUSAL if is_query else S3_REFUSAL]


def main() -> None:
    """Make users with and without rights, then check every request."""
    os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "1000"
    app = RefusesUnsigned(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    serving = Thread(target=server.serve_forever, daemon=True)
    serving.start()
    url = f"http://127.0.0.1:{server.server_port}"
    keys = _made(url)
    plain = {"Content-Type": "text/plain"}
    requests.post(f"{url}/moto-api/reset-auth", data="0", headers=plain, timeout=10)
    sys.stdout.write(f"ready {json.dumps({'port': server.server_port, **keys})}\n")
    sys.stdout.flush()
    serving.join()


def _made(url: str) -> dict[str, Any]:
    def client(service: str) -> Any:
        at = {"region_name": "us-east-1", "endpoint_url": url}
        return boto3.client(service, aws_access_key_id="a", aws_secret_access_key="b", **at)

    client("s3").create_bucket(Bucket="the-bucket")
    iam, keys = client("iam"), {}
    for name, actions in ALLOW.items():
        iam.create_user(UserName=name)
        if actions:
            document = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [document]})
            iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        keys[name] = {"accessKey": key["AccessKeyId"], "secretKey": key["SecretAccessKey"]}
    keys["temporary"] = _assumed(iam, client("sts"))
    return keys


def _assumed(iam: Any, sts: Any) -> dict[str, str]:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="role", AssumeRolePolicyDocument=document)["Role"]
    key = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="session")["Credentials"]
    return {
        "accessKey": key["AccessKeyId"],
        "secretKey": key["SecretAccessKey"],
        "sessionToken": key["SessionToken"],
    }


if __name__ == "__main__":
    main()
