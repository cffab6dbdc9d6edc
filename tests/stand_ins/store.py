"""An S3 store that computes the signature of what arrived, as AWS's specification says.

It shares no line with what signs. What it says to whom is in the words of the store it stands for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import new

from tests.stand_ins.answering import Asked, Reply

KEY, SECRET = "Q3AM3UQ867SPQQA43P2F", "zuf+tfteSlswRu7BJ86wekitnifILbZam1KYY3TG"
"""The key pair that every store knows."""


def error(status: int, code: str, message: str = "", inside: str = "", **headers: str) -> Reply:
    """Return an error of S3; `inside` are further elements of it."""
    body = f"<Error><Code>{code}</Code><Message>{message}</Message>{inside}</Error>"
    return Reply(status, body, headers={name.replace("_", "-"): v for name, v in headers.items()})


def buckets(*names: str) -> Reply:
    """Return the list of buckets."""
    shown = "".join(f"<Bucket><Name>{name}</Name></Bucket>" for name in names)
    owner = "<Owner><ID>o</ID></Owner>"
    return Reply(
        200,
        f"<ListAllMyBucketsResult>{owner}<Buckets>{shown}</Buckets></ListAllMyBucketsResult>",
    )


OBJECTS = Reply(200, "<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>")


@dataclass
class Store:
    """What a store says to strangers, to unknown keys and of wrong signatures, and what it has."""

    strangers: Reply
    unknown: Reply
    mismatch: Reply
    listing: Reply = field(default_factory=lambda: buckets("one"))
    bucket: Reply = OBJECTS
    region: str = ""
    """The only region that it accepts; any, if empty."""
    host: str = ""
    """The Host that a proxy before it puts into each request."""
    judged: list[bool] = field(default_factory=list)
    """Of each signature of the known key, whether it was right."""

    def answer(self, asked: Asked) -> Reply:
        """Answer one request."""
        fields = _authorization(asked)
        if not fields:
            return self.strangers
        key, _, region, _, _ = fields["Credential"].split("/")
        if self.region and region != self.region:
            wanted = f"<Region>{self.region}</Region>"
            return error(400, "AuthorizationHeaderMalformed", "unexpected scope", wanted)
        if key != KEY:
            return self.unknown
        self.judged.append(fields["Signature"] == self._expected(asked, fields))
        if not self.judged[-1]:
            return self.mismatch
        return self.listing if asked.path.startswith("/?") else self.bucket

    def _expected(self, asked: Asked, fields: Mapping[str, str]) -> str:
        scope = fields["Credential"].partition("/")[2]
        path, _, query = asked.path.partition("?")
        values = {"host": self.host} if self.host else {}
        names = fields["SignedHeaders"]
        lines = [f"{n}:{(values.get(n) or asked.headers[n]).strip()}" for n in names.split(";")]
        ordered = "&".join(sorted(query.split("&")))
        content = asked.headers["x-amz-content-sha256"]
        canonical = "\n".join((asked.method, path, ordered, *lines, "", names, content))
        hashed = sha256(canonical.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{asked.headers['x-amz-date']}\n{scope}\n{hashed}"
        secret = f"AWS4{SECRET}".encode()
        for part in scope.split("/"):
            secret = new(secret, part.encode(), sha256).digest()
        return new(secret, text.encode(), sha256).hexdigest()


def _authorization(asked: Asked) -> Mapping[str, str]:
    given = asked.headers.get("Authorization", "").partition(" ")[2]
    pairs = (part.strip().partition("=") for part in given.split(",") if part)
    return {name: value for name, _, value in pairs}


def minio() -> Store:
    """Return a MinIO, which has a code for each fault of a key."""
    about = "<RequestId>17A0</RequestId><HostId>dd90</HostId>"
    server = {"Server": "MinIO"}
    return Store(
        error(403, "AccessDenied", "Access Denied.", about, **server),
        error(403, "InvalidAccessKeyId", "The key does not exist.", about, **server),
        error(403, "SignatureDoesNotMatch", "Check your key and method.", about, **server),
    )


def garage() -> Store:
    """Return a Garage, which has one code for all faults, and a region of its own."""
    return Store(
        error(403, "AccessDenied", "Forbidden: no anonymous access", "<Region>garage</Region>"),
        error(403, "AccessDenied", "Forbidden: No such key: X", "<Region>garage</Region>"),
        error(403, "AccessDenied", "Forbidden: Invalid signature", "<Region>garage</Region>"),
        region="garage",
    )


def swift() -> Store:
    """Return a Swift, which is an S3 only for requests that are signed."""
    number = "tx0123456789abcdef01234-0065f1a2b3"
    html = {"Content-Type": "text/html; charset=UTF-8", "X-Trans-Id": number}
    refused = error(403, "SignatureDoesNotMatch", "m", x_amz_request_id=number)
    return Store(Reply(412, "Bad URL", headers=html), refused, refused)
