"""How a client speaks to the service, the same for both kinds of clients."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
from pydantic import SecretStr

from conncheck_client.retries import PATIENCE_S

CONNECT_S = 5.0
ANSWER_S = 60.0  # longer than any long poll and any heartbeat of a stream
POLL_S = 25.0

Language = Literal["en", "zh-CN"]


@dataclass(frozen=True, slots=True)
class ServerAccess:
    """Where the service is, and the options of its calls."""

    url: str
    token: SecretStr = field(repr=False)
    language: Language = "en"
    ca_file: Path | str | None = None
    """PEM certificates of authorities to trust instead of the public ones."""
    patience_s: float = PATIENCE_S
    """How long a call is repeated while the service asks to repeat it later."""

    def __post_init__(self) -> None:
        """Refuse what no call could be made with; httpx would show the token in its error.

        Raises:
            ValueError: `url` or `token` is not valid; neither is shown.
        """
        try:
            url = httpx.URL(self.url)
        except httpx.InvalidURL:
            url = httpx.URL()
        if url.scheme not in ("http", "https") or not url.host or url.userinfo:
            raise ValueError("url is not a URL such as https://HOST:PORT")
        token = self._bare_token()
        if not token or not token.isascii() or not token.isprintable():
            raise ValueError("token is empty or contains a character that no header may have")

    def _bare_token(self) -> str:
        return self.token.get_secret_value().strip()  # a file of it ends with a newline

    def options(self) -> dict[str, Any]:
        """Return the options of the httpx client.

        Nothing of the environment counts: a proxy in it would see the key pairs.
        """
        verify = ssl.create_default_context(cafile=self.ca_file) if self.ca_file else True
        headers = {
            "Authorization": f"Bearer {self._bare_token()}",
            "Accept-Language": self.language,
            "User-Agent": "conncheck-client",
        }
        return {
            "base_url": self.url,
            "headers": headers,
            "verify": verify,
            "timeout": httpx.Timeout(ANSWER_S, connect=CONNECT_S),
            "trust_env": False,
        }
