"""What is remembered of the key pairs that a platform has just rejected, wherever it is kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

from pydantic import SecretStr

from shared.request import JobRequest

KEPT_S = 900
_PLATFORM_BYTES = 8


def platform_of(product_type: str, endpoint: str) -> str:
    """Return a short name of a platform, which is part of the keys of its accounts.

    It is no secret: whoever knows a job's first entry can tell whether a rejection is about it.
    """
    named = f"{product_type} {endpoint}".encode()  # a product has no space
    return blake2b(named, digest_size=_PLATFORM_BYTES).hexdigest()


@dataclass(frozen=True, slots=True)
class Rejections:
    """What is remembered of an account: when this pair was rejected, and how many others were."""

    of_this_pair_at: datetime | None
    of_other_secrets: int
    cause: str = ""
    """The code of the cause that the pair was rejected with."""

    @property
    def of_this_pair_until(self) -> datetime | None:
        """Until when the rejection of this pair counts."""
        return self.of_this_pair_at and self.of_this_pair_at + timedelta(seconds=KEPT_S)


NO_REJECTIONS = Rejections(None, 0)


def presented(request: JobRequest) -> Iterator[str]:
    """Yield what a platform judges beside the account: the secret, and the product's own options.

    A session token or a domain may be wrong too, and whoever corrects it must get a new verdict.
    """
    yield request.secret_key.get_secret_value()
    for name, value in request.product_options:
        if value is not None:
            yield name
            yield value.get_secret_value() if isinstance(value, SecretStr) else str(value)
