"""Speak to the service that --server names."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import typer
from pydantic import SecretStr

from cli.client import Client
from cli.arguments import read_secret
from cli.terminal.exit_status import refuse
from shared.settings import Network
from shared.text import printable
from shared.diagnosis.translations import Language

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Where:
    """Where tests are made: in this process, or by a service."""

    networks: Sequence[Network]
    """What may be tested here although the default policy refuses it."""
    server: str | None
    token_file: Path | None
    ca_file: Path | None

    def client(self, language: Language) -> Client:
        """Return a client of the service."""
        assert self.server is not None  # noqa: S101 -- asked for by who has looked
        return client_for(self.server, self.token_file, self.ca_file, language)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_spelled_well = parts.port != 0 and bool(parts.hostname)
    except ValueError:
        is_spelled_well = False
    if not is_spelled_well or parts.scheme not in ("http", "https") or "@" in parts.netloc:
        # Not shown: a password may stand in it.
        refuse("--server is no URL like https://HOST:PORT")
    return parts


def client_for(
    url: str, token_file: Path | None, ca_file: Path | None, language: Language
) -> Client:
    """Return a client of the service at `url`; its token never stands in a command line."""
    parts = _split(url)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        typer.echo(
            f"conncheck: {printable(parts.hostname or '')} is spoken to without TLS: whoever is in "
            "between reads the token and the key pairs",
            err=True,
        )
    token = os.environ.get("CONNCHECK_TOKEN", "")
    if token_file:
        token = read_secret(token_file, "--token-file")
    if not token.strip():
        refuse("--server needs a token: set CONNCHECK_TOKEN or give --token-file")
    if not token.isascii() or not token.isprintable():
        refuse("the token for --server has a character in it that no token has")
    return Client(url, SecretStr(token), language=language, ca_file=ca_file)
