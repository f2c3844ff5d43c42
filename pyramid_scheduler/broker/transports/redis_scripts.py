"""The steps that must not be torn apart, as Redis runs them.

A claim's field is ``microseconds.token.number``: when it was claimed by the server's clock (16 digits), by which call,
and its place in that call; so fields sort by age, and no two calls of any process share one.
"""

from __future__ import annotations

#: KEYS: list, claims, holders, for each list in the order to serve them. ARGV: limit, token, consumer.
#: Returns the microseconds, then for each list that gave something its place in KEYS and its items, newest first.
#: Trimming comes before recording: a server out of memory refuses a script only at its first write, and recording
#: first would make it refuse every claim, and with that the way out.
CLAIM = """
local left, number = tonumber(ARGV[1]), 10000
local time = redis.call('TIME')
local now = time[1] .. string.format('%06d', time[2])
local stamp, taken = now .. '.' .. ARGV[2] .. '.', {now}
for k = 1, #KEYS, 3 do
  if left <= 0 then break end
  local items = redis.call('LRANGE', KEYS[k], -left, -1)
  local count = #items
  if count > 0 then
    redis.call('LTRIM', KEYS[k], 0, -count - 1)
    local fields = {}
    for i = count, 1, -1 do
      fields[#fields + 1] = stamp .. number
      fields[#fields + 1] = items[i]
      number = number + 1
    end
    redis.call('HSET', KEYS[k + 1], unpack(fields))
    redis.call('ZADD', KEYS[k + 2], time[1], ARGV[3])
    taken[#taken + 1] = k
    taken[#taken + 1] = items
    left = left - count
  end
end
return taken
"""

#: KEYS: list, claims, holders, landed. ARGV: consumer, mark, latest, token, field, field, …
#: Gives claims back to the end that is taken from: the named fields, or, where none are named, all that were claimed
#: up to ``latest`` (empty: ever) by the call ``token`` (empty: any, and what has landed). A mark goes right behind the
#: brace that opens the payload; what is no JSON object stays as it is. Returns how many. Whoever began to wait in the
#: last five seconds stays a holder: the server may move a message to it at any time.
RETURN = """
local fields = {}
for i = 5, #ARGV do fields[#fields + 1] = ARGV[i] end
if #fields == 0 then
  for _, field in ipairs(redis.call('HKEYS', KEYS[2])) do
    local old = ARGV[3] == '' or string.sub(field, 1, 16) <= ARGV[3]
    local asked = ARGV[4] == '' or string.find(field, '.' .. ARGV[4] .. '.', 1, true)
    if old and asked then fields[#fields + 1] = field end
  end
end
table.sort(fields, function(a, b) return a > b end)
local count, mark, time = 0, ARGV[2], redis.call('TIME')
local function put(payload)
  if mark ~= '' and string.sub(payload, 1, #mark) ~= mark and string.find(payload, '^{%s*"') then
    payload = mark .. string.sub(payload, 2)
  end
  redis.call('RPUSH', KEYS[1], payload)
  count = count + 1
end
while #ARGV == 4 and ARGV[4] == '' do
  local payload = redis.call('RPOP', KEYS[4])
  if not payload then break end
  put(payload)
end
for _, field in ipairs(fields) do
  local payload = redis.call('HGET', KEYS[2], field)
  if payload then
    put(payload)
    redis.call('HDEL', KEYS[2], field)
  end
end
local since = tonumber(redis.call('ZSCORE', KEYS[3], ARGV[1]) or 0)
if redis.call('EXISTS', KEYS[2]) == 0 and since < tonumber(time[1]) - 5 then redis.call('ZREM', KEYS[3], ARGV[1]) end
return count
"""

#: KEYS: list, landed, holders. ARGV: consumer. Makes it a holder, and puts back what it was given and never took.
ARM = """
while redis.call('LMOVE', KEYS[2], KEYS[1], 'RIGHT', 'RIGHT') do end
local time = redis.call('TIME')
redis.call('ZADD', KEYS[3], time[1], ARGV[1])
return time[1] .. '.' .. string.format('%06d', time[2])
"""

#: KEYS: landed, claims. ARGV: payload, field. A claim of what has landed, if nobody has put it back in the meantime.
LAND = """
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 1 then redis.call('HSET', KEYS[2], ARGV[2], ARGV[1]) end
"""

#: KEYS: landed, claims. ARGV: payload, field. Forgets what has landed, whether or not it has become a claim meanwhile.
UNLAND = """
redis.call('LREM', KEYS[1], 1, ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[2])
"""

#: KEYS: zset. ARGV: member, member, … Writes down the server's time for each.
STAMP = """
local time = redis.call('TIME')
local now = time[1] .. '.' .. string.format('%06d', time[2])
for _, member in ipairs(ARGV) do redis.call('ZADD', KEYS[1], now, member) end
return now
"""
