"""Test what is broken with the real pipeline, and beside it with what people have."""

import subprocess
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from importlib import import_module
from ipaddress import ip_network
from itertools import chain
from pkgutil import iter_modules
from typing import Final, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from shared.diagnosis.catalogue import catalogue
from shared.diagnosis.entries import FoundCause, StepEnded, StepNoted, StepStarted
from shared.diagnosis.outcomes import Failed
from tests.network.namespaces import in_own_network
from tests.worker.jobs import queued_job
from tests.zoo import faults
from tests.zoo.fault import Fault, Healthy, Target
from worker.advice import Advice
from worker.deadline import Deadline
from worker.investigations.investigator import Investigator
from worker.journaled_run import known_facts
from worker.pipeline import run_steps
from worker.recorder import Recorder
from worker.redaction import Redactor
from worker.site import Site
from worker.tcp.address_guard import AddressGuard
from worker.tls.trust import Trust

T = TypeVar("T")

PASSED: Final = "(passed)"
REFUSED: Final = "(refused)"
"""What stands for the step where the request itself is refused, before anything is sent."""

BUDGET_S = 30.0
CURL_S = 5
_NETWORKS = ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32")
SITE = Site(AddressGuard([ip_network(n) for n in _NETWORKS]), Trust(), Investigator(budget_s=3.0))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came out: the failed step with its causes, or the warnings of a healthy one."""

    step: str
    """The failed step, PASSED or REFUSED."""
    causes: tuple[FoundCause, ...]
    warnings: tuple[FoundCause, ...]
    took_s: float

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the causes, the primary one first."""
        return tuple(cause.code for cause in self.causes)


def all_faults() -> list[Fault]:
    """Return every fault of the zoo, by module."""
    return [value for value in _declared() if isinstance(value, Fault)]


def all_healthy() -> list[Healthy]:
    """Return every odd but valid set-up of the zoo, by module."""
    return [value for value in _declared() if isinstance(value, Healthy)]


def _declared() -> list[object]:
    modules = [import_module(f"{faults.__name__}.{m.name}") for m in iter_modules(faults.__path__)]
    return [value for module in modules for value in vars(module).values()]


def visit(shown: Fault | Healthy, look: Callable[[Target], T]) -> T:
    """Return what `look` sees while the thing is set up, in the network that it needs.

    The test is skipped where the machine allows no network namespaces.
    """
    return within(shown.broken if isinstance(shown, Fault) else shown.set_up, shown.network, look)


def within(
    stage: Callable[[], AbstractContextManager[Target]],
    network: tuple[str, ...] | None,
    look: Callable[[Target], T],
) -> T:
    """Return what `look` sees while `stage` is set up, in a network of its own if it needs one."""

    def act() -> T:
        with stage() as target:
            return look(target)

    return act() if network is None else in_own_network(act, *network)


def verdict_on(target: Target) -> Verdict:
    """Return what the service says of `target`: of the request, and then of the platform."""
    try:
        request = target.request
    except ValidationError as error:
        return Verdict(REFUSED, tuple(map(_refusal, error.errors())), (), 0)
    jobs = queued_job()
    deadline = Deadline.after(request.options.timeout_seconds or BUDGET_S)
    redact = Redactor(request.credentials)
    advise = Advice(request.target, SITE)
    known = known_facts(request)
    step = Recorder(jobs.begin(), known, redact, deadline, SITE.investigate, advise=advise)
    with suppress(Failed):  # the entries tell
        run_steps(request, SITE, lambda: None, step, deadline)
    step.finish()
    entries = jobs.entries()
    began_at = next(entry.at for entry in entries if isinstance(entry, StepStarted))
    took_s = (entries[-1].at - began_at).total_seconds()
    ended = [entry for entry in entries if isinstance(entry, StepEnded)]
    failed = [entry for entry in ended if entry.outcome == "failed"]
    warned = [entry.causes for entry in ended if entry.outcome == "warning"]
    noted = [entry.causes for entry in entries if isinstance(entry, StepNoted)]
    warnings = tuple(chain.from_iterable((*warned, *noted)))
    if not failed:
        return Verdict(PASSED, (), warnings, took_s)
    return Verdict(failed[0].step, failed[0].causes, warnings, took_s)


def _refusal(error: ErrorDetails) -> FoundCause:
    """Return the cause of a refused field as a step would tell it."""
    context = error.get("ctx", {})
    code, says = context.get("cause", error["type"]), context.get("problem", error["msg"])
    cause = catalogue().get(code)
    return FoundCause(
        code=code,
        owner="caller",
        severity="failed",
        field=".".join(map(str, error["loc"])),
        summary=str(says),
        remedies=cause.remedies if cause else (),
        facts={},
    )


def url_of(target: Target) -> str:
    """Return the URL that other tools are given."""
    return f"{target.request.target}/zstack/v1/management-nodes/ready"


def curl_says(target: Target) -> str:
    """Return what curl prints of `target`."""
    command = ["curl", "-sS", "--max-time", str(CURL_S), "-o", "/dev/null", url_of(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stderr.strip().partition("\n")[0] or "(nothing: exit 0)"


def python_says(target: Target) -> str:
    """Return the exception of the standard library's client."""
    try:
        with urllib.request.urlopen(url_of(target), timeout=CURL_S) as response:  # noqa: S310
            return f"(nothing: status {response.status})"
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is what a user is told
        return f"{type(error).__name__}: {error}".partition("\n")[0]
