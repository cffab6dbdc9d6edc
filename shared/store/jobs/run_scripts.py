"""The scripts in Redis with which a worker begins a run and ends it, together with its turn."""

from shared.store.jobs.job_stream import APPEND, QUEUED_ID, RUNNING_AT_MOST_S
from shared.store.limits.turn_scripts import TURNS_OF_WORKER
from shared.store.scripts import Script

MOST_ROWS = 5000
"""Of a job that a worker begins: all of Redis waits while they are read. A run has some hundred."""
LONGEST_COMMANDS = 16_384
"""Bytes of the commands that a worker has a script follow; it has a dozen short ones."""
_APPEND_OF_WORKER = (
    APPEND
    + """
allowed = {DEL=20, ZADD=20, ZREM=20, EXPIRE=20, SADD=20, SREM=20, RENAME=1, COPY=1}
"""
)

# KEYS after the worker's turns and calls: stream, sealed request, jobs of the worker, all workers,
# waiting jobs, running jobs. ARGV after the turn: worker, the first entry of the run, seconds to
# live.
#
# Returns 'over' and the jobs that are called in its place where the job is not to be begun, 'held'
# or 'waiting' as `take_turn` does, or 'begun', the number of the run, the rows that were there
# before it, the sealed request, and the time. Where the answer is lost and the command is sent
# again, the run has begun already.
BEGIN = Script(
    TURNS_OF_WORKER
    + f"""
local _, _, stream, sealed, jobs, workers, queued, running = unpack(KEYS)
local worker, started, ttl_s = ARGV[11], ARGV[12], ARGV[13]

local function text_of(row)
  for i = 1, #row[2], 2 do
    if row[2][i] == 'entry' then
      return row[2][i + 1]
    end
  end
end
local function is_waiting(row)
  local text = text_of(row) or ''
  local is_read, entry = pcall(cjson.decode, #text <= {LONGEST_COMMANDS} and text)
  return row[1] == '{QUEUED_ID}' or (is_read and entry.kind == 'requeued')
end

if redis.call('XLEN', stream) > {MOST_ROWS} then
  return {{'over', {{}}}}
end
local rows = redis.call('XRANGE', stream, '-', '+')
local last = rows[#rows]
local number = last and tonumber(string.match(last[1], '^%d+'))
if last and text_of(last) == started then
  table.remove(rows)
elseif not last or not is_waiting(last) then
  return {{'over', pass_turn()}}
else
  local turn = take_turn()
  if turn ~= 'taken' then
    return {{turn}}
  end
  number = number + 1
  redis.call('XADD', stream, number .. '-0', 'entry', started)
  redis.call('EXPIRE', stream, ttl_s)
  redis.call('ZREM', queued, job)
  redis.call('ZADD', running, math.floor(now()) + {RUNNING_AT_MOST_S}, job)
  redis.call('SADD', workers, worker)
  redis.call('SADD', jobs, job)
  redis.call('PUBLISH', stream, 'started')
end
return {{'begun', number, rows, redis.call('GET', sealed), math.floor(now())}}
"""
)

# KEYS after the worker's turns and calls: stream. ARGV after the turn: those of `append`. Returns
# what `append` does, and where the rows were written, the jobs that are called.
CLOSE = Script(
    TURNS_OF_WORKER
    + _APPEND_OF_WORKER
    + f"""
if #ARGV[14] > {LONGEST_COMMANDS} then
  return redis.error_reply('ERR too many commands')
end
local written = append(KEYS[3], {{unpack(ARGV, 11)}})
if type(written) == 'table' then
  return written
end
return {{written, (written == 1 or written == 2) and release_turn() or {{}}}}
"""
)

# KEYS: stream. ARGV: those of `append`. Returns what `append` does.
WRITE = Script(
    _APPEND_OF_WORKER
    + f"""
if #ARGV[4] > {LONGEST_COMMANDS} then
  return redis.error_reply('ERR too many commands')
end
return append(KEYS[1], ARGV)
"""
)
