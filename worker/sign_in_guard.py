"""Decide whether a key pair may be presented to its platform now."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from shared.diagnosis.catalogue import catalogue
from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Fact, Failed, Finding
from shared.request import JobRequest
from shared.store.errors import StoreUnreachableError
from shared.store.limits.rejections import NO_REJECTIONS, Rejections

_log = logging.getLogger(__name__)

JUST_REJECTED = Cause(
    code="policy.just_rejected",
    owner="caller",
    summary=(
        "The key pair was withheld, so that the account is not locked: {host} rejected it on "
        "{rejected_at}, and it is not sent again before {until}"
    ),
    remedies=(
        "Correct the key pair; a different key pair is tested at once.",
        "Set options.force if the platform has been changed since.",
    ),
    field="secretKey",
)
AUTH_GUARD = Cause(
    code="policy.auth_guard",
    owner="us",
    summary=(
        "{host} has rejected {rejected:secret|secrets} of this account; another failure "
        "could lock it"
    ),
    remedies=(
        "Find out the correct secret, wait 15 minutes, then test again.",
        "Set options.force if locking the account would do no harm.",
    ),
    field="secretKey",
)


class RejectionMemory(Protocol):
    """The record of rejected key pairs, in a store or in this process.

    Each method, and what `look` returns, may raise StoreUnreachableError: the outcome is unknown.
    """

    def look(self, request: JobRequest) -> Callable[[], Rejections]:
        """Look for the account's rejections; what is returned waits until they are known."""
        ...

    def remember_rejection(self, request: JobRequest, cause: str, job_id: str = "") -> None:
        """Record that the platform has just rejected the job's pair, with this cause."""
        ...

    def forget(self, request: JobRequest, job_id: str = "") -> None:
        """Forget the account's rejections: the platform has accepted the job's pair."""
        ...


class SignInGuard:
    """Keeps jobs from presenting a key pair that the platform has just rejected."""

    def __init__(self, memory: RejectionMemory) -> None:
        self._memory = memory

    def watch(self, request: JobRequest, job_id: str = "") -> "GuardedSignIn":
        """Return the sign-in of a job; its account is looked up meanwhile."""
        is_asked = request.product.needs_key_pair and not request.options.force
        look = self._memory.look(request) if is_asked else None
        return GuardedSignIn(request, job_id, self._memory, look)


@dataclass(slots=True)
class GuardedSignIn:
    """The sign-in of one job."""

    _request: JobRequest
    _job_id: str
    _memory: RejectionMemory
    _look: Callable[[], Rejections] | None
    _known: Rejections | None = None
    """The account's rejections as far as they were looked up."""
    _is_presented: bool = False

    def refusal(self) -> Failed | None:
        """Return why the pair must not be presented; None if it may.

        If the platform has just rejected it, that is the cause, and JUST_REJECTED contributes.

        If the store cannot be reached, the pair may be presented.
        """
        refused = self._refusal()
        self._is_presented = refused is None
        return refused

    def learn(self, failed: Failed | None) -> None:
        """Record the end of the job if the pair was presented: `failed`, or None if it passed."""
        if not self._is_presented:
            return
        try:
            if failed is None and self._may_make_up_for_rejections:
                self._memory.forget(self._request, self._job_id)
            elif failed is not None and failed.cause.is_rejection:
                self._memory.remember_rejection(self._request, failed.cause.code, self._job_id)
        except StoreUnreachableError:
            _log.warning("sign_in_guard store=unreachable")

    def _refusal(self) -> Failed | None:
        if self._look is None:
            return None
        try:
            self._known = self._look()
        except StoreUnreachableError:
            return None
        return self._refused_for(self._known)

    @property
    def _may_make_up_for_rejections(self) -> bool:
        counts = self._request.product.sign_in_attempts is not None
        return counts and self._known != NO_REJECTIONS

    def _refused_for(self, known: Rejections) -> Failed | None:
        if known.of_this_pair_at:
            return _rejected_before(known)
        most = self._request.product.sign_in_attempts
        if most is not None and known.of_other_secrets >= most:
            return Failed(AUTH_GUARD, rejected=known.of_other_secrets)
        return None


def _rejected_before(known: Rejections) -> Failed:
    """Return the failure of a pair that is withheld: as the platform rejected it before."""
    facts: dict[str, Fact] = {
        "rejected_at": f"{known.of_this_pair_at:%Y-%m-%d %H:%M:%S} UTC",
        "until": f"{known.of_this_pair_until:%Y-%m-%d %H:%M:%S} UTC",
    }
    before = catalogue().get(known.cause)  # a newer worker may know more causes
    if before is None or not before.is_rejection:
        return Failed(JUST_REJECTED, **facts)
    return Failed(before, Finding(JUST_REJECTED, facts))
