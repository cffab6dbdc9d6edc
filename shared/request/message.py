"""The message that carries a request to a worker, and how its job's story begins."""

from datetime import datetime
from typing import Self

from pydantic import AwareDatetime, Field

from shared.diagnosis.entries import Queued
from shared.policy.target_policy import UNLIMITED, TargetPolicy
from shared.request import JobRequest
from shared.request.fields import Wire
from shared.request.inspection import InspectionRequest
from shared.request.options import REVEAL
from shared.site_name import DEFAULT_SITE
from shared.steps import STEPS, StepName

AnyRequest = JobRequest | InspectionRequest


def queue_target(request: AnyRequest) -> str:
    """Return the target that the job takes turns at, empty where it was forced."""
    return "" if request.options.force else request.target_name


def first_entry(
    request: AnyRequest,
    at: datetime,
    *,
    site: str = DEFAULT_SITE,
    tenant: str,
    share_of: str = "",
    token_name: str = "",
    client: str = "",
) -> Queued:
    """Return how the story of a job for `request` begins."""
    return Queued(
        at=at,
        site=site,
        tenant=tenant,
        share_of=share_of,
        token_name=token_name,
        client=client,
        product_type=request.product_type,
        endpoint=str(request.target),
        target=queue_target(request),
        steps=request.steps,
        verifies=request.options.tls.verify,
    )


class ComparedPart(Wire):
    """What a site has to do in a comparison of sites, in addition to the test or less of it."""

    ends_after: StepName | None = Field(default=None, exclude_if=lambda step: step is None)
    """The last step of the test from this site; None is the test's own."""

    def steps_of(self, request: JobRequest) -> tuple[StepName, ...]:
        """Return the steps of `request` that this site makes."""
        last = STEPS.index(self.ends_after) if self.ends_after else len(STEPS)
        return tuple(step for step in request.steps if STEPS.index(step) <= last)


class JobMessage(Wire):
    """The sealed message to a worker: the request, its limits, and when it is too old to run.

    A worker of the version before refuses what it doesn't know: what is new is only written where
    it is used.
    """

    request: AnyRequest
    budget_s: float
    start_by: AwareDatetime
    policy: TargetPolicy = UNLIMITED
    is_metered: bool = False
    """Whether its connections count for the rate limit of their address."""
    targets_per_minute: int | None = Field(default=None, exclude_if=lambda most: most is None)
    """How many different hosts and ports the token may test, those that platforms name included."""
    traceparent: str = ""
    """The span that the test belongs to (W3C Trace Context), if tests are traced."""
    ca_certificate_sha256: str = Field(default="", exclude_if=lambda digest: not digest)
    """The digest of the request's CA certificates where its batch keeps them, once for all."""
    compared: ComparedPart | None = Field(default=None, exclude_if=lambda part: part is None)
    """The site's part in a comparison, if the test is one of it."""

    def to_bytes(self) -> bytes:
        """Return the message with its credentials in clear text, for sealing."""
        return self.model_dump_json(by_alias=True, context=REVEAL).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Return the message that `to_bytes` wrote."""
        return cls.model_validate_json(content)
