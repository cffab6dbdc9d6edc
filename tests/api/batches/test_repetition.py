from dataclasses import replace
from pathlib import Path

import pytest

from api.batches.errors import NothingToRepeatError
from api.batches.finding.choice import EVERYTHING, Choice
from api.batches.item_proofs import ItemProofs, Stored, sealed_in
from shared.policy.target_policy import Allowance, TargetPolicy
from shared.queue.queued_job import BULK
from shared.site_name import DEFAULT_SITE
from shared.store.batches.batch import Batch, BatchState, TooManyOpenBatchesError, UploadColumn
from shared.store.batches.batch_keys import (
    ca_certificates_key,
    index_key,
    job_id_of,
    sealed_key,
)
from shared.store.batches.item_outcome import ItemOutcome
from shared.store.batches.letters import CANCELLED, FAILED, PASSED, Letter
from shared.store.errors import StoreUnreachableError
from shared.store.site_keys import DEFAULT_KEYS
from tests.api.batches.batching import ALICE, MOST_OPEN, SIGNER, Api, with_api
from tests.running.own_sentinels import replicated
from tests.shared.store.batches.batches import BATCH, SEALED, a_batch, keep, new_item

HOST_1 = TargetPolicy(domains=("host-1.example.com",))
COLUMNS = (UploadColumn("Owner", "label.owner"),)
NO_HOST = TargetPolicy(domains=("other.example.org",))


async def ended(api: Api, letter: Letter = FAILED) -> BatchState:
    """Return a batch of two items, both of which ended alike."""
    await keep(api.store, a_batch(2))
    await api.store.feed.put_to_work(BATCH, [0, 1])
    outcomes = [ItemOutcome([index], letter, "", ()) for index in range(2)]
    await api.store.settler.settle(BATCH, outcomes)
    return await api.batches.reader.own(BATCH, "alice")


def test_who_may_test_fewer_targets_repeats_those_alone(served: str) -> None:
    """Another token of the tenant must not reach through a batch what it may not test."""
    caller = replace(ALICE, name="ci", policy=HOST_1)

    async def repeated(api: Api) -> None:
        state = await ended(api)
        new_id, not_repeated = await api.batches.repetition.repeat(BATCH, state, caller)
        again = await api.batches.reader.own(new_id, "alice")
        (item,) = await api.store.records.items(new_id, [0])
        assert not_repeated == [0]
        assert item.endpoint == "http://host-1.example.com:8080"
        assert (again.batch.token_name, again.batch.repeats) == ("ci", BATCH)
        assert again.batch.start_by == state.batch.start_by
        assert Allowance.model_validate_json(again.batch.repeated_by) == caller.allowance_at(
            DEFAULT_SITE
        )
        assert caller.allowance_at(DEFAULT_SITE).policy == HOST_1

    with_api(served, repeated)


@pytest.mark.parametrize(
    ("letter", "policy", "is_sealed", "why"),
    [
        (PASSED, HOST_1, True, "has no failed items"),
        (FAILED, NO_HOST, True, "has none that you may test"),
        (FAILED, HOST_1, False, "has no sealed requests left"),
    ],
)
def test_a_batch_of_which_nothing_can_be_repeated_says_why(
    served: str, letter: Letter, policy: TargetPolicy, *, is_sealed: bool, why: str
) -> None:
    """Each has another remedy: none, another token, or a new upload."""

    async def repeated(api: Api) -> None:
        state = await ended(api, letter)
        if not is_sealed:
            await api.redis.delete(sealed_key(BATCH))
        with pytest.raises(NothingToRepeatError, match=why):
            await api.batches.repetition.repeat(BATCH, state, replace(ALICE, policy=policy))
        assert await api.store.records.unfinished() == [BATCH]

    with_api(served, repeated)


@pytest.mark.parametrize("is_indexed", [True, False])
@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (EVERYTHING, ["name-0", "name-1", "name-3"]),
        (Choice(cause="tcp.refused"), ["name-0", "name-1"]),
        (Choice(labels=[("owner", "Alice")]), ["name-0", "name-3"]),
        (Choice(refs=frozenset({"ref-1", "ref-2"})), ["name-1"]),
        (Choice(outcome="lost"), ["name-3"]),
        (Choice(product_type="zstack", labels=[("owner", "Bob")]), ["name-1"]),
    ],
)
def test_only_what_is_chosen_is_repeated(
    served: str, choice: Choice, expected: list[str], *, is_indexed: bool
) -> None:
    """One owner has mended a firewall; the platforms of the others would fail again."""

    async def repeated(api: Api) -> list[str]:
        state = await ended_in_four_ways(api)
        if not is_indexed:
            await api.redis.delete(index_key(BATCH))
        new_id, not_repeated = await api.batches.repetition.repeat(BATCH, state, ALICE, choice)
        again = await api.batches.reader.own(new_id, "alice")
        items = await api.store.records.items(new_id, range(again.batch.total))
        assert not_repeated == []
        assert {item.labels["owner"] for item in items} <= {"Alice", "Bob"}
        assert (again.batch.labels, again.batch.columns) == (("owner",), COLUMNS)
        assert "label.owner" in await api.store.index.groups(new_id)
        return [item.name for item in items]

    assert with_api(served, repeated) == expected


def test_a_choice_that_nothing_matches_is_told_so(served: str) -> None:
    """The batch has failed items; the sentence that it has none would be false."""

    async def repeated(api: Api) -> None:
        state = await ended_in_four_ways(api)
        for choice in (Choice(refs=frozenset({"ref-2"})), Choice(outcome="running")):
            with pytest.raises(NothingToRepeatError, match="has no failed items that match"):
                await api.batches.repetition.repeat(BATCH, state, ALICE, choice)
        assert await api.store.records.unfinished() == [BATCH]

    with_api(served, repeated)


async def ended_in_four_ways(api: Api) -> BatchState:
    """Return a batch of two owners: two of its items failed, one passed, and one was lost."""
    owners = ["Alice", "Bob", "Alice", "Alice"]
    new = [new_item(n) for n in range(4)]
    items = [
        replace(one, item=one.item._replace(labels={"owner": owner}))
        for one, owner in zip(new, owners, strict=True)
    ]
    batch = a_batch(4).model_copy(update={"columns": COLUMNS})
    await keep(api.store, batch, items=items)
    await api.store.feed.put_to_work(BATCH, range(4))
    failed: tuple[Letter, str] = ("f", "tcp.refused")
    ends: list[tuple[Letter, str]] = [failed, failed, ("p", ""), ("l", "")]
    outcomes = [ItemOutcome([n], letter, cause, ()) for n, (letter, cause) in enumerate(ends)]
    await api.store.settler.settle(BATCH, outcomes)
    return await api.batches.reader.own(BATCH, "alice")


def test_a_repetition_is_one_batch_more(served: str) -> None:
    """A tenant would have as many as it likes by repeating one of them."""

    async def repeated(api: Api) -> None:
        state = await ended(api)
        await api.store.feed.finish(BATCH)
        for _ in range(MOST_OPEN):
            await api.batches.repetition.repeat(BATCH, state, ALICE)
        with pytest.raises(TooManyOpenBatchesError):
            await api.batches.repetition.repeat(BATCH, state, ALICE)

    with_api(served, repeated)


def test_a_repeated_item_is_signed_for_its_new_batch(served: str) -> None:
    """A worker runs nothing else, and the token that repeats it may be another one."""

    async def repeated(api: Api) -> tuple[Batch, str, str]:
        proofs, job_id = ItemProofs(SIGNER), job_id_of(BATCH, 0)
        own = proofs.kept(Stored("default", job_id, job_id, "alice"), SEALED)
        await keep(api.store, a_batch(2), items=[new_item(0, sealed=own), new_item(1)])
        await api.store.feed.put_to_work(BATCH, [0, 1])
        outcomes = [ItemOutcome([index], FAILED, "", ()) for index in range(2)]
        await api.store.settler.settle(BATCH, outcomes)
        state = await api.batches.reader.own(BATCH, "alice")
        new_id, _ = await api.batches.repetition.repeat(BATCH, state, ALICE)
        kept, forged = await api.store.records.sealed(new_id, [0, 1])
        again = (await api.batches.reader.own(new_id, "alice")).batch
        new = Stored("default", job_id_of(new_id, 0), job_id, "alice", again.repeated_by)
        assert proofs.signer_for(new, kept or "") is SIGNER
        other = new._replace(job_id=job_id_of(new_id, 1), sealed_as=job_id_of(BATCH, 1))
        assert proofs.signer_for(other, forged or "") is None
        return again, kept or "", forged or ""

    again, kept, forged = with_api(served, repeated)

    assert again.repeats == BATCH
    assert (sealed_in(kept), forged) == (SEALED, SEALED)


def test_a_repeated_item_finds_the_ca_certificates_that_it_names(served: str) -> None:
    """Its own batch may be over, and its certificates deleted with it."""

    async def repeated(api: Api) -> tuple[bytes | str | None, float]:
        certificates = {"default": {"digest": "sealed certificates"}}
        await api.store.creation.add(BATCH, [new_item(0)], certificates)
        state = await ended(api)
        new_id, _ = await api.batches.repetition.repeat(BATCH, state, ALICE)
        await api.redis.delete(ca_certificates_key(BATCH))
        left_s = state.batch.start_by.timestamp() - await api.redis.expiretime(
            ca_certificates_key(new_id)
        )
        return await api.redis.hget(ca_certificates_key(new_id), "digest"), left_s

    kept, left_s = with_api(served, repeated)

    assert kept == b"sealed certificates"
    assert 0 <= left_s <= 1


def test_a_repetition_that_its_caller_is_told_has_not_begun_does_not_begin(tmp_path: Path) -> None:
    """It is asked for again, and each would sign in."""
    with replicated(tmp_path) as (primary, replica):
        with primary.client() as redis:
            redis.set(DEFAULT_KEYS.sign_of_queue(BULK), 1)

        async def repeated(api: Api) -> None:
            state = await ended(api)
            await api.store.feed.finish(BATCH)
            with replica.frozen(), pytest.raises(StoreUnreachableError):
                await api.batches.repetition.repeat(BATCH, state, ALICE)
            (new_id,) = await api.store.records.unfinished()
            again = await api.batches.reader.own(new_id, "alice")
            assert again.letters == CANCELLED * 2

        with_api(f"redis://127.0.0.1:{primary.port}", repeated)
