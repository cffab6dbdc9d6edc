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

from shared.store.scripts import Script

TURN_S = 660  # longer than any test; then a turn of which no worker knows no longer counts
CALLED_S = 10  # for so long a turn is kept for a job whose message is on its way
KEPT_S = 3600
LONGEST_MEMBER = 4096  # of the rings: a tenant, or a host with its port
MOST_LOOKS = 1000
"""Members of rings and workers that one call of a script looks at: all of Redis waits for it."""

# ARGV of all scripts: job, queue, tenant ('' for one without a share), target ('' for one that
# takes no turns there), turns per target, share, the worker's own queue and slots, which it may
# not have announced yet, and what the names of the site's keys begin with. A place beyond `BEHIND`
# is that of a job that was called; 0 is that of one whose worker died, or whose call came too late.
_COMMON = f"""
local job, queue, tenant, target = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local per_target, share = tonumber(ARGV[5]), tonumber(ARGV[6])
local own_queue, own_slots = ARGV[7], tonumber(ARGV[8])
local prefix = ARGV[9]
local CALLED, BEHIND = prefix .. 'called', 10000000000

local asked_at
local function now()
  if not asked_at then
    local time = redis.call('TIME')
    asked_at = tonumber(time[1]) + tonumber(time[2]) / 1000000
  end
  return asked_at
end
local function at_target(target)
  return prefix .. 'target:' .. target
end
local function of_tenant(queue, tenant)
  return prefix .. 'share:' .. queue .. ':' .. tenant
end
local function line_of(queue, tenant, target)
  return prefix .. 'line:' .. queue .. ' ' .. tenant .. ' ' .. target
end
local function keep(key, member, score)
  redis.call('ZADD', key, score, member)
  redis.call('EXPIRE', key, {KEPT_S})
end
local function lasts(key, member)
  local ends = redis.call('ZSCORE', key, member)
  return ends and tonumber(ends) > now()
end
local function has_room(key, most)
  if redis.call('ZCARD', key) < most then
    return true
  end
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now())
  return redis.call('ZCARD', key) < most
end
local looks, slots_of = {MOST_LOOKS}, {{}}
local function alive_in(queue)
  if not slots_of[queue] then
    local alive, key = 0, prefix .. 'slots:' .. queue
    local workers = redis.call('ZRANGEBYSCORE', key, now(), '+inf', 'LIMIT', 0, math.max(0, looks))
    for _, worker in ipairs(workers) do
      alive = alive + (tonumber(string.match(string.sub(worker, -8), ' (%d+)$')) or 0)
    end
    looks = looks - #workers
    slots_of[queue] = alive
  end
  return slots_of[queue]
end
local function most_of(queue)
  local slots = queue == own_queue and own_slots or 0
  return math.max(1, math.floor(math.max(slots, alive_in(queue)) * share + 0.000001))
end
local function has_room_at(target)
  return target == '' or has_room(at_target(target) .. ':testing', per_target)
end
local function has_room_of(queue, tenant)
  return tenant == '' or has_room(of_tenant(queue, tenant) .. ':testing', most_of(queue))
end
local function has_turn()
  return target ~= '' and lasts(at_target(target) .. ':testing', job)
    or tenant ~= '' and lasts(of_tenant(queue, tenant) .. ':testing', job)
end
local function take(job, queue, tenant, target, seconds)
  if target ~= '' then
    keep(at_target(target) .. ':testing', job, now() + seconds)
  end
  if tenant ~= '' then
    keep(of_tenant(queue, tenant) .. ':testing', job, now() + seconds)
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
    put(at_target(target) .. ':lines', queue .. ' ' .. tenant, now())
  end
  if tenant ~= '' then
    put(of_tenant(queue, tenant) .. ':lines', target, now())
  end
end
local function stand_in_line(place)
  stand(line_of(queue, tenant, target), job, place)
  in_rings(stand, queue, tenant, target)
end
local function leave_line()
  local line = line_of(queue, tenant, target)
  if redis.call('ZREM', line, job) == 1 and redis.call('EXISTS', line) == 0 then
    redis.call('ZREM', at_target(target) .. ':lines', queue .. ' ' .. tenant)
    redis.call('ZREM', of_tenant(queue, tenant) .. ':lines', target)
  end
end
local function stand_first()
  redis.call('ZREM', line_of(queue, tenant, target), job)
  stand_in_line(0)
end
"""

# What the scripts of a worker have besides: KEYS begin with its turns and its calls; the tenth of
# ARGV is the turn as the worker has it.
#
# `take_turn` returns 'taken', 'held' where another worker has the job's turn, or 'waiting' where
# the job stands in line now. If the answer is lost and the command is sent again, the turn is the
# worker's already.
#
# `release_turn` returns the jobs that are called; a turn that the worker has no more may be another
# worker's. Whoever is called stays in line until it has come: the call may be lost. `pass_turn`
# does the same for a job that is over and may have been called.
TURNS_OF_WORKER = (
    _COMMON
    + f"""
local function take_turn()
  if target == '' and tenant == '' then
    return 'taken'
  end
  local is_testing = has_turn()
  local was_called = is_testing and lasts(CALLED, job)
  if is_testing and not was_called then
    return redis.call('SISMEMBER', KEYS[1], ARGV[10]) == 1 and 'taken' or 'held'
  end
  if was_called or (has_room_at(target) and has_room_of(queue, tenant)) then
    take(job, queue, tenant, target, {TURN_S})
    leave_line()
    if was_called then
      redis.call('ZREM', CALLED, job)
    end
    redis.call('SADD', KEYS[1], ARGV[10])
    return 'taken'
  end
  local place = redis.call('ZSCORE', line_of(queue, tenant, target), job)
  if place and tonumber(place) > BEHIND then
    stand_first()
  else
    stand_in_line(now())
  end
  return 'waiting'
end
local function call_next(calls, queue, tenant, target)
  local line = line_of(queue, tenant, target)
  local job = redis.call('ZRANGE', line, 0, 0)[1]
  if not job then
    return 'gone'
  end
  local is_served = queue == own_queue or redis.call('EXISTS', prefix .. 'alive:' .. queue) == 1
  if not is_served or lasts(CALLED, job) then
    return nil
  end
  redis.call('ZREMRANGEBYSCORE', CALLED, '-inf', now())
  keep(CALLED, job, now() + {CALLED_S})
  take(job, queue, tenant, target, {CALLED_S})
  keep(line, job, BEHIND + now())
  in_rings(keep, queue, tenant, target)
  local call = queue .. ':' .. job .. ' ' .. target .. (tenant ~= '' and ' ' .. tenant or '')
  redis.call('SADD', KEYS[2], call)
  redis.call('EXPIRE', KEYS[2], 86400)
  table.insert(calls, call)
  return 'called'
end
local function call_along(ring, call)
  local first = 0
  while looks > 0 do
    local passed = redis.call('ZRANGE', ring, first, first + 49)
    for _, member in ipairs(passed) do
      looks = looks - 1
      local outcome = #member > {LONGEST_MEMBER} and 'gone' or call(member)
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
  return false
end
local function end_turn()
  local calls = {{}}
  local ring_of_target, ring_of_tenant =
    at_target(target) .. ':lines', of_tenant(queue, tenant) .. ':lines'
  local function call_at_target(member)
    local queue, tenant = string.match(member, '^(%S+) (.*)$')
    return has_room_of(queue, tenant) and call_next(calls, queue, tenant, target)
  end
  local function call_of_tenant(target)
    return has_room_at(target) and call_next(calls, queue, tenant, target)
  end
  if target ~= '' then
    redis.call('ZREM', at_target(target) .. ':testing', job)
  end
  if tenant ~= '' then
    redis.call('ZREM', of_tenant(queue, tenant) .. ':testing', job)
  end
  while target ~= '' and redis.call('EXISTS', ring_of_target) == 1 and has_room_at(target)
    and call_along(ring_of_target, call_at_target) do
  end
  while tenant ~= '' and redis.call('EXISTS', ring_of_tenant) == 1 and has_room_of(queue, tenant)
    and call_along(ring_of_tenant, call_of_tenant) do
  end
  return calls
end
local function release_turn()
  return redis.call('SREM', KEYS[1], ARGV[10]) == 1 and end_turn() or {{}}
end
local function pass_turn()
  leave_line()
  if not lasts(CALLED, job) then
    return {{}}
  end
  redis.call('ZREM', CALLED, job)
  return end_turn()
end
"""
)

RELEASE = Script(TURNS_OF_WORKER + "return release_turn()")

# A job that has a turn again stands in no line: another message of it was faster.
STAND_FIRST = (
    _COMMON
    + """
if not has_turn() then
  stand_first()
end
"""
)

# Returns what the job waits for: 'share', 'target', or '' where it could run, or stands in no line.
HOLDS_BACK = (
    _COMMON
    + """
local in_line = redis.call('ZSCORE', line_of(queue, tenant, target), job)
if not in_line or lasts(CALLED, job) then
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
ANNOUNCE = Script(
    """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]) / 1000, ARGV[1] .. ' ' .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
"""
)
