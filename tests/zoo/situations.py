"""What the situations out of public reports have in common: servers that answer by a rule."""

import json
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from hmac import new
from typing import Any, Final

from tests.certificates.crafted import Authority
from tests.network.name_server import knowing, resolving
from tests.stand_ins.answering import Asked, Reply, Rule, answering_by
from tests.zoo.fault import Target

JSON = {"Content-Type": "application/json"}
XML = {"Content-Type": "application/xml"}
HTML = {"Content-Type": "text/html"}

Asking = Callable[[str], Target]
"""Makes a target of the server's address."""


def over_http(rule: Rule, asking: Asking) -> Iterator[Target]:
    """Give the target of a plain server that answers by `rule`."""
    with answering_by(rule) as port:
        yield asking(f"http://127.0.0.1:{port}")


def over_tls(rule: Rule, asking: Asking) -> Iterator[Target]:
    """Give the target of a server with a certificate that its caller trusts."""
    authority = Authority()
    with answering_by(rule, authority.issue("127.0.0.1").server_context()) as port:
        yield trusting(authority, asking(f"https://127.0.0.1:{port}"))


OWN_ADDRESS = "10.9.0.1"
NAMED: Final = (f"address add {OWN_ADDRESS}/32 dev lo",)
"""The network that `named` needs."""


def named(name: str, rule: Rule, asking: Asking) -> Iterator[Target]:
    """Give the target of a server with TLS that has `name` in a DNS of its own, at port 443."""
    authority = Authority()
    tls = authority.issue(name).server_context()
    records = knowing({name: [f"A {OWN_ADDRESS}"]})
    with resolving(records), answering_by(rule, tls, OWN_ADDRESS, 443):
        yield trusting(authority, asking(f"https://{name}"))


def trusting(authority: Authority, target: Target) -> Target:
    """Return the target with the certificate of `authority` as the caller's."""
    options = {**target.options, "tls": {"caCertificate": authority.pem}}
    return Target(
        target.endpoint, target.product_type, target.access_key, target.secret_key, options
    )


def said(content: Any, status: int = 200, reason: str = "", **headers: str) -> Reply:
    """Return JSON; the names of headers have _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps(content), reason, {**JSON, **named})


def refused_by_s3(
    code: str, message: str, status: int = 403, inside: str = "", **headers: str
) -> Reply:
    """Return an error of an S3 store; `inside` are further elements of it."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message>{inside}</Error>"
    )
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, body, headers={**XML, **named})


def buckets(*names: str) -> Reply:
    """Return the list of buckets."""
    shown = "".join(f"<Bucket><Name>{name}</Name></Bucket>" for name in names)
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Owner><ID>o</ID></Owner><Buckets>{shown}</Buckets></ListAllMyBucketsResult>"
    )
    return Reply(200, body, headers=XML)


def objects(bucket: str) -> Reply:
    """Return the list of an empty bucket's objects."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>{bucket}</Name><KeyCount>0</KeyCount></ListBucketResult>"
    )
    return Reply(200, body, headers=XML)


def is_signed_by(asked: Asked, key: str, secret: str) -> bool:
    """Return whether SigV4 holds for what arrived, as a store computes it: AWS's specification."""
    fields = _authorization(asked)
    date, region, service = fields.get("Credential", "///").split("/")[1:4]
    path, _, query = asked.path.partition("?")
    names = fields.get("SignedHeaders", "")
    lines = [f"{name}:{(asked.headers[name] or '').strip()}" for name in names.split(";")]
    given = asked.headers["x-amz-content-sha256"] or sha256(asked.body).hexdigest()
    ordered = "&".join(sorted(query.split("&"))) if query else ""
    canonical = "\n".join((asked.method, path, ordered, *lines, "", names, given))
    scope = f"{date}/{region}/{service}/aws4_request"
    hashed = sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{asked.headers['x-amz-date']}\n{scope}\n{hashed}"
    chain = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        chain = new(chain, part.encode(), sha256).digest()
    expected = new(chain, text.encode(), sha256).hexdigest()
    return key_of(asked) == key and fields.get("Signature") == expected


def key_of(asked: Asked) -> str:
    """Return the key ID that the request was signed with; empty if it was not."""
    return _authorization(asked).get("Credential", "").partition("/")[0]


def _authorization(asked: Asked) -> Mapping[str, str]:
    given = asked.headers.get("Authorization", "").partition(" ")[2]
    pairs = (part.strip().partition("=") for part in given.split(","))
    return {name: value for name, _, value in pairs}
