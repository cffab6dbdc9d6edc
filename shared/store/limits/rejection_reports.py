"""What a worker tells the API of a rejection, for the workers of the other sites."""

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

LONGEST_LIST = 1000
"""Reports that wait for the API at most, of one site; the oldest go."""
MOST_PAIRS = 16
LONGEST_REPORT = 4096

Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
HashedPair = tuple[Hash, Hash]
"""A keyed hash of an account, and one of the secret that was presented with it."""


class RejectionReport(BaseModel):
    """That a job's key pair was rejected, or that it was accepted where `cause` is empty."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    job: str = Field(max_length=64)
    cause: str = Field(max_length=80)
    pairs: Sequence[HashedPair] = Field(max_length=MOST_PAIRS)
    """The pair under the hash with each of the secrets that all sites share."""


def reports_in(texts: Sequence[bytes]) -> Iterator[RejectionReport]:
    """Yield what can be read of reports: a site's Redis user may have written anything."""
    for text in texts:
        try:
            yield RejectionReport.model_validate_json(text[:LONGEST_REPORT])
        except ValidationError:
            continue
