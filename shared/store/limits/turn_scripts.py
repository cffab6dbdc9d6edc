"""The scripts in Redis that give turns: at a platform, and of a tenant's share of the workers.

A job that waits stands in the line of its queue, tenant and platform. Each platform has a ring of
the lines that stand at it, and each tenant one of its own; whoever was served goes to the end. The
names of the keys are made here, since only a script knows which lines it passes.

- `target:T:testing`, `share:Q:N:testing`: the jobs with a turn, by when it no longer counts.
- `target:T:lines`, `share:Q:N:lines`: the rings, of "queue tenant" and of targets.
- `line:Q N T`: the jobs in line, by their place.
- `called`: the jobs that have been given a turn and not yet come for it.
- `slots:Q`: the workers of a queue that are alive, with their slots.

docs/decisions/0021-a-tenant-s-share-of-the-workers.md has the reasons.
"""

TURN_S = 660  # longer than any test; then a turn of which no worker knows no longer counts
CALLED_S = 10  # for so long a turn is kept for a job whose message is on its way
KEPT_S = 3600

# ARGV of all scripts: job, queue, tenant ('' for one without a share), target ('' for one that
# takes no turns there), turns per target, share, and the worker's own queue and slots, which it may
# not have announced yet. A place beyond `BEHIND` is that of a job that was called; 0 is that of one
# whose worker died, or whose call came too late.
_COMMON = f"""
local job, queue, tenant, target = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local per_target, share = tonumber(ARGV[5]), tonumber(ARGV[6])
local own_queue, own_slots = ARGV[7], tonumber(ARGV[8])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local CALLED, BEHIND = 'conncheck:called', 10000000000

local function at_target(target)
  return 'conncheck:target:' .. target
end
local function of_tenant(queue, tenant)
  return 'conncheck:share:' .. queue .. ':' .. tenant
end
local function line_of(queue, tenant, target)
  return 'conncheck:line:' .. queue .. ' ' .. tenant .. ' ' .. target
end
local function keep(key, member, score)
  redis.call('ZADD', key, score, member)
  redis.call('EXPIRE', key, {KEPT_S})
end
local function count(key)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  return redis.call('ZCARD', key)
end
local function most_of(queue)
  local slots = queue == own_queue and own_slots or 0
  local alive = 0
  for _, worker in ipairs(redis.call('ZRANGEBYSCORE', 'conncheck:slots:' .. queue, now, '+inf')) do
    alive = alive + tonumber(string.match(worker, '%d+$'))
  end
  return math.max(1, math.floor(math.max(slots, alive) * share + 0.000001))
end
local function has_room_at(target)
  return target == '' or count(at_target(target) .. ':testing') < per_target
end
local function has_room_of(queue, tenant)
  return tenant == '' or count(of_tenant(queue, tenant) .. ':testing') < most_of(queue)
end
local function take(job, queue, tenant, target, seconds)
  if target ~= '' then
    keep(at_target(target) .. ':testing', job, now + seconds)
  end
  if tenant ~= '' then
    keep(of_tenant(queue, tenant) .. ':testing', job, now + seconds)
  end
end
local function stand(key, member, place)
  if not redis.call('ZSCORE', key, member) then
    redis.call('ZADD', key, place, member)
  end
  redis.call('EXPIRE', key, {KEPT_S})
end
local function in_rings(put, queue, tenant, target)
  if target ~= '' then
    put(at_target(target) .. ':lines', queue .. ' ' .. tenant, now)
  end
  if tenant ~= '' then
    put(of_tenant(queue, tenant) .. ':lines', target, now)
  end
end
local function has_turn()
  local testing_at = at_target(target) .. ':testing'
  local testing_of = of_tenant(queue, tenant) .. ':testing'
  count(testing_at)
  count(testing_of)
  return redis.call('ZSCORE', testing_at, job) or redis.call('ZSCORE', testing_of, job)
end
local function stand_in_line(place)
  stand(line_of(queue, tenant, target), job, place)
  in_rings(stand, queue, tenant, target)
end
local function stand_first()
  redis.call('ZREM', line_of(queue, tenant, target), job)
  stand_in_line(0)
end
redis.call('ZREMRANGEBYSCORE', CALLED, '-inf', now)
"""

# KEYS: the worker's turns, all workers. ARGV: the turn as the worker has it, and the worker. The
# worker is known with its first turn, so that its death is noticed. If the answer is lost and the
# command is sent again, the turn is the worker's already.
ADMIT = (
    _COMMON
    + f"""
local line = line_of(queue, tenant, target)
local is_testing = has_turn()
local was_called = redis.call('ZREM', CALLED, job) == 1
if is_testing and not was_called then
  return redis.call('SISMEMBER', KEYS[1], ARGV[9]) == 1 and 'taken' or 'held'
end
if is_testing or (has_room_at(target) and has_room_of(queue, tenant)) then
  take(job, queue, tenant, target, {TURN_S})
  if redis.call('ZREM', line, job) == 1 and redis.call('EXISTS', line) == 0 then
    redis.call('ZREM', at_target(target) .. ':lines', queue .. ' ' .. tenant)
    redis.call('ZREM', of_tenant(queue, tenant) .. ':lines', target)
  end
  redis.call('SADD', KEYS[1], ARGV[9])
  redis.call('EXPIRE', KEYS[1], 86400)
  redis.call('SADD', KEYS[2], ARGV[10])
  return 'taken'
end
local place = redis.call('ZSCORE', line, job)
if place and tonumber(place) > BEHIND then
  stand_first()
else
  stand_in_line(now)
end
return 'waiting'
"""
)

# A job that has a turn again stands in no line: another message of it was faster.
STAND_FIRST = (
    _COMMON
    + """
if not has_turn() then
  stand_first()
end
"""
)

# KEYS: the worker's turns, its calls. ARGV: the turn as the worker has it. A turn that the worker
# has no more may be another worker's. Whoever is called stays in line until it has come: the call
# may be lost. Returns the calls.
RELEASE = (
    _COMMON
    + f"""
local calls = {{}}

local function call_next(queue, tenant, target)
  local line = line_of(queue, tenant, target)
  local job = redis.call('ZRANGE', line, 0, 0)[1]
  if not job then
    return 'gone'
  end
  local is_served = queue == own_queue or redis.call('EXISTS', 'conncheck:alive:' .. queue) == 1
  if not is_served or redis.call('ZSCORE', CALLED, job) then
    return nil
  end
  keep(CALLED, job, now + {CALLED_S})
  take(job, queue, tenant, target, {CALLED_S})
  keep(line, job, BEHIND + now)
  in_rings(keep, queue, tenant, target)
  local call = queue .. ':' .. job .. ' ' .. target .. (tenant ~= '' and ' ' .. tenant or '')
  redis.call('SADD', KEYS[2], call)
  redis.call('EXPIRE', KEYS[2], 86400)
  table.insert(calls, call)
  return 'called'
end
local function call_along(ring, call)
  local first = 0
  while true do
    local passed = redis.call('ZRANGE', ring, first, first + 49)
    for _, member in ipairs(passed) do
      local outcome = call(member)
      if outcome == 'called' then
        return true
      end
      if outcome == 'gone' then
        redis.call('ZREM', ring, member)
        first = first - 1
      end
    end
    if #passed < 50 then
      return false
    end
    first = first + 50
  end
end
local function call_at_target(member)
  local queue, tenant = string.match(member, '^(%S+) (.*)$')
  return has_room_of(queue, tenant) and call_next(queue, tenant, target)
end
local function call_of_tenant(target)
  return has_room_at(target) and call_next(queue, tenant, target)
end

if redis.call('SREM', KEYS[1], ARGV[9]) == 0 then
  return calls
end
redis.call('ZREM', at_target(target) .. ':testing', job)
redis.call('ZREM', of_tenant(queue, tenant) .. ':testing', job)
while target ~= '' and has_room_at(target)
  and call_along(at_target(target) .. ':lines', call_at_target) do
end
while tenant ~= '' and has_room_of(queue, tenant)
  and call_along(of_tenant(queue, tenant) .. ':lines', call_of_tenant) do
end
return calls
"""
)

# Returns what the job waits for: 'share', 'target', or '' where it could run, or stands in no line.
HOLDS_BACK = (
    _COMMON
    + """
local in_line = redis.call('ZSCORE', line_of(queue, tenant, target), job)
if not in_line or redis.call('ZSCORE', CALLED, job) then
  return ''
end
if not has_room_of(queue, tenant) then
  return 'share'
end
return has_room_at(target) and '' or 'target'
"""
)

# KEYS: the workers of a queue. ARGV: the worker, its slots, how long its sign of life lasts in
# milliseconds.
ANNOUNCE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]) / 1000, ARGV[1] .. ' ' .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
"""


def slots_key(queue: str) -> str:
    """Return the key of the sorted set of the workers of a queue that are alive, with their slots.

    A member is the worker's name, a space and its number of slots; its score is the time (epoch)
    until which its sign of life lasts.
    """
    return f"conncheck:slots:{queue}"
