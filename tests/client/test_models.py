"""The models of requests and answers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from conncheck_client import BatchRow, Client, Options, Platform, TlsOptions, UnexpectedAnswerError
from conncheck_client.models.platforms import json_of, ndjson_of
from tests.client.scripted import Reply, scripted
from tools.client_models import differences

ROOT = Path(__file__).parents[2]
TOKEN = "token-token-token"
SECRET = "hunter2-hunter2"
AT = "2026-11-28T00:00:00Z"


def a_platform(**options: Any) -> Platform:
    return Platform(
        product_type="aws",
        endpoint="h",
        access_key=SecretStr(SECRET),
        secret_key=SecretStr(SECRET),
        options=Options(session_token=SecretStr(SECRET), **options),
    )


def test_what_was_not_given_is_not_sent() -> None:
    """The service's own defaults count, not those that this client was made with."""
    sent = json.loads(json_of(a_platform(timeout_seconds=5, tls=TlsOptions(verify=False))))

    keys = {"accessKey": SECRET, "secretKey": SECRET}
    options = {"timeoutSeconds": 5, "tls": {"verify": False}, "sessionToken": SECRET}
    assert sent == {"productType": "aws", "endpoint": "h", **keys, "options": options}


def test_a_mapping_may_hold_secrets_and_models() -> None:
    """Portals keep a password as a SecretStr, and should not have to open it."""
    options = Options(time_zone="UTC")
    sent = json.loads(json_of({"secretKey": SecretStr(SECRET), "options": options, "new": 1}))

    assert sent == {"secretKey": SECRET, "options": {"timeZone": "UTC"}, "new": 1}


def test_a_batch_is_a_line_a_row() -> None:
    """Rows with names and without may be mixed."""
    row = BatchRow(product_type="tcp", endpoint="h:1", name="Berlin\n2")
    lines = ndjson_of([row, {"productType": "tcp", "endpoint": "h:2"}]).splitlines()

    assert [json.loads(line).get("name") for line in lines] == ["Berlin\n2", None]


def test_no_secret_is_shown() -> None:
    """A repr ends in a log sooner or later."""
    platform = a_platform()

    assert SECRET not in repr(platform) + str(platform) + platform.model_dump_json()
    with pytest.raises(ValidationError) as raised:
        Platform.model_validate({"productType": "aws", "secretkey": SECRET, "accessKey": [SECRET]})
    assert SECRET not in str(raised.value) + repr(raised.value)


def test_a_mistyped_option_is_refused_before_it_is_sent() -> None:
    """It would silently not count otherwise."""
    with pytest.raises(ValidationError, match="timeout_second"):
        Options.model_validate({"timeout_second": 3})


ITEM = {
    "name": "quantum_handshake",
    "status": "postponed",
    "latencyMs": "1",
    "errorMsg": "",
    "outcome": "doubtful",
    "owner": "moon",
    "startedAt": AT,
    "tookMs": 1.5,
    "colour": "blue",
}
JOB = {
    "status": "paused",
    "success": None,
    "items": [ITEM],
    "stepsToCome": ["another_step"],
    "recommendation": "",
    "productType": "new",
    "endpoint": "h",
    "queueMs": None,
    "createdAt": AT,
    "startedAt": None,
    "finishedAt": None,
    "jobId": "x",
    "expiresAt": AT,
    "weather": {"is": "fine"},
}


def test_fields_and_values_of_a_newer_service_are_taken() -> None:
    """A portal is not upgraded together with the service."""
    with scripted(Reply(200, json.dumps(JOB))) as script, Client(script.url, TOKEN) as client:
        job = client.job("x")

    assert (job.status, job.items[0].outcome, job.steps_to_come) == (
        "paused",
        "doubtful",
        ("another_step",),
    )
    shown = json.loads(job.model_dump_json(by_alias=True))
    assert shown["weather"] == {"is": "fine"}
    assert shown["items"][0]["colour"] == "blue"


def test_events_of_a_newer_service_are_taken() -> None:
    """An unknown kind is passed on, for the caller to pass over."""
    told = [
        ("rested", {"at": AT, "why": "tea"}),
        ("step_ended", ITEM),
        ("step_noted", ITEM),
        ("closed", {"at": AT}),
    ]
    body = "".join(
        f"id: {n}\nevent: {kind}\ndata: {json.dumps(data)}\n\n"
        for n, (kind, data) in enumerate(told)
    )
    reply = Reply(200, body, {"Content-Type": "text/event-stream"})
    with scripted(reply) as script, Client(script.url, TOKEN) as client:
        events = list(client.events("x"))

    assert [event.kind for event in events] == ["rested", "step_ended", "step_noted", "closed"]
    assert events[1].step == events[2].step == "quantum_handshake"
    assert events[2].item == events[1].item


def test_an_answer_without_what_is_needed_is_refused() -> None:
    """Tolerant does not mean that anything passes for a job."""
    with (
        scripted(Reply(200, '{"status": "finished"}')) as script,
        Client(script.url, TOKEN) as client,
        pytest.raises(UnexpectedAnswerError),
    ):
        client.job("x")


Schemas = dict[str, dict[str, Any]]
CHANGES: dict[str, Callable[[Schemas], object]] = {
    "JobView.more: the client has no such field": lambda schemas: schemas["JobView"][
        "properties"
    ].update(more={"type": "string"}),
    "JobView.queueMs: required here alone": lambda schemas: schemas["JobView"]["required"].remove(
        "queueMs"
    ),
    "Options.mock: the service has no such field": lambda schemas: schemas["Options"][
        "properties"
    ].pop("mock"),
    "Item.latencyMs: string instead of integer": lambda schemas: schemas["Item"][
        "properties"
    ].update(latencyMs={"type": "integer"}),
    "New: the client has no model of it": lambda schemas: schemas.update(New={"type": "object"}),
}


@pytest.mark.parametrize("difference", CHANGES)
def test_what_differs_from_the_description_is_found(difference: str) -> None:
    """`make check` holds the models against it; a check that can't fail would hold nothing."""
    document = json.loads((ROOT / "docs" / "openapi.json").read_text())
    CHANGES[difference](document["components"]["schemas"])

    assert list(differences(document)) == [difference]
