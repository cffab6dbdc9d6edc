from dataclasses import replace

from api.batches.finding.grouping import VALUES_SHOWN, counted
from shared.store.batches.batch_keys import letters_key
from shared.store.batches.item_index import ItemGroup
from shared.store.batches.item_outcome import ItemOutcome
from shared.store.batches.letters import Letter
from shared.wire.batches import Group
from tests.api.batches.batching import Api, with_api
from tests.shared.store.batches.batches import BATCH, a_batch, keep, new_item

OWNERS = ["Alice", "", "Bob", "Alice", "Alice"]


async def kept(api: Api, owners: list[str] = OWNERS) -> None:
    """Have a batch whose items have these owners, and wait."""
    labels = [{"owner": one} if one else {} for one in owners]
    items = [
        replace(new, item=new.item._replace(labels=own))
        for new, own in zip(map(new_item, range(len(owners))), labels, strict=True)
    ]
    await keep(api.store, a_batch(len(items)), items=items)


async def end(api: Api, **ends: Letter) -> None:
    """End items, such as `item_3="f"`."""
    outcomes = [ItemOutcome([int(n[5:])], letter, "", []) for n, letter in ends.items()]
    await api.store.feed.put_to_work(BATCH, [n for one in outcomes for n in one.indexes])
    await api.store.settler.settle(BATCH, outcomes)


async def groups(api: Api) -> tuple[Group, ...]:
    progress = await api.batches.reader.own_progress(BATCH, "alice")
    return (await api.batches.reader.view(BATCH, progress)).groups


def told(group: Group) -> dict[str, tuple[int, ...]]:
    """Return the counts of each value: total, passed, with warnings, failed, others."""
    return {
        one.value: (one.total, one.passed, one.warnings, one.failed, one.others)
        for one in group.values
    }


def test_failures_are_told_by_owner(served: str) -> None:
    """Who gets the list of what failed must know to whom to hand it."""

    async def looked(api: Api) -> None:
        await kept(api)
        await end(api, item_0="p", item_1="o", item_2="f", item_3="f", item_4="c")
        await api.store.feed.finish(BATCH)
        (by_owner,) = await groups(api)
        assert (by_owner.by, by_owner.rest) == ("label.owner", None)
        assert told(by_owner) == {
            "Alice": (3, 1, 0, 1, 1),
            "Bob": (1, 0, 0, 1, 0),
            "": (1, 1, 1, 0, 0),
        }
        assert [one.value for one in by_owner.values] == ["Alice", "Bob", ""]

    with_api(served, looked)


def test_what_all_items_have_in_common_is_no_group(served: str) -> None:
    """It would repeat the counts of the batch."""

    async def looked(api: Api) -> None:
        await kept(api, ["Alice", "Alice"])
        assert await groups(api) == ()

    with_api(served, looked)


def test_the_last_look_at_a_batch_is_exact(served: str) -> None:
    """While it runs, groups may be a second old; nobody looks again at one that is finished."""

    async def looked(api: Api) -> None:
        await kept(api)
        assert told((await groups(api))[0])["Bob"] == (1, 0, 0, 0, 1)
        await end(api, item_0="p", item_1="p", item_2="f", item_3="p", item_4="p")
        await api.store.feed.finish(BATCH)
        assert told((await groups(api))[0])["Bob"] == (1, 0, 0, 1, 0)

    with_api(served, looked)


def test_a_finished_batch_is_counted_once(served: str) -> None:
    """A page that was left open looks at it for days."""

    async def looked(api: Api) -> None:
        await kept(api)
        await end(api, item_0="p", item_1="p", item_2="f", item_3="p", item_4="p")
        await api.store.feed.finish(BATCH)
        first = await groups(api)
        ttl = await api.redis.ttl(letters_key(BATCH))
        await api.redis.set(letters_key(BATCH), "ccccc", ex=ttl)
        assert await groups(api) == first

    with_api(served, looked)


def test_the_values_with_most_failures_are_shown_and_the_others_counted() -> None:
    """A label may have a thousand values."""
    total = VALUES_SHOWN + 5
    numbers = [n for n in range(1, total + 1) for _ in range(4)]
    letters = "".join("fpow" if n > 5 else "pppp" for n in range(1, total + 1))
    group = ItemGroup(["", *(f"v{n:02}" for n in range(1, total + 1))], numbers)

    found = counted("label.x", group, letters.encode())

    assert [one.value for one in found.values] == [f"v{n:02}" for n in range(6, total + 1)]
    assert set(told(found).values()) == {(4, 2, 1, 1, 1)}
    assert found.rest
    assert found.rest.model_dump() == {
        "total": 20,
        "passed": 20,
        "warnings": 0,
        "failed": 0,
        "others": 0,
        "count": 5,
    }
