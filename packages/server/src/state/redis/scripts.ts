/**
 * What has to happen at once, as scripts that run inside of Redis, one at a time. Each first looks whether it may, and writes only then:
 * a script that stops half-way is not undone.
 *
 * A write names itself (`version`), and the upload keeps the name. So a script that is sent again because its answer was lost finds
 * that it has been done, and says so. Numbers travel as text, because Lua prints large ones rounded.
 */

/** Value of an upload → version, uses as a part, facts. */
const parse = `local function parse(value) return string.match(value, '^(%S+) (%d+) (.*)$') end`;

const now = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

const changeIndexes = `local function change(plan)
  for _, one in ipairs(plan.remove) do redis.call('ZREM', one[1], one[2]) end
  for _, one in ipairs(plan.add) do redis.call('ZADD', one[1], one[2], one[3]) end
  for _, one in ipairs(plan.count) do
    if redis.call('HINCRBY', one[1], one[2], one[3]) == 0 then redis.call('HDEL', one[1], one[2]) end
  end
end`;

const findExtents = `local function extents(key, first)
  local found = {}
  for i = first, #ARGV do
    local at = ARGV[i]
    if at == 'last' then
      found[#found + 1] = redis.call('ZRANGE', key, '-1', '-1')[1] or false
    else
      found[#found + 1] = at ~= '' and redis.call('ZRANGEBYSCORE', key, at, at)[1] or false
    end
  end
  return found
end`;

/** KEYS[1] upload; ARGV: its extents, then which of them ('' for none, an offset, 'last'). Returns both, false for what is not there. */
const read = `${findExtents}
return { redis.call('GET', KEYS[1]), extents(ARGV[1], 2) }`;

/**
 * KEYS[1] upload; ARGV: version that the decision was made on ('' for none: creates it), version that it makes, facts, handover or '',
 * plan (see write-plan.ts), key of extents, then which extents the rules look at. Returns what came of it: done, or stale with what there is
 * now, gone, full, quota, token, parts, taken.
 */
const decide = `${parse}
${findExtents}
${changeIndexes}
local value = redis.call('GET', KEYS[1])
local plan = cjson.decode(ARGV[5])
local uses = plan.uses
if value then
  local version, used = parse(value)
  if version == ARGV[2] then return { 'done' } end
  if version ~= ARGV[1] then return { 'stale', value, extents(ARGV[6], 7) } end
  uses = used
elseif ARGV[1] ~= '' then
  return { 'gone' }
end

if plan.liveMax then
  local count = 0
  for _, key in ipairs(plan.liveKeys) do count = count + redis.call('ZCARD', key) end
  if count >= tonumber(plan.liveMax) then return { 'full' } end
end
if plan.bytesMax then
  local bytes = tonumber(redis.call('HGET', plan.bytesKey, plan.principal) or '0') + tonumber(plan.bytes)
  if bytes > tonumber(plan.bytesMax) then return { 'quota', string.format('%.0f', bytes) } end
end
if plan.token then
  local bound = redis.call('HGET', plan.token, 'upload')
  if bound ~= '' then return { 'token', bound or '' } end
end
local parts = {}
for i, key in ipairs(plan.useParts) do
  local part = redis.call('GET', key)
  if not part then return { 'parts' } end
  local _, used, facts = parse(part)
  local about = cjson.decode(facts)
  local phase = about.phase.name
  if about.principal ~= plan.principal or about.concatenation.role ~= 'partial' or (phase ~= 'receiving' and phase ~= 'paused') then
    return { 'parts' }
  end
  parts[i] = { about.id, tonumber(used), facts }
end
for _, offset in ipairs(plan.fresh) do
  if redis.call('ZCOUNT', ARGV[6], offset, offset) > 0 then return { 'taken' } end
end

for i, part in ipairs(parts) do
  if part[2] == 0 then redis.call('ZREM', plan.expiryKey, part[1]) end
  redis.call('SET', plan.useParts[i], ARGV[2] .. ' ' .. (part[2] + 1) .. ' ' .. part[3])
end
for _, key in ipairs(plan.finals) do redis.call('ZADD', key, '0', plan.id) end
for _, key in ipairs(plan.freeParts) do
  local part = redis.call('GET', key)
  if part then
    local _, used, facts = parse(part)
    local left = math.max(tonumber(used) - 1, 0)
    redis.call('SET', key, ARGV[2] .. ' ' .. left .. ' ' .. facts)
    local about = cjson.decode(facts)
    if left == 0 and (about.phase.name == 'receiving' or about.phase.name == 'paused') then
      redis.call('ZADD', plan.expiryKey, string.format('%.0f', about.expiresAt), about.id)
    end
  end
end
for _, key in ipairs(plan.noFinals) do redis.call('ZREM', key, plan.id) end
for _, offset in ipairs(plan.delete) do redis.call('ZREMRANGEBYSCORE', ARGV[6], offset, offset) end
for _, one in ipairs(plan.insert) do redis.call('ZADD', ARGV[6], one[1], one[2]) end
if plan.token then redis.call('HSET', plan.token, 'upload', plan.id) end
redis.call('SET', KEYS[1], ARGV[2] .. ' ' .. uses .. ' ' .. ARGV[3])
change(plan)
if ARGV[4] ~= '' then
  redis.call('XADD', plan.outboxKey, '*', 'handover', ARGV[4])
  redis.call('PUBLISH', plan.news, '')
end
return { 'done' }`;

/** KEYS[1] unused; ARGV: JSON list of uploads with version, keys and lists. Deletes those that are as they were; returns how many. */
const purge = `${parse}
${changeIndexes}
local count = 0
for _, one in ipairs(cjson.decode(ARGV[1])) do
  local value = redis.call('GET', one.key)
  if value and parse(value) == one.version then
    redis.call('UNLINK', one.key, unpack(one.also))
    change(one)
    count = count + 1
  end
end
return count`;

/** How much longer than its claim a key stays, so that whoever takes the place over knows that it does; in milliseconds. */
const claimTraceMs = 86_400_000;

/** Value of a claim → holder, until when, whether it was taken over. */
const parseClaim = `${now}
local function parse(key)
  local value = redis.call('GET', key) or ''
  local holder, till = string.match(value, '^(.*) forced (%d+)$')
  if holder then return holder, till, true end
  holder, till = string.match(value, '^(.*) (%d+)$')
  return holder, till, false
end
local function good(key, holder, forced, ms)
  local value = holder .. (forced and ' forced ' or ' ') .. string.format('%.0f', now + ms)
  redis.call('SET', key, value, 'PX', string.format('%.0f', ms + ${claimTraceMs}))
end`;

/**
 * KEYS[1] claim; ARGV: holder, for how long. Returns 'held' when it is somebody else's, 'forced' when it was taken over, 'taken' otherwise. Asked
 * again by its holder it answers the same: the answer may have been lost.
 */
const claim = `${parseClaim}
local holder, till, forced = parse(KEYS[1])
if holder and holder ~= ARGV[1] then
  if tonumber(till) >= now then return 'held' end
  forced = true
end
good(KEYS[1], ARGV[1], forced, tonumber(ARGV[2]))
return forced and 'forced' or 'taken'`;

/** KEYS[1] claim; ARGV: holder. */
const unclaim = `${parseClaim}
if parse(KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1`;

/** KEYS[1] unused; ARGV: holder, for how long, claims. Returns those that are the holder's. */
const reclaim = `${parseClaim}
local own = {}
for i = 3, #ARGV do
  local holder, _, forced = parse(ARGV[i])
  if holder == ARGV[1] then
    good(ARGV[i], ARGV[1], forced, tonumber(ARGV[2]))
    own[#own + 1] = ARGV[i]
  end
end
return own`;

/** KEYS[1] lock; ARGV: process, grant, for how long. Returns 'taken', 'forced', or 'held' after noting that it is wanted. */
const lock = `${now}
local held = redis.call('HMGET', KEYS[1], 'process', 'grant', 'until', 'forced')
if held[1] == ARGV[1] and held[2] == ARGV[2] and tonumber(held[3]) >= now then return held[4] end
if held[1] and tonumber(held[3]) >= now then
  redis.call('HSET', KEYS[1], 'asked', '1')
  return 'held'
end
local how = held[1] and 'forced' or 'taken'
redis.call('HSET', KEYS[1], 'process', ARGV[1], 'grant', ARGV[2], 'until', string.format('%.0f', now + tonumber(ARGV[3])), 'asked', '0', 'forced', how)
return how`;

/** KEYS[1] lock; ARGV: process, grant, 'in order' or 'as if gone'. */
const unlock = `local held = redis.call('HMGET', KEYS[1], 'process', 'grant')
if held[1] ~= ARGV[1] or held[2] ~= ARGV[2] then return 0 end
if ARGV[3] == 'in order' then redis.call('DEL', KEYS[1]) else redis.call('HSET', KEYS[1], 'until', '0') end
return 1`;

/** KEYS[1] unused; ARGV: process, for how long more ('0': as it is), then lock and grant of each. Returns grant and whether it is wanted, of those that are good. */
const look = `${now}
local good = {}
for i = 3, #ARGV, 2 do
  local held = redis.call('HMGET', ARGV[i], 'process', 'grant', 'until', 'asked')
  if held[1] == ARGV[1] and held[2] == ARGV[i + 1] and tonumber(held[3]) >= now then
    if ARGV[2] ~= '0' then redis.call('HSET', ARGV[i], 'until', string.format('%.0f', now + tonumber(ARGV[2]))) end
    good[#good + 1] = held[2]
    good[#good + 1] = held[4]
  end
end
return good`;

/** KEYS[1] token; ARGV: issuer, key of the list, id, prefix of the keys by digest. Returns whether it was that issuer's. */
const revoke = `local token = redis.call('HMGET', KEYS[1], 'issuer', 'digest')
if token[1] ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1], ARGV[4] .. token[2])
redis.call('ZREM', ARGV[2], ARGV[3])
return 1`;

/** KEYS[1] list of tokens by expiry; ARGV: before when, how many, prefixes of the keys by id and by digest. Returns how many went. */
const purgeTokens = `local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[1], 'LIMIT', '0', ARGV[2])
for _, id in ipairs(ids) do
  local digest = redis.call('HGET', ARGV[3] .. id, 'digest')
  redis.call('DEL', ARGV[3] .. id, ARGV[4] .. (digest or ''))
  redis.call('ZREM', KEYS[1], id)
end
return #ids`;

export const scripts = {
  hfRead: read,
  hfDecide: decide,
  hfPurge: purge,
  hfClaim: claim,
  hfUnclaim: unclaim,
  hfReclaim: reclaim,
  hfLock: lock,
  hfUnlock: unlock,
  hfLook: look,
  hfRevoke: revoke,
  hfPurgeTokens: purgeTokens,
};

export type ScriptName = keyof typeof scripts;
