"""Check whether the platform's other endpoints can be reached: each by DNS, TCP and TLS."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Facts, Failed, Finding, Passed
from shared.endpoint import Endpoint, parse_endpoint
from worker.deadline import Deadline

TOTAL_S = 15.0
PER_ENDPOINT_S = 4.0
MOST_ENDPOINTS = 40
MOST_PLACES = 20  # different hosts and ports: they are the platform's choice
MOST_CONTRIBUTING = 5

CATALOG_ENDPOINT_UNREACHABLE = Cause(
    code="api.catalog_endpoint_unreachable",
    owner="platform",
    severity="warning",
    summary=(
        "{unreachable} of the {tested:endpoint|endpoints} that {product} lists cannot be used "
        "from here: {names}"
    ),
    remedies=(
        "Open the network path from [{source}|this service] to these endpoints; managing the "
        "platform needs them.",
        "Correct their addresses in the platform's catalogue.",
    ),
)
CATALOG_UNREACHABLE = Cause(
    code="api.catalog_unreachable",
    owner="platform",
    summary=(
        "None of the {tested:endpoint|endpoints} that {product} lists can be used from here: "
        "{names}"
    ),
    remedies=(
        "Correct the addresses in the platform's catalogue; they may be internal ones.",
        "Open the network path from [{source}|this service] to these endpoints.",
    ),
)
CATALOG_TOO_LARGE = Cause(
    code="api.catalog_too_large",
    owner="us",
    severity="warning",
    summary=(
        "Only {tested} of the {named:endpoint|endpoints} that {product} lists were tested[: more "
        "were not possible in {waited_s} s][: a test connects to {most_places} of them at most]"
    ),
    remedies=(
        "[Increase options.timeoutSeconds: {waited_s} s were not enough.]",
        "[Test the others on their own: a test connects to {most_places} hosts and ports at most.]",
    ),
)
CATALOG_NOT_TESTED = Cause(
    code="policy.catalog_not_tested",
    owner="us",
    severity="warning",
    summary=(
        "{not_tested} of the {named:endpoint|endpoints} that {product} lists were not tested, "
        "because a policy or a limit of this service does not allow it: {names}"
    ),
    remedies=(
        "Compare the reasons below with the platform's catalogue: it may list wrong addresses.",
        "Ask the operators of this service to allow these endpoints if they are the platform's.",
    ),
)

T = TypeVar("T")
Place = tuple[str, str, int]
Reaching = Callable[[Endpoint, Deadline], None]


@dataclass(frozen=True, slots=True)
class _Found:
    """The result of one endpoint; `failed` is None if it can be used."""

    name: str
    url: str
    host: str
    port: int
    failed: Failed | None

    @property
    def row(self) -> str:
        """The endpoint as a line of the table."""
        # A line may be cut off when it is shown, so name and URL are shortened to keep the result.
        place = f"{self.name[:40]} {self.url[:100]}"
        return f"{place} {self.failed.cause.code if self.failed else 'reachable'}"

    @property
    def finding(self) -> Finding | None:
        """Why it cannot be used, in the words of the step that failed."""
        if self.failed is None:
            return None
        place: Facts = {"host": self.host, "port": self.port} if self.host else {}
        return Finding(self.failed.cause, {**place, **self.failed.finding.facts})


def service_endpoints(
    named_in: Callable[[T], Sequence[tuple[str, str]]],
    session: T,
    reach: Reaching,
    deadline: Deadline,
) -> Passed[None]:
    """Return a table of the endpoints that the platform lists, with name and URL.

    At most MOST_ENDPOINTS at MOST_PLACES are tested, each for PER_ENDPOINT_S and all for TOTAL_S.
    Endpoints with the same host and port are tested once. One that a policy or a limit of ours
    forbids is not tested, and says nothing about the platform.

    Raises:
        Failed: CATALOG_UNREACHABLE, if none of those that were tested can be used. A usual
            catalogue of internal addresses takes longer than TOTAL_S.
    """
    named, limit = named_in(session), deadline.at_most(TOTAL_S)
    found = list(_look(named[:MOST_ENDPOINTS], reach, limit))
    forbidden = [one for one in found if one.failed and one.failed.cause.is_policy]
    broken = [one for one in found if one.failed and one not in forbidden]
    facts: Facts = {
        "named": len(named),
        "tested": len(found) - len(forbidden),
        "unreachable": len(broken),
        "not_tested": len(forbidden),
    }
    table = tuple(one.row for one in found)
    untested = _untested(limit, facts) if len(found) < len(named) else ()
    if found and len(broken) == len(found):
        why = (*untested, *_reasons(broken))
        raise Failed(CATALOG_UNREACHABLE, *why, endpoints=table, names=_names(broken), **facts)
    warnings: list[Finding] = []
    for cause, ones in ((CATALOG_ENDPOINT_UNREACHABLE, broken), (CATALOG_NOT_TESTED, forbidden)):
        if ones:
            warnings += [Finding(cause, {"names": _names(ones), **facts}), *_reasons(ones)]
    return Passed(None, *warnings, *untested, endpoints=table, **facts)


def _untested(limit: Deadline, facts: Facts) -> tuple[Finding]:
    """Return that not all were tested: those that were not may be the ones that work."""
    why: Facts = {"waited_s": limit.waited_s} if limit.is_over else {"most_places": MOST_PLACES}
    return (Finding(CATALOG_TOO_LARGE, {**facts, **why}),)


def _names(found: Sequence[_Found]) -> str:
    return ", ".join(one.name[:40] for one in found)


def _reasons(found: Sequence[_Found]) -> Sequence[Finding]:
    return [one.finding for one in found if one.finding][:MOST_CONTRIBUTING]


def _look(
    named: Sequence[tuple[str, str]], reach: Reaching, deadline: Deadline
) -> Iterator[_Found]:
    verdicts: dict[Place, Failed | None] = {}
    for name, url in named:
        try:
            endpoint = _complete(url)
        except Failed as failed:
            yield _Found(name, url, "", 0, failed)
            continue
        place = (endpoint.scheme or "", endpoint.host, endpoint.port or 0)
        if place not in verdicts:
            if len(verdicts) >= MOST_PLACES:
                continue
            try:
                deadline.remaining_s()
                verdicts[place] = _verdict(endpoint, reach, deadline)
                deadline.remaining_s()  # if our own time is up, the endpoint is not to blame
            except TimeoutError:
                return
        yield _Found(name, url, endpoint.server_name, endpoint.port or 0, verdicts[place])


def _verdict(endpoint: Endpoint, reach: Reaching, deadline: Deadline) -> Failed | None:
    try:
        reach(endpoint, deadline.at_most(PER_ENDPOINT_S))
    except Failed as failed:
        return failed
    return None


def _complete(url: str) -> Endpoint:
    endpoint = parse_endpoint(url)
    scheme = endpoint.scheme or "http"
    return endpoint.completed(scheme, 443 if scheme == "https" else 80)
