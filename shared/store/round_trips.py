"""Send the Redis commands of concurrent threads in one round trip."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from redis import Redis, RedisError
from redis.exceptions import NoScriptError

from shared.store.errors import StoreUnreachableError
from shared.store.scripts import SCRIPTS

Fill = Callable[[Any], object]
"""Queues commands on the redis-py pipeline that it is given."""


@dataclass(slots=True)
class Asked:
    """Commands that go with the next round trip, whoever makes it."""

    _trips: "RoundTrips"
    fill: Fill
    results: Sequence[Any] = ()
    error: Exception | None = None
    is_answered: bool = False
    woken: "Lock | None" = None  # quoted: a function before Python 3.13
    """Locked while a thread waits for it: the answer, or its turn to send for all."""

    def answer(self) -> Sequence[Any]:
        """Return a result for each command; make the round trip unless it was made.

        Raises:
            StoreUnreachableError: it is unknown whether Redis got the commands.
        """
        self._trips.make_for(self)
        if self.error:
            raise self.error
        return self.results


@dataclass(slots=True)
class RoundTrips:
    """A Redis connection shared by threads: the thread that finds it free sends for all waiting.

    A single thread pays nothing for it. Two hundred threads at once cost a few round trips
    instead of two hundred; to a worker, a round trip costs more than the commands in it. Each
    thread waits on a lock of its own, and who has the answers wakes one of those that came
    meanwhile to send for them: with one lock for all, a newcomer was often first, and sent alone.
    """

    _redis: Redis
    _waiting: deque[Asked] = field(default_factory=deque)
    _is_in_use: bool = False
    _state: Lock = field(default_factory=Lock)

    def execute(self, fill: Fill) -> Sequence[Any]:
        """Return a result for each command that `fill` queues; Redis errors are results too.

        Threads that wait with one and the same `fill` share its results.

        Raises:
            StoreUnreachableError: it is unknown whether Redis got the commands.
        """
        return self.ask(fill).answer()

    def ask(self, fill: Fill) -> Asked:
        """Have the commands sent with the next round trip, and don't wait for it."""
        asked = Asked(self, fill)
        self._waiting.append(asked)
        return asked

    def make_for(self, asked: Asked) -> None:
        """Make a round trip for all that wait, unless `asked` has its answer."""
        if self._has_to_send(asked):
            self._send_for_all()

    def _has_to_send(self, asked: Asked) -> bool:
        """Wait while the connection is in use; return whether this thread has it now."""
        with self._state:
            if asked.is_answered:
                return False
            if not self._is_in_use:
                self._is_in_use = True
                return True
            asked.woken = woken = Lock()
            woken.acquire()
        woken.acquire()
        asked.woken = None
        return not asked.is_answered

    def _send_for_all(self) -> None:
        all_asked = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            results = self._results_of([asked.fill for asked in all_asked])
            if again := [fill for fill, found in results.items() if _lacks_script(found)]:
                self._load_scripts()
                results |= self._results_of(again)
        except Exception as error:  # noqa: BLE001 -- whoever waits is told, whatever it was
            self._note_error(all_asked, error)
        else:
            for asked in all_asked:
                asked.results = results[asked.fill]
        self._wake(all_asked)

    def _results_of(self, fills: Sequence[Fill]) -> dict[Fill, Sequence[Any]]:
        with self._redis.pipeline(transaction=False) as pipe:
            places = _places_in(pipe, fills)
            results = pipe.execute(raise_on_error=False)
        return {fill: results[place] for fill, place in places.items()}

    def _load_scripts(self) -> None:
        """Give Redis all scripts: it was started anew, or is another one."""
        with self._redis.pipeline(transaction=False) as pipe:
            for script in SCRIPTS:
                pipe.script_load(script.text)
            pipe.execute()

    def _note_error(self, all_asked: Sequence[Asked], error: Exception) -> None:
        is_away = isinstance(error, RedisError | OSError)
        for asked in all_asked:
            asked.error = StoreUnreachableError(type(error).__name__) if is_away else error

    def _wake(self, answered: Sequence[Asked]) -> None:
        """Hand the connection to one that waits, if any does, and wake those that are answered."""
        with self._state:
            for asked in answered:
                asked.is_answered = True
            waiting = deque(self._waiting)  # in one go: others ask meanwhile
            heir = next((one for one in waiting if one.woken), None)
            self._is_in_use = heir is not None
        for one in (heir, *answered):
            if one and one.woken:
                one.woken.release()


def _places_in(pipe: Any, fills: Sequence[Fill]) -> Mapping[Fill, slice]:
    """Queue the commands of each; return where its results will be."""
    places: dict[Fill, slice] = {}
    for fill in fills:
        if fill not in places:
            begin = len(pipe)
            fill(pipe)
            places[fill] = slice(begin, len(pipe))
    return places


def _lacks_script(results: Sequence[Any]) -> bool:
    return any(isinstance(result, NoScriptError) for result in results)


def without_errors(results: Sequence[Any]) -> Sequence[Any]:
    """Return `results`.

    Raises:
        StoreUnreachableError: Redis answers but can't execute commands for now: its memory is
            full, or writes are disabled.
    """
    for result in results:
        if isinstance(result, RedisError):
            raise StoreUnreachableError(str(result)) from result
    return results
