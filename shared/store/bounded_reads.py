"""Read what a site's workers have written: who has the site's password writes anything there.

What is longer than anything that a worker of ours writes is not carried to the API: it would stall
the jobs of all sites with each look, or use up the memory of the process.
"""

from typing import Any, Final

LONGEST_MEMBER: Final = 8192
"""Bytes of the name of a worker or a job, of a turn, of a message of the queue."""
LARGEST_STREAM: Final = 2 * 1024 * 1024
"""Bytes that a job's stream takes in Redis: 8 times as many as are read of a job."""
_LOOKED_THROUGH: Final = 5000
"""Rows of a stream whose memory is counted; of a longer one it is estimated."""

# KEYS: a set, a sorted set or a list. ARGV: the bound, the command, what follows the key. What is
# too long is removed, or each look would find it again. An error is returned as Redis words it.
_MEMBERS = """
local command = ARGV[2]
local found = redis.pcall(command, KEYS[1], unpack(ARGV, 3))
if not found or found.err then
  return found
end
local kept = {}
for _, one in ipairs(found) do
  if #one <= tonumber(ARGV[1]) then
    kept[#kept + 1] = one
  elseif command == 'SRANDMEMBER' then
    redis.call('SREM', KEYS[1], one)
  elseif command == 'LRANGE' then
    redis.call('LREM', KEYS[1], 0, one)
  elseif command ~= 'RPOP' then
    redis.call('ZREM', KEYS[1], one)
  end
end
return kept
"""

# KEYS: stream. ARGV: the bound, the rows that are looked through, the first id, how many rows.
_ROWS = """
local length = redis.pcall('XLEN', KEYS[1])
if type(length) == 'table' then
  return length
end
local samples = length <= tonumber(ARGV[2]) and 0 or 5
local size = redis.pcall('MEMORY', 'USAGE', KEYS[1], 'SAMPLES', samples)
if type(size) == 'number' and size > tonumber(ARGV[1]) then
  return redis.error_reply('WRONGTYPE the stream is larger than any of a job')
end
return redis.pcall('XRANGE', KEYS[1], ARGV[3], '+', 'COUNT', ARGV[4])
"""


def read_members(redis: Any, command: str, key: str, *arguments: str | float) -> Any:
    """Call a command that reads members of `key`, on a client or a pipeline of either kind.

    What is longer than LONGEST_MEMBER is left out, and removed. The command is SRANDMEMBER with a
    count, ZRANGE, ZRANGEBYSCORE, LRANGE, or RPOP with a count.
    """
    return redis.eval(_MEMBERS, 1, key, LONGEST_MEMBER, command, *arguments)


def read_rows(redis: Any, stream: str, first: str, count: int) -> Any:
    """Call XRANGE from the id `first` on; a stream above LARGEST_STREAM is of another type.

    Its rows are lists, as Redis sends them to a script: `shared.store.jobs.job_stream` reads them.
    """
    return redis.eval(_ROWS, 1, stream, LARGEST_STREAM, _LOOKED_THROUGH, first, count)
