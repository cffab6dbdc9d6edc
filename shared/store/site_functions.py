"""Load the functions that the workers of other sites than the default one call."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shared.outage_log import OutageLog
from shared.queue.taken_messages import GIVE_BACK
from shared.store.cancelling import is_cancelled
from shared.store.errors import StoreUnreachableError
from shared.store.gate import RedisGate
from shared.store.jobs.run_scripts import BEGIN, CLOSE, WRITE
from shared.store.limits.address_rate import COUNT
from shared.store.limits.rate_limits import ADD_TARGET
from shared.store.limits.sign_in_memory import LOOK, REMEMBER
from shared.store.limits.turn_scripts import ANNOUNCE, RELEASE
from shared.store.limits.visit_limits import ENTER, HIT
from shared.store.scripts import LIBRARIES

_log = logging.getLogger(__name__)

LOOK_S = 2.0
SCRIPTS_OF_WORKERS: Final = (
    *(BEGIN, WRITE, CLOSE, RELEASE, ANNOUNCE),
    *(LOOK, REMEMBER, COUNT, ADD_TARGET, ENTER, HIT, GIVE_BACK),
)


class SiteFunctions:
    """The functions in Redis, which may be flushed, and which another Redis may not have.

    Those of other versions stay: workers of another version call them, also after an update.
    """

    def __init__(self, gate: RedisGate) -> None:
        self._gate = gate
        self._refused = OutageLog(_log, "functions=refused sites=default")

    async def run(self) -> None:
        """Load what is missing, every LOOK_S seconds until cancelled."""
        while not is_cancelled():
            with suppress(StoreUnreachableError):  # the next look will tell
                await self.load_missing()
            await asyncio.sleep(LOOK_S)

    async def load_missing(self) -> None:
        """Load the functions that this Redis does not have.

        A Redis before version 7 knows none, and this user may not load any: then the default site
        alone is served, which the log says once.

        Raises:
            StoreUnreachableError: Redis can't be reached.
        """
        async with self._gate.turn() as redis:
            try:
                await _load_missing(redis)
            except ResponseError as error:  # not one of a store that is away
                self._refused.away(" ".join(str(error).split()[:2]))
            else:
                self._refused.back()


async def _load_missing(redis: Redis) -> None:
    # redis-py's types allow for answers that are no coroutines.
    listed = await cast("Any", redis.function_list(f"{LIBRARIES}*"))
    known = {_name_of(library) for library in listed}
    for script in SCRIPTS_OF_WORKERS:
        if script.name not in known:
            await cast("Any", redis.function_load(script.library, replace=True))
            _log.info("functions loaded=%s", script.name)


def _name_of(library: Any) -> str:
    """Return the name of a library in either form that Redis lists it in."""
    if not isinstance(library, Mapping):
        library = dict(zip(library[::2], library[1::2], strict=True))
    return cast("bytes", library[b"library_name"]).decode()
