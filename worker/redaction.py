"""Take a job's secrets out of what a platform sent back."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from html import escape
from urllib.parse import quote, quote_plus

from shared.outcomes import Fact
from shared.product import Credentials
from shared.text import printable

REDACTED = "[redacted]"
LARGEST = 1e15
SHORTEST = 4  # shorter ones occur in any text by chance


class Redactor:
    """Knows the secrets of one job in the forms in which they can come back."""

    def __init__(self, credentials: Credentials) -> None:
        secret = credentials.secret_key.get_secret_value()
        access = credentials.access_key.get_secret_value()
        further = (one.get_secret_value() for one in credentials.further)
        texts = (secret, access, f"{access}:{secret}", *further)
        forms = [form for text in texts for form in _forms(text)]
        self._forms = sorted({f for f in forms if len(f) >= SHORTEST}, key=len, reverse=True)

    def __call__(self, fact: Fact) -> Fact:
        """Return `fact` without any of the secrets, and fit to be shown."""
        if isinstance(fact, str):
            return self.text(fact)
        if isinstance(fact, tuple):
            return tuple(self.text(part) for part in fact)
        # JSON has no infinity, and Python does not read back what has thousands of digits.
        return fact if abs(fact) < LARGEST else "out of range"

    def text(self, text: str) -> str:
        """Return `text` without any of the secrets, and fit to be shown."""
        for form in self._forms:
            text = text.replace(form, REDACTED)
        return printable(text)


def _forms(secret: str) -> Iterator[str]:
    """Give the spellings of a secret that a platform may answer with."""
    yield secret
    for spelled in (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        yield spelled
        yield spelled.replace("/", "\\/")  # as PHP writes it
    yield escape(secret)
    for quoted in (quote(secret, safe=""), quote_plus(secret)):
        yield quoted
        yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)
    yield b64encode(secret.encode()).decode()
    yield b64encode(secret.encode()).decode().rstrip("=")
