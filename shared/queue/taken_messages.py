"""The messages that a worker has taken from a Redis broker and is not done with."""

import json
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from shared.store.bounded_reads import read_members
from shared.store.scripts import Script
from shared.store.site_keys import SiteKeys

TOGETHER: Final = 100
MOST_TAKEN: Final = 1000
"""Messages of a dead worker that are looked at; one takes as many as it has slots, and 32 more."""
KEPT_S: Final = 86_400
"""How long the list of a worker lasts that no API is there to bury."""

# KEYS: the worker's list, its queue. ARGV: messages, TOGETHER at most: each is looked for from the
# end of the list on, which all of Redis waits for. The next worker takes them first.
GIVE_BACK: Final = Script(
    """
if #ARGV > 100 or redis.call('LLEN', KEYS[1]) > 10000 then
  return redis.error_reply('ERR too many messages')
end
for _, message in ipairs(ARGV) do
  if redis.call('LREM', KEYS[1], -1, message) > 0 then
    redis.call('RPUSH', KEYS[2], message)
  end
end
"""
)


class TakenMessages:
    """What one worker has taken, in its process and in a list in the broker.

    Redis moves a message from the queue into the list in one step. What is over leaves the list
    later, all together: it costs no round trip of its own.
    """

    def __init__(self, key: str, queue: str, keys: SiteKeys) -> None:
        self.key = key
        self.queue = queue
        self._keys = keys
        self._open: dict[str, bytes] = {}  # by kombu's delivery tag
        self._over: deque[bytes] = deque()
        self._unknown: frozenset[bytes] = frozenset()

    def __len__(self) -> int:
        """Return the number of messages that are not over."""
        return len(self._open)

    def add(self, tag: str, message: bytes) -> None:
        """Note a message that has arrived."""
        self._open[tag] = message

    def end(self, tag: str) -> None:
        """Note that the message is over; called from any thread."""
        if (message := self._open.pop(tag, None)) is not None:
            self._over.append(message)

    def drop(self, message: bytes) -> None:
        """Note that the message is nothing that a worker can read."""
        self._over.append(message)

    def leave(self, tag: str) -> None:
        """Leave the message to the next `tidy`, which gives it back."""
        self._open.pop(tag, None)

    def tidy(self, redis: Any) -> None:
        """Remove from the list what is over, and give back what never arrived here.

        The answer that had it was lost with its connection. A message that is found twice in a row
        is not just arriving.
        """
        over = [self._over.popleft() for _ in range(len(self._over))]
        try:
            with redis.pipeline(transaction=False) as pipe:
                for message in over:  # by value: a failover may have forgotten any of them
                    pipe.lrem(self.key, -1, message)
                pipe.expire(self.key, KEPT_S)
                pipe.llen(self.key)
                length = pipe.execute()[-1]
        except BaseException:
            self._over.extend(over)
            raise
        unknown = self._unknown_of(redis) if length > len(self._open) else frozenset()
        self._give_back(redis, unknown & self._unknown)
        self._unknown = unknown

    def give_back_all(self, redis: Any) -> None:
        """Put what is not over back into the queue: this worker takes no more."""
        self.tidy(redis)
        self._give_back(redis, redis.lrange(self.key, 0, -1))

    def _unknown_of(self, redis: Any) -> frozenset[bytes]:
        found = frozenset(redis.lrange(self.key, 0, -1))  # before what is known is looked at
        return found.difference(tuple(self._open.values()), tuple(self._over))

    def _give_back(self, redis: Any, messages: Sequence[bytes] | frozenset[bytes]) -> None:
        found = [*messages]
        for begin in range(0, len(found), TOGETHER):
            some = found[begin : begin + TOGETHER]
            GIVE_BACK.call(redis, self._keys, [self.key, self.queue], some)


def taken_in(redis: Any, key: str) -> Sequence[bytes]:
    """Return the messages in the list of a worker that died, the oldest MOST_TAKEN, in order."""
    found: list[bytes] = read_members(redis, "LRANGE", key, -MOST_TAKEN, -1)
    return found[::-1]


def forget_taken(redis: Any, key: str, messages: Sequence[bytes]) -> None:
    """Remove messages from the list of a worker; it may be alive, and take others meanwhile."""
    with redis.pipeline(transaction=False) as pipe:
        for message in messages:
            pipe.lrem(key, -1, message)
        pipe.execute()


def job_id_of(message: bytes) -> str | None:
    """Return the id of the job that a message of a Redis broker is about, None for any other."""
    try:
        job_id = json.loads(message)["headers"]["id"]
    except (ValueError, LookupError, TypeError):
        return None
    return job_id if isinstance(job_id, str) else None
