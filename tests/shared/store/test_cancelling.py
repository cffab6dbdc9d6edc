import asyncio
from contextlib import suppress

from shared.store.cancelling import is_cancelled


def test_a_swallowed_cancellation_is_noticed_all_the_same() -> None:
    """A loop that went on would keep the process from ending."""

    async def swallowing() -> bool:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return is_cancelled()

    async def cancelled() -> bool:
        task = asyncio.create_task(swallowing())
        await asyncio.sleep(0)
        task.cancel()
        return await task

    assert asyncio.run(cancelled()) is True


def test_a_task_that_goes_on_is_not_cancelled() -> None:
    """It would end for no reason."""

    async def going_on() -> bool:
        return is_cancelled()

    assert asyncio.run(going_on()) is False
