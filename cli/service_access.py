"""Connect to the service given by --server."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

import typer
from pydantic import SecretStr

from cli.arguments import read_secret
from cli.terminal.exit_status import COULD_NOT_TEST, USAGE, refuse
from shared.diagnosis.translations import Language
from shared.settings import Network
from shared.text import printable

if TYPE_CHECKING:
    from conncheck_client import Client

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Where:
    """Where tests run: in this process, or on a service."""

    networks: Sequence[Network]
    """Networks that may be tested here although the default policy refuses them."""
    server: str | None
    token_file: Path | None
    ca_file: Path | None

    def client(self, language: Language) -> "Client":
        """Return a client of the service."""
        assert self.server is not None  # noqa: S101 -- the caller has checked it
        return client_for(self.server, self.token_file, self.ca_file, language)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_spelled_well = parts.port != 0 and bool(parts.hostname)
    except ValueError:
        is_spelled_well = False
    if not is_spelled_well or parts.scheme not in ("http", "https") or "@" in parts.netloc:
        # Not shown: it may contain a password.
        refuse("--server is not a URL such as https://HOST:PORT")
    return parts


def client_for(
    url: str, token_file: Path | None, ca_file: Path | None, language: Language
) -> "Client":
    """Return a client of the service at `url`; the token is never an argument."""
    # Here, because it loads httpx, which a test in this process does not need.
    from conncheck_client import Client

    parts = _split(url)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        typer.echo(
            f"conncheck: the connection to {printable(parts.hostname or '')} has no TLS: anyone in "
            "between can read the token and the key pairs",
            err=True,
        )
    token = os.environ.get("CONNCHECK_TOKEN", "")
    if token_file:
        token = read_secret(token_file, "--token-file")
    if not token.strip():
        refuse("--server needs a token: set CONNCHECK_TOKEN or give --token-file")
    if not token.isascii() or not token.isprintable():
        refuse("the token for --server contains a character that is not allowed in tokens")
    return Client(url, SecretStr(token), language=language, ca_file=ca_file)


@contextmanager
def service_errors_refused() -> Iterator[None]:
    """End the command with what the service says where it does not do what it is asked."""
    # Here, because a test in this process does not need the client.
    from conncheck_client import ClientError, InvalidRequestError

    try:
        yield
    except InvalidRequestError as error:
        refuse(str(error), USAGE)
    except ClientError as error:
        refuse(str(error), COULD_NOT_TEST)
