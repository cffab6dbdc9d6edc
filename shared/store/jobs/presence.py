"""Tell which workers of a site are alive, and what they tell of themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from shared.queue.queued_job import QUEUES, QueueName
from shared.sites.worker_record import LONGEST_RECORD, WorkerRecord
from shared.store.gate import RedisGate
from shared.store.site_keys import SiteKeys
from shared.text import printable

MOST_WORKERS: Final = 500
"""Workers of a site whose records are read."""
LONGEST_NAME: Final = 300
SEEN_KEPT_S: Final = 30 * 86_400
"""How long it is known when a site's last worker was alive."""

# KEYS: all workers, jobs that none has begun, jobs that run, the sign of life of any worker, and
# for each queue its workers with their slots. ARGV: the prefix and the ending of a record's key,
# and the bounds above. Whoever has a site's password can write all of it: names and texts are cut
# here, before they are sent, and a key of another type counts as one that is not there.
_LOOK = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local function read(otherwise, ...)
  local found = redis.pcall(...)
  if type(found) == 'table' and found.err then return otherwise end
  return found
end
local alive, records = {}, {}
for i = 5, #KEYS do
  alive[i - 4] = read(0, 'ZCOUNT', KEYS[i], '(' .. now, '+inf')
end
for _, name in ipairs(read({}, 'SRANDMEMBER', KEYS[1], ARGV[3])) do
  if #name <= tonumber(ARGV[4]) then
    local record = read('', 'GETRANGE', ARGV[1] .. name .. ARGV[2], 0, ARGV[5])
    if record ~= '' then
      records[#records + 1] = name
      records[#records + 1] = record
    end
  end
end
return {time[1], read(0, 'ZCARD', KEYS[2]), read(0, 'ZCARD', KEYS[3]),
  redis.call('TTL', KEYS[4]), alive, records}
"""


@dataclass(frozen=True, slots=True)
class Presence:
    """What there is of a site at one moment."""

    waiting: int
    """Jobs that no worker has begun."""
    running: int
    workers: Mapping[QueueName, int]
    """How many workers of each queue are alive."""
    records: Mapping[str, WorkerRecord]
    """What workers that are alive tell of themselves, by their names."""
    seen_at: datetime | None
    """When a worker was last alive, by the clock of Redis; None if that is too long ago."""


async def presence_of(gate: RedisGate, keys: SiteKeys) -> Presence:
    """Return which workers of a site are alive; a record that can't be read is left out.

    Raises:
        StoreUnreachableError: the outcome is unknown.
    """
    named = (keys.workers, keys.queued, keys.running, keys.seen, *map(keys.slots, QUEUES))
    before, _, after = keys.record("\0").partition("\0")
    bounds = (MOST_WORKERS, LONGEST_NAME, LONGEST_RECORD)  # one byte more than a record may have
    async with gate.turn() as redis:
        told: list[Any] = await redis.eval(_LOOK, len(named), *named, before, after, *bounds)
    now_s, waiting, running, left_s, alive, found = told
    names = [printable(name.decode("utf-8", "replace")) for name in found[::2]]
    records = zip(names, map(WorkerRecord.read, found[1::2]), strict=True)
    return Presence(
        waiting=waiting,
        running=running,
        workers=dict(zip(QUEUES, alive, strict=True)),
        records={name: record for name, record in records if record},
        seen_at=_seen_at(int(now_s), left_s),
    )


def _seen_at(now_s: int, left_s: int) -> datetime | None:
    if not 0 <= left_s <= SEEN_KEPT_S:  # no worker of ours has written it
        return None
    return datetime.fromtimestamp(now_s, UTC) - timedelta(seconds=SEEN_KEPT_S - left_s)
