import type { LimitAlgorithm } from '../contracts/stores.ts';

/**
 * The authority of limits in Redis: one script per algorithm, one key per bucket, no clock but Redis's own.
 *
 * Arguments of the rates: 1 capacity, 2 microseconds per token (token bucket) or of the window, 3 cost (0 = only
 * settle), 4 wanted on top as a lease, 5 a lease is at most what remains divided by this, 6 microseconds that the
 * lease lasts, 7 given back, or charged without asking when negative, 8 unspent of an earlier lease, 9 when that was
 * granted, 10 when what is given back will have drained, or its window will have ended. Answer: [what is left or -1 for
 * refused, microseconds to wait, granted as a lease, time of Redis, microseconds that the window lasts (token bucket:
 * tokens set aside beside the lease), microseconds that somebody still holds a lease].
 */
const PRELUDE = `
local capacity, unit, cost, want = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local share, term, back = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local unspent, since, till = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local saved = redis.call('GET', KEYS[1])
local left, wait, extra, aside = -1, 0, 0, 0
`;

/**
 * A leaky bucket as a meter, which is GCRA in tokens: `level` drains at the rate and may not exceed the capacity.
 *
 * Leased tokens may be spent until the lease ends, so they are charged as if spent then: the level is first raised to
 * what would have drained by then. Without that, a full bucket would fill again while the lease is held.
 * What comes back unspent lowers the level only as far as no charge since then would have met an empty bucket
 * (`low` and `lower`: the least level seen in this span and the one before): anything more has drained already.
 */
const TOKEN_BUCKET = `${PRELUDE}
local SPAN, MANY = 250000, 1000000000
local at, level, leased, span, low, lower = now, 0, 0, 0, MANY, MANY
if saved then
  at, level, leased, span, low, lower = string.match(saved, '(%S+) (%S+) (%S+) (%S+) (%S+) (%S+)')
  at, level, leased = tonumber(at), tonumber(level), tonumber(leased)
  span, low, lower = tonumber(span), tonumber(low), tonumber(lower)
end
level = level - math.max(0, now - at) / unit
local present = math.floor(now / SPAN)
if span ~= present then
  lower = span == present - 1 and low or MANY
  low = MANY
end
if unspent > 0 and since >= (present - 1) * SPAN then
  local undone = math.max(0, math.min(unspent, low, lower))
  level, low, lower = level - undone, low - undone, lower - undone
end
if back > 0 then level = level - math.min(back, math.max(0, till - now) / unit) end
if back < 0 then level = math.min(math.max(level, 0) - back, math.max(level, capacity)) end
level = math.max(0, level)
if level + cost <= capacity + 0.000001 then
  if cost > 0 then
    low = math.min(low, level)
    level = level + cost
  end
  local ripe = term / unit
  local base = math.max(level, ripe)
  extra = math.max(0, math.min(want, math.floor((capacity - base) / share)))
  if extra > 0 then
    low = math.min(low, math.max(0, level - ripe))
    aside = math.floor(base - level)
    level = base + extra
    leased = math.max(leased, now + term)
  end
  left = math.max(0, math.floor(capacity - level + 0.000001))
else
  wait = math.ceil((level + cost - capacity) * unit)
end
if level > 0 then
  local text = string.format('%.0f %.9f %.0f %.0f %.6f %.6f', now, level, leased, present, low, lower)
  redis.call('SET', KEYS[1], text, 'PX', math.ceil(level * unit / 1000) + 1000)
elseif saved then
  redis.call('DEL', KEYS[1])
end
return {left, wait, extra, now, aside, math.max(0, leased - now)}
`;

/** Counters of the present and the previous window; windows begin at multiples of their length in Redis's time. */
const windows = (sliding: boolean) => `${PRELUDE}
local window = math.floor(now / unit)
local ends = (window + 1) * unit - now
local id, count, before, leased = window, 0, 0, 0
if saved then
  id, count, before, leased = string.match(saved, '(%S+) (%S+) (%S+) (%S+)')
  id, count, before, leased = tonumber(id), tonumber(count), tonumber(before), tonumber(leased)
end
if id < window then
  before = id == window - 1 and count or 0
  count = 0
end
local granted = math.floor(since / unit)
if granted == window then count = math.max(0, count - unspent) end
if granted == window - 1 then before = math.max(0, before - unspent) end
if back > 0 then
  local taken = math.floor(till / unit + 0.5) - 1
  if taken >= window then count = math.max(0, count - back) end
  if taken == window - 1 then before = math.max(0, before - back) end
end
if back < 0 then count = math.min(count - back, math.max(count, capacity)) end
local weight = ${sliding ? 'before * ends / unit' : '0'}
if count + weight + cost <= capacity + 0.000001 then
  count = count + cost
  extra = math.max(0, math.min(want, math.floor((capacity - count - weight) / share)))
  if extra > 0 then
    count = count + extra
    leased = math.max(leased, now + term)
  end
  left = math.max(0, math.floor(capacity - count - weight + 0.000001))
elseif ${sliding ? 'before > 0 and count + cost <= capacity' : 'false'} then
  wait = math.ceil(ends - (capacity - count - cost) / before * unit)
else
  wait = ends
  ${sliding ? 'if cost <= capacity and count > 0 then wait = ends + math.max(0, math.ceil((1 - (capacity - cost) / count) * unit)) end' : ''}
end
if count > 0 or before > 0 then
  local text = string.format('%.0f %.0f %.0f %.0f', window, count, before, leased)
  redis.call('SET', KEYS[1], text, 'PX', math.ceil((ends${sliding ? ' + unit' : ''}) / 1000) + 1)
elseif saved then
  redis.call('DEL', KEYS[1])
end
return {left, wait, extra, now, ends, math.max(0, leased - now)}
`;

/**
 * Requests in flight: a hash with a lane for each process, which says how many it holds and until when that is
 * believed. A process states its own lane again and again, so that a lost reply leaves nothing behind; the lane of a
 * dead one ends by itself. Arguments: 1 capacity, 2 lane, 3 held or -1 for what the lane says, 4 cost, 5 wanted on top, 6 share, 7 milliseconds that the lane is
 * believed. Answer: [what is left or -1 for refused, 0, granted on top].
 */
const CONCURRENCY = `
local capacity, lane, held, cost = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local want, share, ttl = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local own, others = 0, 0
local lanes = redis.call('HGETALL', KEYS[1])
for i = 1, #lanes, 2 do
  local n, ends = string.match(lanes[i + 1], '(%d+):(%d+)')
  if tonumber(ends) <= now then
    redis.call('HDEL', KEYS[1], lanes[i])
  elseif lanes[i] == lane then
    own = tonumber(n)
  else
    others = others + n
  end
end
if held < 0 then held = own end
local free = capacity - held - others
local left, extra = -1, 0
if cost <= free then
  extra = math.max(0, math.min(want, math.floor((free - cost) / share)))
  held = held + cost + extra
  left = free - cost - extra
end
if held > 0 then
  redis.call('HSET', KEYS[1], lane, string.format('%.0f:%.0f', held, now + ttl))
  redis.call('PEXPIRE', KEYS[1], ttl)
else
  redis.call('HDEL', KEYS[1], lane)
end
return {left, 0, extra}
`;

/**
 * Tells that a process lives and learns which others do; a write, so that a replica or a full Redis does not pass for
 * a working one. Arguments: 1 name of the process, empty to ask only, 2 milliseconds that it is believed, 3 whether it leaves.
 */
export const MEMBERS_SCRIPT = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
if ARGV[3] == '1' then
  redis.call('ZREM', KEYS[1], ARGV[1])
else
  redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZRANGE', KEYS[1], 0, -1)
`;

/** What counts a limit in Redis, and the letter of its keys: another algorithm is another bucket. */
export const LIMIT_SCRIPTS: Readonly<
  Record<LimitAlgorithm, { readonly letter: string; readonly lua: string }>
> = {
  'token-bucket': { letter: 't', lua: TOKEN_BUCKET },
  'sliding-window': { letter: 's', lua: windows(true) },
  'fixed-window': { letter: 'f', lua: windows(false) },
  concurrency: { letter: 'c', lua: CONCURRENCY },
};
