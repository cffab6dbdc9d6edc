"""Tests of the names of a site's keys."""

import inspect
from collections.abc import Iterator

import pytest

from shared.queue.queued_job import QUEUES, queue_name
from shared.site_name import DEFAULT_SITE
from shared.store.site_keys import DEFAULT_KEYS, SiteKeys

PLAIN = (
    "queued",
    "running",
    "workers",
    "cancellations",
    "reaping",
    "mark",
    "rate",
    "seen",
    "entry",
)


def names_of(keys: SiteKeys) -> Iterator[str]:
    """Yield every name that a site has, each made of the same words."""
    yield from (getattr(keys, name) for name in PLAIN)
    for name, function in vars(SiteKeys).items():
        if inspect.isfunction(function) and not name.startswith("_"):
            words = len(inspect.signature(function).parameters) - 1
            yield function(keys, *("bulk", 443)[:words])


@pytest.mark.parametrize("site", [DEFAULT_SITE, "fra1"])
def test_no_two_things_share_a_key(site: str) -> None:
    """A worker named like a queue must not pass for one."""
    names = [*names_of(SiteKeys.of(site))]

    assert len(names) > len(PLAIN)
    assert len(set(names)) == len(names)


def test_every_key_of_the_default_site_is_under_our_name() -> None:
    """A Redis may be shared, and a rule for who may write what needs a prefix."""
    assert all(name.startswith("conncheck:") for name in names_of(DEFAULT_KEYS))


def test_every_name_of_another_site_is_its_own() -> None:
    """One that lay outside of its prefix would be denied to it, or open to all others."""
    fra1 = SiteKeys.of("fra1")

    names = [*names_of(fra1), *(queue_name(queue, "fra1") for queue in QUEUES)]

    assert all(name.startswith("conncheck@fra1:") for name in names)


def test_the_queues_of_the_default_site_keep_their_names() -> None:
    """Workers of the version before take from them."""
    assert [queue_name(queue, DEFAULT_SITE) for queue in QUEUES] == [*QUEUES]
