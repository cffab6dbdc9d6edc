"""The scripts in Redis that create a batch, within what its tenant may have."""

from shared.store.limits.kept_results import COUNT

# KEYS: unfinished batches. ARGV: the tenant, how many it may have, and what precedes the id in the
# key of a batch. Counted anew each time: a batch that expired is never one too many.
_ROOM = """
local function has_room(tenant, most, prefix)
  if tenant == '' or redis.call('ZCARD', KEYS[1]) < most then
    return true
  end
  local count = 0
  for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    if redis.call('HGET', prefix .. id, 'share_of') == tenant then
      count = count + 1
    end
  end
  return count < most
end
"""
HAS_ROOM = _ROOM + "return has_room(ARGV[1], tonumber(ARGV[2]), ARGV[3]) and 1 or 0"
# KEYS: unfinished batches, batch, letters, items, targets, twins, items that follow others, the
# index, sealed, CA certificates, the tenant's counts, and where there is one the Idempotency-Key.
# ARGV: those of _ROOM, then the id, when it was created, how long it is kept, until when its
# requests are, the letters, what the key is to say and how long, what `KeptResults.counting` gives,
# how many results it counts as, the commands to follow as JSON, and the fields of the batch. After
# a lost connection it may come a second time, when some of the items are at work. Returns FULL,
# what `count_kept` refuses with, or what the key says if it has made another batch: then nothing
# was written.
CREATE = (
    _ROOM
    + COUNT
    + """
local made = KEYS[12] and redis.call('GET', KEYS[12])
if made and made ~= ARGV[9] then
  return made
end
if redis.call('EXISTS', KEYS[2]) == 0 then
  if not has_room(ARGV[1], tonumber(ARGV[2]), ARGV[3]) then
    return 'full'
  end
  local now, ends, most_kept = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13])
  local refused = count_kept(KEYS[11], now, ends, tonumber(ARGV[14]), most_kept)
  if refused then
    return refused
  end
end
if KEYS[12] then
  redis.call('SET', KEYS[12], ARGV[9], 'EX', ARGV[10])
end
redis.call('HSET', KEYS[2], unpack(ARGV, 16))
redis.call('SET', KEYS[3], ARGV[8], 'NX')
for i = 2, 8 do
  redis.call('EXPIRE', KEYS[i], ARGV[6])
end
for i = 9, 10 do
  redis.call('EXPIREAT', KEYS[i], ARGV[7])
end
redis.call('ZADD', KEYS[1], ARGV[5], ARGV[4])
for _, command in ipairs(cjson.decode(ARGV[15])) do
  redis.call(unpack(command))
end
"""
)
FULL = b"full"
# KEYS: the CA certificates of a batch, and of one that repeats it. Returns how many bytes they are.
COPY_CA_CERTIFICATES = """
redis.call('COPY', KEYS[1], KEYS[2])
local bytes = 0
for _, digest in ipairs(redis.call('HKEYS', KEYS[2])) do
  bytes = bytes + redis.call('HSTRLEN', KEYS[2], digest)
end
return bytes
"""
