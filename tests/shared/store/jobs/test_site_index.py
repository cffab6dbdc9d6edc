"""Tests of finding jobs of other sites by their ids."""

import pytest

from shared.queue.queued_job import QueuedJob
from shared.store.jobs.site_index import SITES_IN_USE, index_key
from shared.store.site_keys import SiteKeys
from tests.shared.conftest import Backend, forced
from tests.shared.diagnosis.stories import queued
from tests.shared.store.jobs.jobs import of_site

FRA1 = SiteKeys.of("fra1")
ARRIVES_S = 30


def test_a_job_of_another_site_is_found_by_its_id(backend: Backend) -> None:
    """Its caller knows the id alone."""
    created = [of_site("a", "fra1"), of_site("b", "default"), of_site("c", "sin1")]
    backend.api(lambda store: store.creation.create_all(created))

    jobs = backend.api(lambda store: store.reader.read_all(["a", "b", "c", "none"]))

    assert [job and job.site for job in jobs] == ["fra1", "default", "sin1", None]
    assert backend.api(lambda store: store.reader.look(["a", "b", "c", "none"])) == [
        *["queued"] * 3,
        None,
    ]
    found = backend.api(lambda store: store.reader.queued_job("a"))
    assert found == QueuedJob("a", created[0].queued.target, "interactive", "", "fra1")


def test_a_job_of_another_site_is_under_its_prefix_alone(backend: Backend) -> None:
    """Its workers may touch nothing else; the index is the API's."""
    backend.api(lambda store: store.creation.create_all([of_site("a", "fra1")]))

    named = {key.decode() for key in backend.sync.scan_iter("*")}
    assert named == {FRA1.job("a"), FRA1.sealed("a"), FRA1.queued, index_key("a"), SITES_IN_USE}
    assert all(backend.sync.ttl(key) > 0 for key in (index_key("a"), SITES_IN_USE))


def test_a_site_is_in_use_until_its_last_job_is_over(backend: Backend) -> None:
    """Who takes it out of the file must not leave jobs behind that nobody ends."""
    created = [of_site(f"of-{site}", site) for site in ("fra1", "default", "sin1")]
    backend.api(lambda store: store.creation.create_all(created))

    assert backend.api(lambda store: store.index.sites_in_use()) == ["fra1", "sin1"]
    backend.sync.zadd(SITES_IN_USE, {"sin1": 1})
    assert backend.api(lambda store: store.index.sites_in_use()) == ["fra1"]


def test_what_is_no_name_is_no_site_in_use(backend: Backend) -> None:
    """The reapers of all sites would stop for a byte that someone wrote into Redis."""
    backend.sync.zadd(SITES_IN_USE, {b"\xff\xfe": 9e12, b"a site\n": 9e12, b"fra1": 9e12})

    assert backend.api(lambda store: store.index.sites_in_use()) == ["fra1"]


def test_no_job_of_the_default_site_is_in_the_index(backend: Backend) -> None:
    """Most are: an entry each would cost memory for nothing."""
    backend.api(lambda store: store.creation.create_all([of_site("b", "default")]))

    assert not backend.sync.exists(index_key("b"))


def test_a_job_of_another_site_is_cancelled_there(backend: Backend) -> None:
    """The worker listens on the channel of its site."""
    backend.api(lambda store: store.creation.create_all([of_site("a", "fra1")]))
    with backend.sync.pubsub() as heard:  # type: ignore[no-untyped-call] # bare in redis-py
        heard.subscribe(FRA1.cancellations)
        assert heard.get_message(timeout=ARRIVES_S)  # that it listens

        backend.api(lambda store: store.closer.cancel("a"))

        told = heard.get_message(timeout=ARRIVES_S)
        assert told
        assert told["data"] == b"a"
    job = backend.api(lambda store: store.reader.read("a"))
    assert job
    assert job.status == "cancelled"
    assert not backend.sync.zscore(FRA1.queued, "a")


def test_whose_job_it_was_is_not_for_its_site_to_say(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    """The audit log would accuse whomever a stolen worker likes."""
    caplog.set_level("INFO", "conncheck.audit")
    created = [of_site("closed", "fra1"), of_site("expired", "fra1")]
    backend.api(lambda store: store.creation.create_all(created))
    for job_id in ("closed", "expired"):
        backend.sync.delete(FRA1.job(job_id))
        forged = queued().model_copy(update={"tenant": "mallory", "token_name": "root"})
        backend.sync.xadd(FRA1.job(job_id), {"entry": forged.model_dump_json()}, id="0-1")

    backend.api(lambda store: store.closer.close("closed", "lost"))
    backend.api(lambda store: store.closer.expire("expired"))

    told = [vars(record)["fields"] for record in caplog.records]
    assert [(one["tenant"], one["token"], one["site"]) for one in told] == [
        (queued().tenant, "", "fra1")
    ] * 2


def test_what_belongs_to_a_site_is_its_own(backend: Backend) -> None:
    """A reaper of one site closes no job of another."""
    backend.api(lambda store: store.creation.create_all([of_site("a", "fra1")]))

    assert backend.api(lambda store: store.workload.waiting()) == []
    assert backend.api(lambda store: store.at("fra1").workload.waiting()) == ["a"]
    assert backend.api(lambda store: store.at("fra1").at("default").workload.waiting()) == []


def test_a_worker_begins_the_jobs_of_its_site(real: Backend) -> None:
    """It reads, writes and closes under its prefix."""
    real.load_functions()
    real.api(lambda store: store.creation.create_all([of_site("a", "fra1")]))

    real.worker(keys=FRA1).begin(forced("a")).close(status="finished")

    job = real.api(lambda store: store.reader.read("a"))
    assert job
    assert job.status == "finished"
    assert not real.sync.exists(FRA1.sealed("a"))


def test_a_job_that_its_site_made_unreadable_hides_no_other(real: Backend) -> None:
    """Results of a batch are those of many sites."""
    created = [of_site("a", "fra1"), of_site("b", "sin1"), of_site("c", "default")]
    real.api(lambda store: store.creation.create_all(created))
    for key in (FRA1.job("a"), FRA1.queued):
        real.sync.delete(key)
        real.sync.set(key, "nonsense")

    read = real.api(lambda store: store.reader.read_all(["a", "b", "c"]))

    assert [job and job.site for job in read] == [None, "sin1", "default"]
    assert real.api(lambda store: store.reader.look(["a", "b", "c"])) == [
        "running",
        "queued",
        "queued",
    ]


def test_a_job_of_another_site_begins_as_the_api_noted(backend: Backend) -> None:
    """Who can write there may have replaced its first entry: by one of another tenant, too."""
    backend.api(lambda store: store.creation.create_all([of_site("a", "fra1"), of_site("b", "x")]))
    forged = queued().model_copy(
        update={"site": "sin1", "tenant": "eve", "endpoint": "https://e:1"}
    )
    backend.sync.delete(FRA1.job("a"))
    backend.sync.xadd(FRA1.job("a"), {"entry": forged.model_dump_json()}, id="0-1")

    jobs = backend.api(lambda store: store.reader.read_all(["a", "b"]))

    told = of_site("a", "fra1").queued
    assert [job and (job.site, job.tenant, job.endpoint) for job in jobs] == [
        ("fra1", told.tenant, told.endpoint),
        ("x", told.tenant, told.endpoint),
    ]


def test_a_job_that_its_site_has_deleted_is_gone(backend: Backend) -> None:
    """What the API noted of it is no job."""
    backend.api(lambda store: store.creation.create_all([of_site("a", "fra1")]))
    backend.sync.delete(FRA1.job("a"))

    assert backend.api(lambda store: store.reader.read("a")) is None
