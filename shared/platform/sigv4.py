"""Sign requests with AWS Signature Version 4.

Facts are from "Create a signed AWS API request" in the AWS IAM user guide and "Authenticating
requests: using the Authorization header" in the Amazon S3 API reference.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from hmac import digest
from urllib.parse import quote

from pydantic import SecretStr

from shared.endpoint import Endpoint
from shared.platform.http import HttpRequest
from shared.platform.product import Credentials

SIGV4 = "SigV4"
"""What texts call the signatures."""
_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class SigV4:
    """A key pair with the region and the service that its signatures are limited to."""

    endpoint: Endpoint
    credentials: Credentials
    session_token: SecretStr | None
    region: str
    service: str

    def signed(self, request: HttpRequest, now: datetime) -> HttpRequest:
        """Return `request` signed as of `now`, the platform's own time in UTC."""
        stamp = f"{now:%Y%m%dT%H%M%SZ}"
        sent = {**request.headers, **self._headers(request, stamp)}
        headers = _canonical_headers({**sent, "Host": self.endpoint.host_header})
        names = ";".join(headers)
        scope = f"{stamp[:8]}/{self.region}/{self.service}/aws4_request"
        canonical = self._canonical(request, headers)
        text = "\n".join((_ALGORITHM, stamp, scope, sha256(canonical.encode()).hexdigest()))
        key = self.credentials.access_key.get_secret_value()
        value = (
            f"{_ALGORITHM} Credential={key}/{scope}, SignedHeaders={names}, "
            f"Signature={self._signature(scope, text)}"
        )
        return replace(request, headers={**sent, "Authorization": value}, presents_credentials=True)

    def _headers(self, request: HttpRequest, stamp: str) -> dict[str, str]:
        headers = {"X-Amz-Date": stamp}
        if self.session_token:
            headers["X-Amz-Security-Token"] = self.session_token.get_secret_value()
        if self.service == "s3":
            headers["X-Amz-Content-SHA256"] = sha256(request.body).hexdigest()
        return headers

    def _canonical(self, request: HttpRequest, headers: Mapping[str, str]) -> str:
        path, _, query = request.path.partition("?")
        return "\n".join(
            (
                request.method,
                # S3 signs the path as it is sent, the others sign it normalized and encoded again.
                path if self.service == "s3" else quote(_normalized(path), safe="/~"),
                _canonical_query(query),
                *(f"{name}:{value}" for name, value in headers.items()),
                "",
                ";".join(headers),
                sha256(request.body).hexdigest(),
            )
        )

    def _signature(self, scope: str, text: str) -> str:
        key = f"AWS4{self.credentials.secret_key.get_secret_value()}".encode()
        for part in scope.split("/"):
            key = digest(key, part.encode(), "sha256")
        return digest(key, text.encode(), "sha256").hex()


def _canonical_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers by their lower-case names, in order, each run of spaces as one space."""
    folded = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    return dict(sorted(folded.items()))


def _canonical_query(query: str) -> str:
    """Return the parameters in order, first by name and then by value, each with its "="."""
    if not query:
        return ""
    parameters = sorted(parameter.partition("=")[::2] for parameter in query.split("&"))
    return "&".join(f"{name}={value}" for name, value in parameters)


def _normalized(path: str) -> str:
    """Return the path as it is without empty, "." and ".." segments (RFC 3986 5.2.4)."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    ends_with_slash = bool(kept) and path.endswith("/")
    return "/" + "/".join(kept) + ("/" if ends_with_slash else "")
