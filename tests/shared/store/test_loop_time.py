import asyncio
import contextlib

import pytest

from shared.store.loop_time import TICK_S, LoopTimeLimit


class Clock(asyncio.SelectorEventLoop):
    """An event loop whose time only goes on when a callback says so."""

    now_s = 0.0

    def time(self) -> float:
        """Return the loop's time, in seconds."""
        return self.now_s


async def rounds(loop: Clock, count: int, step_s: float) -> None:
    """Let the loop go round, with so much time between two rounds."""
    for _ in range(count):
        loop.now_s += step_s
        for _ in range(3):  # a timer that is due, what it wakes, and what that wakes
            await asyncio.sleep(0)


def ends(ticks: int, count: int, step_s: float) -> bool:
    """Return whether a limit of so many ticks ends a block of so many rounds."""
    loop = Clock()

    async def run() -> bool:
        try:
            async with LoopTimeLimit(ticks * TICK_S):
                await rounds(loop, count, step_s)
        except TimeoutError:
            return True
        return False

    with contextlib.closing(loop):
        return loop.run_until_complete(run())


@pytest.mark.parametrize(("count", "is_over"), [(4, False), (7, True)])
def test_time_in_which_the_loop_goes_round_counts(count: int, is_over: bool) -> None:
    """Someone who does not answer is not waited for any longer."""
    assert ends(5, count, TICK_S * 1.01) is is_over


def test_a_delay_of_the_loop_counts_as_one_tick() -> None:
    """In a long round nobody could have looked."""
    assert not ends(5, 4, 1000)


def test_a_block_that_is_left_has_no_limit_any_more() -> None:
    """What comes after it may take as long as it likes."""
    loop = Clock()

    async def run() -> None:
        async with LoopTimeLimit(TICK_S):
            pass
        await rounds(loop, 5, TICK_S * 2)

    with contextlib.closing(loop):
        loop.run_until_complete(run())
