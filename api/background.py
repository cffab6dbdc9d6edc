"""Run the background tasks of an API process."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from shared.store.cancelling import is_cancelled

_log = logging.getLogger(__name__)

AFTER_A_BUG_S = 1.0


async def keep_at(work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` until cancelled, and log and restart it if it fails."""
    while not is_cancelled():
        try:
            await work()
        except Exception:  # noqa: BLE001 -- the tasks that look after all jobs must continue
            _log.exception("a background task failed; restarting it")
        await asyncio.sleep(AFTER_A_BUG_S)
