/**
 * What happens inside Redis, atomically. All workers are fields of one hash (so that a cluster keeps them in one slot),
 * and each announcement is published on the channel of the same name.
 *
 *   K1  An id has one field; a live lease of a newer epoch is never overwritten by an older one.
 *   K2  "Newer" is by rank: Redis's own time at the epoch's first announcement, which the worker repeats from then on.
 *       So the order survives a flush, and the clocks of the workers' machines do not matter.
 *   K3  A field counts until its lease expires, by Redis's own time; whoever lists the workers sweeps the expired ones.
 *   K4  A removed epoch is refused until its mark expires.
 *   K5  Only the epoch that holds the field can say goodbye. The goodbye stays for the time of a lease, for those who
 *       missed the message.
 *
 * Numbers are kept as texts: Lua's JSON writes 14 digits, and microseconds have 16.
 */

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
`;

/** Args: id, epoch, rank ('' the first time), beat, lease in ms, record. Answers {'ok', rank}, {'refused', epoch} or {'removed', epoch}. */
export const ANNOUNCE = `${NOW}
local id, epoch, rank, beat, lease, record = unpack(ARGV)
if rank == '' then rank = string.format('%.0f', now) end
local text = redis.call('HGET', KEYS[1], id)
local held = text and cjson.decode(text)
if held and held.removed and held.epoch == epoch and tonumber(held.expires) > now then
  return {'removed', epoch}
end
local live = held and not held.gone and tonumber(held.expires) > now
if live and held.epoch ~= epoch and tonumber(held.rank) > tonumber(rank) then return {'refused', held.epoch} end
local entry = cjson.encode({ id = id, epoch = epoch, rank = rank, beat = beat, record = record,
  expires = string.format('%.0f', now + lease * 1000) })
redis.call('HSET', KEYS[1], id, entry)
redis.call('PEXPIRE', KEYS[1], lease * 10)
redis.call('PUBLISH', KEYS[1], entry)
return {'ok', rank}
`;

/** Args: id, epoch, time to keep the entry in ms, "removed" where this epoch may not come back. Answers 1 if it was there. */
export const LEAVE = `${NOW}
local id, epoch, kept, removed = unpack(ARGV)
local text = redis.call('HGET', KEYS[1], id)
local held = text and cjson.decode(text)
if not held or held.epoch ~= epoch then return 0 end
held.gone = true
if removed then held.removed = true end
held.expires = string.format('%.0f', now + kept * 1000)
local entry = cjson.encode(held)
redis.call('HSET', KEYS[1], id, entry)
redis.call('PUBLISH', KEYS[1], entry)
return 1
`;

/** No args. Answers the entries whose lease has not expired. */
export const LIST = `${NOW}
local all = redis.call('HGETALL', KEYS[1])
local live = {}
for i = 1, #all, 2 do
  local ok, held = pcall(cjson.decode, all[i + 1])
  if ok and tonumber(held.expires) > now then live[#live + 1] = all[i + 1]
  else redis.call('HDEL', KEYS[1], all[i]) end
end
return live
`;
