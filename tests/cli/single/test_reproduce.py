from cli.single.in_process import InProcess
from cli.single.reproduce import commands
from shared.request import JobRequest
from shared.settings import Settings
from tests.running.service import a_request
from tests.stand_ins.zstack import ZstackNode

ALLOWED = Settings.model_validate({"allowed_networks": "127.0.0.0/8"})


def commands_for(endpoint: str, **changes: str) -> dict[str, str]:
    request = JobRequest.model_validate(a_request(endpoint, **changes))
    job = InProcess(ALLOWED).start(request)
    list(job.events())
    return {item.name: command for item, command in commands(request, job.job())}


def test_each_step_that_needs_no_secret_can_be_seen_by_hand(node: tuple[ZstackNode, str]) -> None:
    """Also those that passed: the way to the failure is what is followed."""
    host, _, port = node[1].partition(":")

    found = commands_for(node[1], secretKey="hunter2-hunter2")

    assert found["tcp_connect"] == f"nc -vz -w 3 {host} {port}"
    assert found["http_response"].startswith(f"curl -v --max-time 10 http://{node[1]}/")
    assert found["authenticate"] == ""
    assert "hunter2" not in "".join(found.values())


def test_an_address_is_looked_up_by_nobody(node: tuple[ZstackNode, str]) -> None:
    """A command that asks the DNS for an address would only confuse."""
    assert commands_for(node[1])["dns_lookup"] == ""
    assert commands_for(node[1].replace("127.0.0.1", "localhost"))["dns_lookup"] != ""


def test_the_command_of_a_failure_is_the_workers_own(node: tuple[ZstackNode, str]) -> None:
    """It knows best what it saw, and a service may run another version."""
    request = JobRequest.model_validate(a_request(node[1], secretKey="wrong"))
    started = InProcess(ALLOWED).start(request)
    list(started.events())
    job = started.job()
    told = job.model_copy(
        update={"items": tuple(i.model_copy(update={"command": "look"}) for i in job.items)}
    )

    found = {item.name: command for item, command in commands(request, told)}

    assert found["tcp_connect"] == "look"
