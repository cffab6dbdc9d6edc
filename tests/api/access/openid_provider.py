"""An OpenID provider over real HTTP or HTTPS, with keys that are made on the fly."""

import json
import ssl
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

AUDIENCE = "conncheck"
DISCOVERY = "/.well-known/openid-configuration"


@dataclass
class SigningKey:
    """A key pair of the provider, and how it is published."""

    key_id: str
    algorithm: str = "ES256"
    private_key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    names_algorithm: bool = True

    @classmethod
    def rsa(cls, key_id: str, bits: int = 2048, algorithm: str = "RS256") -> "SigningKey":
        """Return an RSA key, which does not say what it is for, as Microsoft's do."""
        key = rsa.generate_private_key(65537, bits)
        return cls(key_id, algorithm, key, names_algorithm=False)

    @property
    def public(self) -> dict[str, Any]:
        """The public key as a JWK."""
        made = jwt.get_algorithm_by_name(self.algorithm).to_jwk(self.private_key.public_key())
        named = {"alg": self.algorithm} if self.names_algorithm else {}
        return {**json.loads(made), "kid": self.key_id, "use": "sig", **named}


@dataclass
class Provider:
    """What the provider publishes, and what it was asked."""

    url: str = ""
    keys: list[SigningKey] = field(default_factory=lambda: [SigningKey("k1")])
    discovery: dict[str, Any] = field(default_factory=dict)
    extra_keys: list[object] = field(default_factory=list)
    content: bytes | None = None
    """What is answered instead of the keys."""
    status: int = 200
    gate: Event = field(default_factory=Event)
    """Answers wait for it."""
    asked: list[str] = field(default_factory=list)

    def token(self, key: SigningKey | None = None, /, **claims: Any) -> str:
        """Return a token that is valid but for what `claims` say; None takes one away."""
        now = datetime.now(UTC)
        content = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "alice",
            "iat": now,
            "nbf": now,
            "exp": now + timedelta(minutes=5),
            "scope": "openid conncheck:test conncheck:read",
            **claims,
        }
        signer = key or self.keys[0]
        return jwt.encode(
            {name: value for name, value in content.items() if value is not None},
            signer.private_key,
            signer.algorithm,
            headers={"kid": signer.key_id},
        )

    def answer(self, path: str) -> bytes | None:
        """Return what is at `path`."""
        self.asked.append(path)
        if path == DISCOVERY:
            about = {"issuer": self.url, "jwks_uri": f"{self.url}/keys", **self.discovery}
            return json.dumps(about).encode()
        if path != "/keys":
            return None
        if self.content is not None:
            return self.content
        return json.dumps({"keys": [*self.extra_keys, *(k.public for k in self.keys)]}).encode()


@contextmanager
def openid_provider(context: ssl.SSLContext | None = None) -> Iterator[Provider]:
    """Run a provider while the block runs, over HTTPS where there is a `context`."""
    provider = Provider()
    provider.gate.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.gate.wait(30)
            content = provider.answer(self.path)
            self.send_response(provider.status if content is not None else 404)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme, host = ("https", "localhost") if context else ("http", "127.0.0.1")
    provider.url = f"{scheme}://{host}:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield provider
    finally:
        provider.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()


def forged(token: str, **header: Any) -> str:
    """Return the token with another header and its old signature."""
    old = jwt.get_unverified_header(token)
    _, payload, signature = token.split(".")
    return f"{encoded({**old, **header})}.{payload}.{signature}"


def encoded(content: Mapping[str, Any]) -> str:
    """Return a part of a token."""
    return urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
