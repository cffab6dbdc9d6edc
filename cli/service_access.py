"""Choose where tests run, and connect to the service where it is not this process."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

import typer
from pydantic import SecretStr

from cli.arguments import networks_of, read_secret
from cli.terminal.exit_status import refuse
from shared.diagnosis.translations import Language
from shared.settings import Network
from shared.text import printable

if TYPE_CHECKING:
    from conncheck_client import Client

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class ServerChoice:
    """A service, and what it is signed in to with."""

    url: str
    token: str = field(repr=False)
    ca_file: Path | None

    def client(self, language: Language) -> "Client":
        """Return a client of the service; end the command if the URL or the token is none.

        It is also ended if the CA file can't be read.
        """
        # Here, because it loads httpx, which a test in this process does not need.
        from conncheck_client import Client

        parts, token = _split(self.url), self.token
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            typer.echo(
                f"conncheck: the connection to {printable(parts.hostname or '')} has no TLS: "
                "anyone in between can read the token and the key pairs",
                err=True,
            )
        if not token.strip():
            how = "set CONNCHECK_TOKEN, give --token-file or use `conncheck login`"
            refuse(f"{printable(self.url)} needs a token: {how}")
        if not token.isascii() or not token.isprintable():
            refuse("the token contains a character that is not allowed in tokens")
        try:
            return Client(self.url, SecretStr(token), language=language, ca_file=self.ca_file)
        except OSError as error:  # SSLError is one: the file has no certificate
            reason = "is not a file of PEM certificates" if error.errno is None else error.strerror
            refuse(f"{self.ca_file}: {reason}")


@dataclass(frozen=True, slots=True)
class Where:
    """Where tests run: in this process, or on a service."""

    networks: Sequence[Network]
    """Networks that may be tested here although the default policy refuses them."""
    server: ServerChoice | None


@dataclass(frozen=True, slots=True)
class WhereOptions:
    """The options of the command line that say where tests run."""

    server: str | None
    token_file: Path | None
    ca_file: Path | None
    is_local: bool = False
    allow_network: list[str] | None = None

    def chosen(self) -> Where:
        """Return the place: --local, else --server, else the login, else this process."""
        networks = networks_of(self.allow_network)
        return Where(networks, None if self.is_local else self._chosen_server())

    def _chosen_server(self) -> ServerChoice | None:
        from cli.kept_login import kept_login

        if self.server is None:
            login = kept_login()
            if login is None:
                return None
            if self.allow_network:
                refuse(f"--allow-network needs --local: you are signed in to {login.server}")
            token = token_for(self.token_file) if self.token_file else login.token
            return ServerChoice(login.server, token, self.ca_file or login.ca_file)
        token, ca_file = token_for(self.token_file), self.ca_file
        if not token:
            login = kept_login()
            if login and login.is_at(self.server):
                token, ca_file = login.token, ca_file or login.ca_file
        return ServerChoice(self.server, token, ca_file)


def token_for(file: Path | None) -> str:
    """Return the token of --token-file, else that of CONNCHECK_TOKEN, else an empty one."""
    return read_secret(file, "--token-file") if file else os.environ.get("CONNCHECK_TOKEN", "")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_spelled_well = parts.port != 0 and bool(parts.hostname)
    except ValueError:
        is_spelled_well = False
    if not is_spelled_well or parts.scheme not in ("http", "https") or "@" in parts.netloc:
        # Not shown: it may contain a password.
        refuse("the server's address is not a URL such as https://HOST:PORT")
    return parts
