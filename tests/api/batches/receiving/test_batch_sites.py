"""Uploads whose rows are tested from several sites."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from redis import Redis

from api.access.caller import Caller
from api.batches.errors import NoBulkWorkerError, NothingToRepeatError
from api.batches.finding.choice import Choice
from api.batches.item_proofs import sealed_in
from api.batches.receiving.intake import Intake, new_intake
from api.batches.receiving.judging import Judging
from api.batches.results import Results
from shared.ca_certificates import sealed_as
from shared.policy.target_policy import TargetPolicy
from shared.queue.queued_job import BULK
from shared.request.message import JobMessage
from shared.sealing import CannotOpenError, Opener
from shared.sites.site_rules import NO_RULES, SiteRules
from shared.sites.watched_sites import WatchedSites
from shared.store.batches.batch import item_from_json
from shared.store.batches.batch_keys import items_key, job_id_of, sealed_key
from shared.store.batches.item_outcome import ItemOutcome
from shared.store.site_keys import DEFAULT_KEYS, SiteKeys
from shared.uploads import Reading, Row
from shared.uploads.wishes import AS_IT_COMES
from tests.api.batches.batching import ALICE, DEADLINE_S, PRIVATE, Api, with_api
from tests.certificates.authority import Authority
from tests.running.service import a_request
from tests.running.sites import Sites
from tests.shared.store.batches.batches import BATCH

T = TypeVar("T")
FRA1, SIN1 = "fra1", "sin1"
AT_FRA1 = TargetPolicy(ports=(8080,))
EVERYWHERE = replace(ALICE, sites=frozenset("*"), site_policies={FRA1: AT_FRA1})
NO_SITES: Sequence[str] = ()


@pytest.fixture
def sites(tmp_path: Path) -> Sites:
    """Give the default site and two others."""
    return Sites.declared(tmp_path, FRA1, SIN1)


def content(host: str, site: str | None = None, port: int = 8080, **options: Any) -> dict[str, Any]:
    named = {"site": site} if site else {}
    return a_request(f"{host}:{port}", options={**named, **options})


async def rows(contents: Sequence[dict[str, Any]]) -> AsyncIterator[Row]:
    for number, each in enumerate(contents, 1):
        yield Row(f"line {number}", each)


def with_sites(
    url: str, sites: Sites, call: Callable[[Api], Awaitable[T]], rules: SiteRules = NO_RULES
) -> T:
    return with_api(url, call, WatchedSites(sites.path, rules))


async def taken(api: Api, contents: Sequence[dict[str, Any]], caller: Caller) -> Intake:
    judging = Judging(caller, api.jobs, AS_IT_COMES, Reading())
    intake = await new_intake(BATCH, judging, api.store.creation, api.jobs, DEADLINE_S)
    await intake.read(rows(contents), 1000)
    return intake


def read(
    url: str,
    sites: Sites,
    *contents: dict[str, Any],
    caller: Caller = EVERYWHERE,
    rules: SiteRules = NO_RULES,
) -> Intake:
    """Return what was kept of an upload."""
    return with_sites(url, sites, lambda api: taken(api, contents, caller), rules)


def opener(sites: Sites, site: str) -> Opener:
    return Opener([sites.private_keys.get(site, PRIVATE)], site)


def message(redis: Redis, sites: Sites, index: int, site: str) -> JobMessage:
    """Return what a worker of a site opens."""
    kept = str(redis.hget(sealed_key(BATCH), str(index)), "ascii")  # type: ignore[arg-type]
    opened = opener(sites, site).open(sealed_in(kept), job_id_of(BATCH, index))
    return JobMessage.from_bytes(opened)


def test_each_item_is_sealed_for_its_site_alone(
    real_redis: Redis, redis_url: str, sites: Sites
) -> None:
    """Its policy there is in it, and another site can't open it."""
    intake = read(
        redis_url, sites, content("a", FRA1), content("b"), content("10.1.1.1"),
        rules=SiteRules.parse("sin1=10.0.0.0/8"),
    )  # fmt: skip

    found = [message(real_redis, sites, n, site) for n, site in enumerate((FRA1, "default", SIN1))]
    assert [one.policy for one in found] == [AT_FRA1, TargetPolicy(), TargetPolicy()]
    with pytest.raises(CannotOpenError):
        message(real_redis, sites, 0, SIN1)
    kept = [item_from_json(real_redis.hget(items_key(BATCH), str(n)) or b"") for n in range(3)]  # type: ignore[arg-type]
    assert [one.site for one in kept] == [FRA1, "default", SIN1]
    assert intake.batch(intake.start_by).sites == (FRA1, SIN1)
    assert intake.targets == ["a:8080 fra1", "b:8080", "10.1.1.1:8080 sin1"]


def test_a_row_with_a_site_that_it_can_t_have_is_invalid(
    real_redis: Redis, redis_url: str, sites: Sites
) -> None:
    """It is told with its place; the others are tested."""
    bob = replace(ALICE, sites=frozenset((FRA1,)), site_policies={FRA1: AT_FRA1})
    intake = read(
        redis_url, sites, content("a", "fra-1"), content("b", SIN1), content("c", FRA1, 443),
        content("d", FRA1), caller=bob,
    )  # fmt: skip
    own = read(redis_url, sites, content("a", "fra-1"))

    assert [(one.place, one.field) for one in intake.rejected] == [
        ("line 1", "options.site"),
        ("line 2", "options.site"),
        ("line 3", "endpoint"),
    ]
    assert intake.rejected[0].reason == intake.rejected[1].reason
    assert intake.targets == ["d:8080 fra1"]
    assert own.rejected[0].reason.endswith("Nearest: fra1")


def test_equal_rows_are_tested_once_at_each_site(
    real_redis: Redis, redis_url: str, sites: Sites
) -> None:
    """What one site finds out says nothing of another."""
    intake = read(
        redis_url, sites, content("a", FRA1), content("a", SIN1), content("a", FRA1), content("a")
    )

    assert intake.twins == {0: [2]}


def test_ca_certificates_are_sealed_for_each_site_that_needs_them(
    real_redis: Redis, redis_url: str, sites: Sites, authority: Authority
) -> None:
    """Its workers can read no others."""
    tls = {"caCertificate": authority.pem}
    read(redis_url, sites, *(content(f"h{n}", FRA1, tls=tls) for n in range(3)), content("b", SIN1))

    kept = cast("dict[bytes, bytes]", real_redis.hgetall(SiteKeys.of(FRA1).ca_certificates(BATCH)))
    ((digest, sealed),) = kept.items()
    opened = opener(sites, FRA1).open(sealed.decode(), sealed_as(digest.decode()))
    assert opened.decode() == authority.pem
    assert not real_redis.exists(SiteKeys.of(SIN1).ca_certificates(BATCH))
    assert not real_redis.exists(DEFAULT_KEYS.ca_certificates(BATCH))


def test_a_batch_is_refused_only_if_none_of_its_sites_has_a_worker(
    real_redis: Redis, redis_url: str, sites: Sites
) -> None:
    """The items of a site without workers wait; its workers may be restarted meanwhile."""

    async def received(api: Api, *contents: dict[str, Any]) -> list[str]:
        intake = await api.batches.submission.receive(rows(contents), EVERYWHERE, strict=False)
        await api.batches.submission.start(intake)
        return intake.targets

    async def tried(api: Api) -> None:
        with pytest.raises(NoBulkWorkerError) as raised:
            await received(api, content("a", FRA1))
        assert raised.value.sites == {FRA1}
        assert await received(api, content("a", FRA1), content("b", SIN1))

    real_redis.set(SiteKeys.of(SIN1).sign_of_queue(BULK), 1)
    with_sites(redis_url, sites, tried)


def test_a_retry_stays_at_the_site(real_redis: Redis, redis_url: str, sites: Sites) -> None:
    """Its request is sealed for that site; who may not use it can't repeat the item."""

    async def ended(api: Api) -> str:
        wanted = [content("a", FRA1), content("b"), content("c", SIN1)]
        intake = await api.batches.submission.receive(rows(wanted), EVERYWHERE, strict=False)
        batch_id = await api.batches.submission.start(intake)
        await api.store.feed.put_to_work(batch_id, [0, 1, 2])
        failed = [ItemOutcome([n], "f", "", ()) for n in range(3)]
        await api.store.settler.settle(batch_id, failed)
        return batch_id

    async def repeated(api: Api) -> None:
        batch_id = await ended(api)
        state = await api.batches.reader.own(batch_id, "alice")
        bob = replace(EVERYWHERE, sites=frozenset((FRA1, SIN1)), site_policies={FRA1: AT_FRA1})
        new_id, not_repeated = await api.batches.repetition.repeat(batch_id, state, bob)
        new = await api.batches.reader.own(new_id, "alice")
        items = await api.store.records.items(new_id, range(2))
        assert not_repeated == [1]
        assert [one.site for one in items] == [FRA1, SIN1]
        assert new.batch.sites == (FRA1, SIN1)
        assert '"ports":[8080]' in new.batch.allowance_at(FRA1)
        assert "ports" not in new.batch.allowance_at(SIN1)
        targets = await api.store.records.targets(new_id)
        assert targets == ["a:8080 fra1", "c:8080 sin1"]
        sites.remove(SIN1)
        only = replace(bob, sites=frozenset((SIN1,)))
        with pytest.raises(NothingToRepeatError):
            await api.batches.repetition.repeat(batch_id, state, only)

    for keys in map(SiteKeys.of, ("default", FRA1, SIN1)):
        real_redis.set(keys.sign_of_queue(BULK), 1)
    with_sites(redis_url, sites, repeated)


def test_items_are_found_and_grouped_by_site(
    real_redis: Redis, redis_url: str, sites: Sites
) -> None:
    """Whose line is down is seen at once."""

    async def shown(api: Api) -> tuple[list[list[int]], list[tuple[str, int, int]]]:
        wanted = [content("a", FRA1), content("b"), content("c", FRA1)]
        intake = await api.batches.submission.receive(rows(wanted), EVERYWHERE, strict=False)
        batch_id = await api.batches.submission.start(intake)
        await api.store.feed.put_to_work(batch_id, [0])
        await api.store.settler.settle(batch_id, [ItemOutcome([0], "f", "", ())])
        state = await api.batches.reader.own(batch_id, "alice")
        found = []
        for site in (FRA1, "default", SIN1):
            results = Results(api.batches.reader, batch_id, state, Choice(site=site))
            page, _ = await results.page(0, 10)
            assert all(one.site == site for one in page)
            found.append([one.index for one in page])
        progress = await api.batches.reader.progress(batch_id)
        (group,) = await api.batches.reader.grouping.counted(batch_id, progress)
        assert group.by == "site"
        return found, [(one.value, one.failed, one.total) for one in group.values]

    for keys in map(SiteKeys.of, ("default", FRA1)):
        real_redis.set(keys.sign_of_queue(BULK), 1)

    assert with_sites(redis_url, sites, shown) == (
        [[0, 2], [1], []],
        [("fra1", 1, 2), ("default", 0, 1)],
    )


def test_a_batch_of_the_default_site_alone_has_no_group_of_sites(
    real_redis: Redis, redis_url: str, sites: Sites
) -> None:
    """Nothing changes for an installation without other sites."""
    intake = read(redis_url, sites, content("a"), content("b"))

    assert "site" not in intake.index.contents()
    assert intake.batch(intake.start_by).sites == NO_SITES
