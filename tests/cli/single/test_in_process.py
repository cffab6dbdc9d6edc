from contextlib import suppress
from threading import Event

from cli.single.in_process import InProcess
from shared.diagnosis.entries import Closed
from shared.request import JobRequest
from shared.settings import Settings
from tests.network.servers import serving
from tests.running.service import a_request
from tests.stand_ins.keystone import Keystone
from tests.stand_ins.zstack import ZstackNode

ALLOWED = Settings.model_validate({"allowed_networks": "127.0.0.0/8"})


def request(endpoint: str, **changes: object) -> JobRequest:
    return JobRequest.model_validate(a_request(endpoint, **changes))


def test_the_events_are_those_of_the_service(node: tuple[ZstackNode, str]) -> None:
    """One view shows both, so one must be told like the other."""
    job = InProcess(ALLOWED).start(request(node[1]))

    events = list(job.events())

    assert events[-1].kind == "closed"
    ended = [event.item.name for event in events if event.item]
    assert ended == [event.step for event in events if event.kind == "step_started"]
    assert job.job().success


def test_a_test_that_is_cancelled_ends_at_once(node: tuple[ZstackNode, str]) -> None:
    """Ctrl-C must not wait for a platform that hangs."""
    node[0].hold = Event()
    job = InProcess(ALLOWED).start(request(node[1]))
    assert node[0].changed.wait(30)

    job.cancel()
    events = list(job.events())

    node[0].hold.set()
    assert events[-1].kind == "closed"
    assert job.job().success is False


def test_a_cancelled_test_has_ended_its_session() -> None:
    """The process ends right after it, and nothing else would end the session."""
    keystone = Keystone({"projects": "hangs"})
    with serving(keystone.serve) as server:
        url = f"http://127.0.0.1:{server.port}"
        job = InProcess(ALLOWED).start(request(url, productType="openstack"))
        assert keystone.held.wait(30)

        job.cancel()

        assert keystone.given
        assert keystone.valid == set()


def test_a_bug_ends_the_test_too(node: tuple[ZstackNode, str]) -> None:
    """Who watches would wait for ever."""
    tester = InProcess(ALLOWED)
    job = tester.begun(request(node[1]))
    broken = request(node[1]).model_copy(update={"product_type": "gone"})
    with suppress(KeyError):
        tester.run(broken, job)

    assert isinstance(job.entries[-1], Closed)
    assert job.job().status == "lost"


def test_the_budget_is_the_settings_unless_the_request_has_one(
    node: tuple[ZstackNode, str],
) -> None:
    """The same rule as in the service."""
    tester = InProcess(ALLOWED.model_copy(update={"job_deadline_s": 7.0}))

    usual = tester.begun(request(node[1])).deadline
    asked = tester.begun(request(node[1], options={"timeoutSeconds": 3})).deadline

    assert 6 < usual.at_s - usual.since_s <= 7
    assert 2 < asked.at_s - asked.since_s <= 3


def test_a_mock_is_answered_as_the_service_does(node: tuple[ZstackNode, str]) -> None:
    """Who writes a pipeline wants to see each exit status without breaking a platform."""
    job = InProcess(ALLOWED).start(request(node[1], options={"mock": "tls.expired"}))

    events = list(job.events())

    assert events[-1].kind == "closed"
    assert job.job().made[-1].cause == "tls.expired"
    assert node[0].requests == []
