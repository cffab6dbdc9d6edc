"""Take a job's secrets out of what a platform sent back."""

from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from shared.outcomes import Fact
from shared.product import Credentials

REDACTED = "[redacted]"
SHORTEST = 4  # shorter ones occur in any text by chance


class Redactor:
    """Knows the secrets of one job in the forms in which they can come back."""

    def __init__(self, credentials: Credentials) -> None:
        keys = (credentials.secret_key, credentials.access_key)
        forms = [form for key in keys for form in _forms(key.get_secret_value())]
        self._forms = sorted({f for f in forms if len(f) >= SHORTEST}, key=len, reverse=True)

    def __call__(self, fact: Fact) -> Fact:
        """Return `fact` without any of the secrets."""
        if isinstance(fact, str):
            return self.text(fact)
        if isinstance(fact, tuple):
            return tuple(self.text(part) for part in fact)
        return fact

    def text(self, text: str) -> str:
        """Return `text` without any of the secrets."""
        for form in self._forms:
            text = text.replace(form, REDACTED)
        return text


def _forms(secret: str) -> Iterable[str]:
    encoded = b64encode(secret.encode()).decode()
    return secret, quote(secret, safe=""), quote_plus(secret), encoded, encoded.rstrip("=")
