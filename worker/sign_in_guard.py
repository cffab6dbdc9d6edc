"""Decide whether a key pair may be presented to its platform now."""

import logging
from typing import Protocol

from shared.diagnosis.causes import Cause
from shared.store.jobs.job_stream import StoreUnreachableError
from shared.request import JobRequest
from shared.diagnosis.outcomes import Failed
from shared.store.limits.sign_in_memory import Rejections

_log = logging.getLogger(__name__)

JUST_REJECTED = Cause(
    code="policy.just_rejected",
    owner="caller",
    summary="{host} has just rejected this key pair; it is not sent again before {until}",
    remedies=(
        "Correct the key pair; another one is tried at once.",
        "Set options.force if the platform was changed meanwhile.",
    ),
    field="secretKey",
)
LOCKOUT_NEAR = Cause(
    code="policy.auth_guard",
    owner="us",
    summary="{host} has rejected {rejected} secrets of this account; one more could lock it",
    remedies=(
        "Find out the right secret, wait 15 minutes, then test again.",
        "Set options.force if a lock does no harm.",
    ),
    field="secretKey",
)


class RejectionMemory(Protocol):
    """What is remembered of rejected key pairs, in a store or in this process.

    Each method may raise StoreUnreachableError: nobody knows.
    """

    def rejections(self, request: JobRequest) -> Rejections:
        """Return what is remembered of the request's account."""
        ...

    def remember_rejection(self, request: JobRequest) -> None:
        """Remember that the platform rejected the pair just now."""
        ...

    def forget(self, request: JobRequest) -> None:
        """Forget the account's rejections: the platform has taken a pair of it."""
        ...


class SignInGuard:
    """Keeps one job from doing again what the platform has just punished."""

    def __init__(self, memory: RejectionMemory) -> None:
        self._memory = memory

    def refusal(self, request: JobRequest) -> Failed | None:
        """Return why the pair must not be presented, None if it may.

        Where the store is away nothing is known, and nothing is held up.
        """
        if request.options.force or not request.product.needs_key_pair:
            return None
        try:
            known = self._memory.rejections(request)
        except StoreUnreachableError:
            return None
        if known.of_this_pair_until:
            return Failed(JUST_REJECTED, until=f"{known.of_this_pair_until:%Y-%m-%d %H:%M:%S} UTC")
        most = request.product.sign_in_attempts
        if most is not None and known.of_other_secrets >= most:
            return Failed(LOCKOUT_NEAR, rejected=known.of_other_secrets)
        return None

    def learn(self, request: JobRequest, failed: Failed | None) -> None:
        """Take in how a job ended that was not refused: `failed`, or None if it passed."""
        try:
            if failed is None and request.product.sign_in_attempts is not None:
                self._memory.forget(request)
            elif failed is not None and failed.cause.is_rejection:
                self._memory.remember_rejection(request)
        except StoreUnreachableError:
            _log.warning("sign_in_guard store=away")
