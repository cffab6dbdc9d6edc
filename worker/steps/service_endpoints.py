"""See whether what else the platform consists of can be reached: each by name, TCP and TLS."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from shared.diagnosis.causes import Cause
from shared.endpoint import Endpoint, parse_endpoint
from shared.diagnosis.outcomes import Facts, Failed, Finding, Passed
from worker.deadline import Deadline

TOTAL_S = 15.0
PER_ENDPOINT_S = 4.0
MOST_ENDPOINTS = 40
MOST_CONTRIBUTING = 5

SOME_UNREACHABLE = Cause(
    code="api.catalog_endpoint_unreachable",
    owner="platform",
    severity="warning",
    summary="{unreachable} of the {tested} endpoints that {product} names can't be used from "
    "here: {names}",
    remedies=(
        "Open the way from this service to them; managing the platform needs it.",
        "Correct their addresses in the platform's catalogue.",
    ),
)
ALL_UNREACHABLE = Cause(
    code="api.catalog_unreachable",
    owner="platform",
    summary="None of the {tested} endpoints that {product} names can be used from here: {names}",
    remedies=(
        "Correct the addresses in the platform's catalogue; they may be internal ones.",
        "Open the way from this service to them.",
    ),
)
NOT_ALL_TESTED = Cause(
    code="api.catalog_too_large",
    owner="us",
    severity="warning",
    summary="Only {tested} of the {named} endpoints that {product} names were tested in time",
    remedies=("Give the test more time with options.timeoutSeconds.",),
)

T = TypeVar("T")
Place = tuple[str, str, int]
Reaching = Callable[[Endpoint, Deadline], None]


@dataclass(frozen=True, slots=True)
class _Found:
    """What became of one endpoint; `failed` is None where it can be used."""

    name: str
    url: str
    host: str
    port: int
    failed: Failed | None

    @property
    def row(self) -> str:
        """The endpoint as a line of the table."""
        # A line is cut when it is shown, and what became of the endpoint stands at its end.
        place = f"{self.name[:40]} {self.url[:100]}"
        return f"{place} {self.failed.cause.code if self.failed else 'reachable'}"

    @property
    def finding(self) -> Finding | None:
        """Why it can't be used, in the words of the step that failed."""
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
    """Return a table of the endpoints that the platform has named, with name and URL.

    MOST_ENDPOINTS of them are looked at, each for PER_ENDPOINT_S and all for TOTAL_S; those at
    one host and port are looked at once.

    Raises:
        Failed: ALL_UNREACHABLE.
    """
    named = named_in(session)
    found = list(_look(named[:MOST_ENDPOINTS], reach, deadline.at_most(TOTAL_S)))
    broken = [one for one in found if one.failed]
    facts = {"named": len(named), "tested": len(found), "unreachable": len(broken)}
    table = tuple(one.row for one in found)
    names = {"names": ", ".join(one.name[:40] for one in broken)}
    why = [one.finding for one in broken if one.finding][:MOST_CONTRIBUTING]
    if found and len(broken) == len(found):
        raise Failed(ALL_UNREACHABLE, *why, endpoints=table, **names, **facts)
    warnings = [Finding(SOME_UNREACHABLE, {**names, **facts}), *why] if broken else []
    if len(found) < len(named):
        warnings.append(Finding(NOT_ALL_TESTED, facts))
    return Passed(None, *warnings, endpoints=table, **facts)


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
            try:
                deadline.remaining_s()
                verdicts[place] = _verdict(endpoint, reach, deadline)
                deadline.remaining_s()  # else it is our time that was up, not the endpoint
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
