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
        "Open the network path from this service to these endpoints; managing the platform needs "
        "them.",
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
        "Open the network path from this service to these endpoints.",
    ),
)
CATALOG_TOO_LARGE = Cause(
    code="api.catalog_too_large",
    owner="us",
    severity="warning",
    summary=(
        "Only {tested} of the {named:endpoint|endpoints} that {product} lists were tested in the "
        "time available"
    ),
    remedies=("Increase options.timeoutSeconds.",),
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

    At most MOST_ENDPOINTS are tested, each for PER_ENDPOINT_S and all for TOTAL_S. Endpoints with
    the same host and port are tested once.

    Raises:
        Failed: CATALOG_UNREACHABLE.
    """
    named = named_in(session)
    found = list(_look(named[:MOST_ENDPOINTS], reach, deadline.at_most(TOTAL_S)))
    broken = [one for one in found if one.failed]
    facts = {"named": len(named), "tested": len(found), "unreachable": len(broken)}
    table = tuple(one.row for one in found)
    names = {"names": ", ".join(one.name[:40] for one in broken)}
    why = [one.finding for one in broken if one.finding][:MOST_CONTRIBUTING]
    if found and len(broken) == len(found):
        raise Failed(CATALOG_UNREACHABLE, *why, endpoints=table, **names, **facts)
    warnings = [Finding(CATALOG_ENDPOINT_UNREACHABLE, {**names, **facts}), *why] if broken else []
    if len(found) < len(named):
        warnings.append(Finding(CATALOG_TOO_LARGE, facts))
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
