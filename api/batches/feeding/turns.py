"""Whose item comes next: the tenants take turns at each site, and the batches of each do too."""

from collections import Counter, deque
from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from api.batches.feeding.token_pace import Rooms
from api.batches.feeding.unfinished_batch import UnfinishedBatch
from shared.site_name import DEFAULT_SITE

WINDOW = 200
"""Jobs of batches that wait in the queue of a site. More would keep a small batch waiting behind a
large one; fewer could leave a worker idle between two looks. Each tenant has an equal part of them:
jobs that wait for their tenant's share of the workers must not keep those of other tenants out. A
site without workers fills its own window alone."""
MOST_AT_WORK = 2000
"""Jobs of batches at a site other than the default one: a worker there can make them look begun."""


class AtSite(NamedTuple):
    """A tenant at a site."""

    site: str
    tenant: str


class Load:
    """The jobs of each tenant at each site that are not over."""

    def __init__(self) -> None:
        self.waiting: Counter[AtSite] = Counter()
        self.at_work: Counter[AtSite] = Counter()

    def add(self, at: AtSite, *, waits: bool) -> None:
        """Count a job."""
        self.waiting[at] += waits
        self.at_work[at] += 1

    def has_room(self, at: AtSite, tenants: int) -> bool:
        """Return whether one of so many tenants may have another job at its site."""
        if self.waiting[at] >= max(1, WINDOW // tenants):
            return False
        return at.site == DEFAULT_SITE or self.at_work[at] < max(1, MOST_AT_WORK // tenants)


class Turns:
    """The batches of each site, in the order in which they come next."""

    def __init__(self, unfinished: Mapping[str, UnfinishedBatch], per_target: int) -> None:
        self.busy: Counter[str] = Counter()
        """How many items are at work by their turn, as `item_target` writes it."""
        self._unfinished = unfinished
        self._per_target = per_target
        self._order: dict[str, deque[str]] = {}

    def add(self, batch: UnfinishedBatch) -> None:
        """Put a batch last at each of its sites."""
        for site in batch.sites:
            self._order.setdefault(site, deque()).append(batch.batch_id)
        self.busy.update(batch.targets[index] for index in batch.at_work.values())

    def remove(self, batch: UnfinishedBatch) -> None:
        """Forget a batch."""
        for site in batch.sites:
            self._order[site].remove(batch.batch_id)
            if not self._order[site]:
                del self._order[site]

    def forget(self) -> None:
        """Forget all batches."""
        self._order.clear()
        self.busy.clear()

    def next_of_each(
        self, load: Load, rooms: Rooms, left_out: Container[str]
    ) -> Sequence[tuple[str, int]]:
        """Return the next item of a batch of each tenant at each site, and count it as a job.

        Where the tenant has no room, the token has no room, or the site is `left_out`, there is
        none.
        """
        found: list[tuple[str, int]] = []
        for site in tuple(self._order):
            if site not in left_out:
                found += self._next_at(site, load, rooms)
        return found

    def _next_at(self, site: str, load: Load, rooms: Rooms) -> Iterator[tuple[str, int]]:
        order = self._order[site]
        tenants = {self._unfinished[batch_id].batch.tenant for batch_id in order}
        open_ = {t for t in tenants if load.has_room(AtSite(site, t), len(tenants))}
        for batch_id in tuple(order):
            batch = self._unfinished[batch_id]
            token = batch.batch.token_name if batch.batch.items_per_minute else ""
            tenant = batch.batch.tenant
            if tenant not in open_ or rooms.get(token, 1) < 1:
                continue
            for index in islice(batch.next_items(self.busy, self._per_target, site), 1):
                open_.remove(tenant)
                if token in rooms:
                    rooms[token] -= 1
                load.add(AtSite(site, tenant), waits=True)
                order.remove(batch_id)
                order.append(batch_id)
                yield batch_id, index
