from api.batches.feeding.turns import MOST_AT_WORK, WINDOW, AtSite, Load, Turns
from api.batches.feeding.unfinished_batch import UnfinishedBatch
from shared.store.batches.batch import BatchState
from shared.store.batches.item_target import turn_at
from tests.shared.store.batches.batches import a_batch

A, B = "a" * 24, "b" * 24


def at_sites(batch_id: str, *sites: str, tenant: str = "alice") -> UnfinishedBatch:
    """Return a batch with an item at each of `sites`."""
    targets = [turn_at(f"h{n}:1", site) for n, site in enumerate(sites)]
    state = BatchState(a_batch(len(sites), tenant=tenant), "q" * len(sites), None, None)
    return UnfinishedBatch.of(batch_id, state, targets, {})


def turns_of(*batches: UnfinishedBatch) -> Turns:
    turns = Turns({batch.batch_id: batch for batch in batches}, 4)
    for batch in batches:
        turns.add(batch)
    return turns


def test_the_batches_of_a_tenant_take_turns_at_each_site() -> None:
    """The turn that one takes at a site must not be what the other misses at the next."""
    turns = turns_of(at_sites(A, *["default", "fra1"] * 4), at_sites(B, *["default", "fra1"] * 4))
    load = Load()

    looks = [[batch for batch, _ in turns.next_of_each(load, {}, ())] for _ in range(2)]

    assert looks == [[A, A], [B, B]]


def test_a_token_has_its_room_for_all_sites_together() -> None:
    """It is the token's limit, wherever it tests from."""
    batch = at_sites(A, "default", "fra1", "sin1")
    batch.batch = batch.batch.model_copy(update={"token_name": "ci", "items_per_minute": 2})

    assert len(turns_of(batch).next_of_each(Load(), {"ci": 2}, ())) == 2


def test_a_site_that_is_left_out_has_no_next_item() -> None:
    """Nothing can be created there at the moment."""
    turns = turns_of(at_sites(A, "default", "fra1"))

    assert turns.next_of_each(Load(), {}, {"fra1"}) == [(A, 0)]
    assert turns.next_of_each(Load(), {}, ()) == [(A, 1)]


def test_jobs_that_a_site_calls_begun_are_bounded_too() -> None:
    """A worker that was taken over would have a whole batch handed out at once."""
    load = Load()
    for site in ("fra1", "default"):
        for _ in range(MOST_AT_WORK):
            load.add(AtSite(site, "alice"), waits=False)

    assert not load.has_room(AtSite("fra1", "alice"), 1)
    assert load.has_room(AtSite("fra1", "bob"), 2)
    assert load.has_room(AtSite("default", "alice"), 1)


def test_each_of_very_many_tenants_has_a_place() -> None:
    """None may wait for ever."""
    assert Load().has_room(AtSite("fra1", "alice"), 10 * WINDOW)
