"""Check the hosts that a worker advises: each must be one that a platform or the caller has told.

Whether a host may be advised is decided where it is tested, by policies and by the addresses that
are refused there (worker/advice.py). Here its form is checked, and where it comes from.
"""

import re
from collections.abc import Iterator

from shared.diagnosis.outcomes import Fact, Facts, Failed
from shared.endpoint import parse_endpoint

TOLD = ("issuer_url", "keystone", "location", "nearest", "origin", "valid_for")
"""The facts in which a platform names hosts."""
_JOB_ID = re.compile("[0-9a-f]{32}|mock-[a-z0-9_.]{1,80}")


def advised(known: Facts, facts: Facts, host: str) -> dict[str, Fact]:
    """Return what of `known`, which a worker tells beside checked `facts`, a text may advise.

    It is `usable_NAME` where it repeats the fact NAME and is a host or a URL, `allowable` where it
    is the tested `host` or the address among `facts`, and `job`, which is an id.
    """
    return dict(_advised(known, facts, host))


def origin_in(told: str) -> str:
    """Return a URL without its path and query, or the name that a wildcard stands for."""
    scheme, is_url, rest = told.partition("://")
    authority = rest.partition("/")[0].partition("?")[0]
    return f"{scheme}://{authority}" if is_url else told.removeprefix("*.")


def _advised(known: Facts, facts: Facts, host: str) -> Iterator[tuple[str, Fact]]:
    for name in TOLD:
        usable, told = known.get(f"usable_{name}"), facts.get(name)
        if isinstance(usable, str) and usable == told and _is_host(usable):
            yield f"usable_{name}", usable
        elif isinstance(usable, tuple) and isinstance(told, tuple):
            kept = tuple(one for one in told if one in usable and _is_host(one))
            yield from [(f"usable_{name}", kept)] if kept else []
    allowable, job = known.get("allowable"), known.get("job")
    if isinstance(allowable, str) and allowable in (host, facts.get("address")):
        yield "allowable", allowable
    if isinstance(job, str) and _JOB_ID.fullmatch(job):
        yield "job", job


def _is_host(told: str) -> bool:
    try:
        parse_endpoint(origin_in(told))
    except Failed:
        return False
    return True
