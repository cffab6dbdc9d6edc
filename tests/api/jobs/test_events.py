import asyncio
import json

from sse_starlette import ServerSentEvent

from api.jobs.events import replay
from shared.diagnosis.entries import FoundCause, StepNoted
from shared.diagnosis.outcomes import Finding
from tests.shared.diagnosis.stories import CLOCK_OFF, KNOWN, at, closed, queued, started, step


def test_what_becomes_known_later_is_told_with_its_whole_step() -> None:
    """A reader replaces the step that it has, and needs no rules of its own for that."""
    cause = FoundCause.of(Finding(CLOCK_OFF), KNOWN)
    noted = StepNoted(at=at(3), step="tcp_connect", causes=(cause,))
    entries = [queued(), started(0), *step("tcp_connect"), *step("authorize"), noted, closed()]
    same_time = [entry.model_copy(update={"at": at(0)}) for entry in entries]
    story = [(f"1-{number}", entry) for number, entry in enumerate(same_time)]

    async def events() -> list[tuple[str | None, str]]:
        answer = replay(story, None, "en")
        told = [one async for one in answer.body_iterator if isinstance(one, ServerSentEvent)]
        return [(one.event, str(one.data)) for one in told]

    told = dict(asyncio.run(events()))
    item = json.loads(told["step_noted"])
    assert (item["name"], item["status"], item["outcome"]) == ("tcp_connect", "success", "warning")
