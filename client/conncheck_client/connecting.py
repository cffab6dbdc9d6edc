"""How a client speaks to the service, the same for both kinds of clients."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from conncheck_client.retries import PATIENCE_S
from shared.diagnosis.translations import Language

CONNECT_S = 5.0
ANSWER_S = 60.0  # longer than any long poll and any heartbeat of a stream
POLL_S = 25.0


@dataclass(frozen=True, slots=True)
class ServerAccess:
    """Where the service is, and how it is spoken to."""

    url: str
    token: SecretStr = field(repr=False)
    language: Language = "en"
    ca_file: Path | None = None
    """PEM certificates of authorities to trust instead of the public ones."""
    patience_s: float = PATIENCE_S
    """How long a call is repeated while the service is away or asks to come again."""

    def options(self) -> dict[str, Any]:
        """Return the options of the httpx client.

        Nothing of the environment counts: a proxy in it would see the key pairs.
        """
        verify = ssl.create_default_context(cafile=self.ca_file) if self.ca_file else True
        headers = {
            "Authorization": f"Bearer {self.token.get_secret_value()}",
            "Accept-Language": self.language,
            "User-Agent": "conncheck",
        }
        return {
            "base_url": self.url,
            "headers": headers,
            "verify": verify,
            "timeout": httpx.Timeout(ANSWER_S, connect=CONNECT_S),
            "trust_env": False,
        }
