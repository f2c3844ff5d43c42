"""What Redis does in one step. Keys and values are Celery's, so that chords may cross between both kinds of workers."""

from __future__ import annotations

#: Store a result and tell who waits, unless a success is stored. ARGV: document, seconds (0: for ever), how a success
#: begins. Returns whether it was stored.
STORE = """
local old = redis.call('GETRANGE', KEYS[1], 0, #ARGV[3] - 1)
if old == ARGV[3] then return 0 end
if tonumber(ARGV[2]) > 0 then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
else
  redis.call('SET', KEYS[1], ARGV[1])
end
redis.call('PUBLISH', KEYS[1], ARGV[1])
return 1
"""

#: Record a part of a chord's header, once per task and place, and claim the right to send the body if it was the last.
#: KEYS: parts, tasks added later, size, tasks seen, saved group, claim. ARGV: task:place, part, whether ordered, place,
#: seconds to keep the chord, seconds to keep the group, seconds of the claim, token.
#: Returns 1 for a claim, 0 for none yet, -1 where the body was sent, 2 where somebody else claims it.
PART = """
local parts, added, size, seen, group, claim = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local ordered = ARGV[3] == '1'
local owner = redis.call('GET', claim)
if owner == 'done' then return -1 end
if redis.call('SADD', seen, ARGV[1]) == 1 then
  if ordered then redis.call('ZADD', parts, ARGV[4], ARGV[2]) else redis.call('RPUSH', parts, ARGV[2]) end
end
local keep, keep_group = tonumber(ARGV[5]), tonumber(ARGV[6])
if keep > 0 then
  redis.call('EXPIRE', parts, keep)
  redis.call('EXPIRE', added, keep)
  redis.call('EXPIRE', size, keep)
  redis.call('EXPIRE', seen, keep)
  if keep_group > 0 then redis.call('EXPIRE', group, keep_group) end
end
local wanted = redis.call('GET', size)
if not wanted then return 0 end
local count = redis.call(ordered and 'ZCARD' or 'LLEN', parts)
if count < tonumber(wanted) + tonumber(redis.call('GET', added) or '0') then return 0 end
if owner then return 2 end
redis.call('SET', claim, ARGV[8], 'EX', ARGV[7])
return 1
"""

#: Go on claiming: extend an own claim, or take an expired one again while the chord is there. KEYS: claim, size.
EXTEND = """
local owner = redis.call('GET', KEYS[1])
if owner == ARGV[1] then return redis.call('EXPIRE', KEYS[1], ARGV[2]) end
if owner or redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
"""

#: The body was sent: remove the chord, and remember that for late parts. KEYS: claim, then all that is removed.
FINISH = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for i = 2, #KEYS do redis.call('DEL', KEYS[i]) end
redis.call('SET', KEYS[1], 'done', 'EX', ARGV[2])
return 1
"""
