"""Let a worker meet an attacker, and look at everything that came out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from time import monotonic, thread_time  # noqa: TID251 -- to end what hangs
from typing import Any

from shared.diagnosis.entries import StepEnded
from shared.policy.target_policy import UNLIMITED, TargetPolicy
from shared.request import JobRequest
from shared.request.message import JobMessage
from shared.sealing import Opener, Sealer, new_key_pair
from shared.store.limits.sign_in_memory import SignInMemory
from shared.store.site_keys import DEFAULT_KEYS
from tests.running.service import a_request
from tests.worker.jobs import JOB, JOB_ID, queued_job
from worker.investigations.investigator import Investigator
from worker.job import JobRunner
from worker.sign_in_guard import SignInGuard
from worker.site import Site
from worker.tcp.address_guard import AddressGuard
from worker.tls.trust import Trust

ACCESS, SECRET = "AKIDCANARY0001", "c4nary/secret+7f3a 9="
PRIVATE_KEY, PUBLIC_KEY = new_key_pair()
INVESTIGATE_S = 1.0
HANG_S = 60
"""The hostile servers go on for longer; a worker that does so, too, has got stuck."""
LOOPBACK = tuple(ip_network(text) for text in ("127.0.0.0/8", "::1/128"))
SITE = Site(AddressGuard(LOOPBACK), Trust(), Investigator(INVESTIGATE_S))
STRICT = replace(SITE, guard=AddressGuard())
"""As it comes: loopback and its like are refused."""


@dataclass(frozen=True, slots=True)
class Story:
    """What a test came to."""

    ended: Sequence[StepEnded]
    shown: str
    """Every byte that is kept and shown of it."""
    computed_s: float
    """CPU seconds of the worker's thread."""

    @property
    def last(self) -> StepEnded:
        """The last step."""
        return self.ended[-1]

    @property
    def cause(self) -> str:
        """The code of what the last step failed with, empty where it passed."""
        return self.last.causes[0].code if self.last.outcome == "failed" else ""

    @property
    def passed(self) -> set[str]:
        """The names of the steps that were passed."""
        return {entry.step for entry in self.ended if entry.outcome != "failed"}


def attacked(
    endpoint: str,
    *,
    site: Site = SITE,
    budget_s: float = 10.0,
    policy: TargetPolicy = UNLIMITED,
    **changes: Any,
) -> Story:
    """Return what a worker in this process says of `endpoint`, over real sockets."""
    keys = {"accessKey": ACCESS, "secretKey": SECRET}
    request = JobRequest.model_validate(a_request(endpoint, **{**keys, **changes}))
    start_by = datetime.now(UTC) + timedelta(minutes=1)
    message = JobMessage(request=request, budget_s=budget_s, start_by=start_by, policy=policy)
    jobs = queued_job(Sealer(PUBLIC_KEY).seal(message.to_bytes(), JOB_ID))
    guard = SignInGuard(SignInMemory(jobs.store.round_trips, b"a key", DEFAULT_KEYS))
    runner = JobRunner(jobs.store, Opener([PRIVATE_KEY]), site, guard)
    began_s, computed_s = monotonic(), thread_time()
    runner.run(JOB)
    computed_s = thread_time() - computed_s
    assert monotonic() - began_s < HANG_S, "the budget did not end it"
    ended = [entry for entry in jobs.entries() if isinstance(entry, StepEnded)]
    return Story(ended, jobs.raw(), computed_s)
