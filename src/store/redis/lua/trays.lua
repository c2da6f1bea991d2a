-- Trays: claiming from them under a lease, and reading them.

local LEASED = 1e15
local CHUNK = 500

-- A member's order as a number that sorts as the order does: day and sequence, 48 bits.
local function number_of(member)
  local a, b, c, d, e, f = string.byte(member, 1, 6)
  return ((((a * 256 + b) * 256 + c) * 256 + d) * 256 + e) * 256 + f
end

local function earlier(x, y)
  if x.at ~= y.at then return x.at < y.at end
  return x.no < y.no
end

-- Entries whose lease ran out wait again. At most four chunks a tray: the rest comes back
-- with the next claim.
local function give_back(tray, leases, now)
  local call, id = redis.call, string.sub(tray, -9)
  for _ = 1, 4 do
    local over = call('ZRANGE', tray, whole(LEASED), whole(LEASED + now), 'BYSCORE',
      'LIMIT', '0', CHUNK)
    if #over == 0 then return end
    local fields = {}
    for j, member in ipairs(over) do fields[j] = id .. member end
    local records = call('HMGET', leases, unpack(fields))
    local back = { tray }
    for j, member in ipairs(over) do
      back[#back + 1] = string.match(records[j] or '', '^%d+ (%-?%d+) %d+$') or '0'
      back[#back + 1] = member
    end
    call('ZADD', unpack(back))
    call('HDEL', leases, unpack(fields))
    if #over < CHUNK then return end
  end
end

-- So many less than a claim, as text: a cell that was embedded once counts beyond what a Lua
-- number holds exactly.
local function before(claim, n)
  local head, tail = string.sub(claim, 1, -13), tonumber(string.sub(claim, -12)) - n
  if tail < 0 then head, tail = whole(tonumber(head) - 1), tail + 1e12 end
  if head == '' or head == '0' then return whole(tail) end
  return head .. string.format('%012.0f', tail)
end

-- Claims the earliest entries of some trays that nobody has under a running lease. What it
-- answers of each: its tray counted from the first, member, claim, the order as it stands.
local function claim(keys, first, last, most, lease, now)
  local call, sub = redis.call, string.sub
  local found, bound = {}, '(' .. whole(LEASED)
  for t = first, last do
    give_back(keys[t], keys[2], now)
    local head = call('ZRANGE', keys[t], '-inf', bound, 'BYSCORE', 'LIMIT', '0', most,
      'WITHSCORES')
    for j = 1, #head, 2 do
      found[#found + 1] = { tray = t, member = head[j], score = head[j + 1],
        at = tonumber(head[j + 1]), no = number_of(head[j]) }
    end
    -- Never carry more than a few times what is asked: what lies behind is out of reach.
    if #found > 4 * most then
      table.sort(found, earlier)
      for j = #found, most + 1, -1 do found[j] = nil end
      bound = found[most].score
    end
  end
  if #found == 0 then return {} end
  table.sort(found, earlier)
  local count = math.min(#found, most)
  local orders, prefix = {}, sub(keys[1], 1, 6) .. 'o'
  for j = 1, count do orders[j] = prefix .. sub(found[j].member, 1, 6) end
  local values = redis.pcall('MGET', unpack(orders))
  -- Of a slot that is on its way to another master some keys have gone already: nothing is
  -- claimed until it is there.
  if values.err then return {} end
  call('HINCRBY', keys[1], 'claim', count)
  local latest = call('HGET', keys[1], 'claim')
  local ends = now + lease
  local records, moved, answer = { keys[2] }, {}, {}
  for j = 1, count do
    local entry = found[j]
    local number = before(latest, count - j)
    records[#records + 1] = sub(keys[entry.tray], -9) .. entry.member
    records[#records + 1] = number .. ' ' .. entry.score .. ' ' .. whole(ends)
    local args = gather(moved, keys[entry.tray])
    args[#args + 1] = whole(LEASED + ends)
    args[#args + 1] = entry.member
    answer[4 * j - 3] = whole(entry.tray - first + 1)
    answer[4 * j - 2] = entry.member
    answer[4 * j - 1] = number
    answer[4 * j] = values[j]
  end
  call('HSET', unpack(records))
  for _, args in ipairs(moved) do call('ZADD', unpack(args)) end
  return answer
end

-- hotline_v5_claim: for each who claims, one after another. Which orders they come to cannot be
-- known before: their keys do not come in KEYS; they carry the same hash tag.
--
-- KEYS  1 meta, 2 leases, 3.. the trays of the first, of the second and so on
-- ARGV  epoch, per claim: over how many trays, at most how many, milliseconds the lease runs
-- Returns {'ok', per claim {(which of its trays from 1, member, claim, order or nothing)*}*};
--       or {'epoch'} with nothing written.
redis.register_function('hotline_v5_claim', function(keys, argv)
  local call = redis.call
  if call('HGET', keys[1], 'epoch') ~= argv[1] then return { 'epoch' } end
  local now, answer, first = now_of(call('TIME')), { 'ok' }, 3
  for a = 2, #argv, 3 do
    local last = first + tonumber(argv[a]) - 1
    answer[#answer + 1] =
      claim(keys, first, last, tonumber(argv[a + 1]), tonumber(argv[a + 2]), now)
    first = last + 1
  end
  return answer
end)

-- hotline_v5_ready: in which trays something waits that nobody holds under a running lease.
--
-- KEYS  the trays
-- Returns a letter per tray: 1 where something waits, 0 where nothing does.
redis.register_function { function_name = 'hotline_v5_ready', flags = { 'no-writes' },
  callback = function(keys)
    local call, ready = redis.call, {}
    local over = LEASED + now_of(call('TIME'))
    for t, tray in ipairs(keys) do
      -- What is free stands before what is held, and of that the first is the first to end.
      local first = call('ZRANGE', tray, '0', '0', 'WITHSCORES')
      ready[t] = first[2] and tonumber(first[2]) <= over and '1' or '0'
    end
    return table.concat(ready)
  end }

-- hotline_v5_release: entries that their claims let go wait again.
--
-- KEYS  1 meta, 2 leases, 3.. trays, one for each entry
-- ARGV  epoch, (member, claim)*
-- Returns {'ok'}; or {'epoch'} with nothing written.
redis.register_function('hotline_v5_release', function(keys, argv)
  local call = redis.call
  if call('HGET', keys[1], 'epoch') ~= argv[1] then return { 'epoch' } end
  for t = 3, #keys do
    local member, claim = argv[2 * t - 4], argv[2 * t - 3]
    local field = string.sub(keys[t], -9) .. member
    local held, score = string.match(call('HGET', keys[2], field) or '', '^(%d+) (%-?%d+) %d+$')
    if held == claim then
      call('ZADD', keys[t], 'XX', score, member)
      call('HDEL', keys[2], field)
    end
  end
  return { 'ok' }
end)

-- How many members of a tray stand before one that is due then: of those with the same
-- deadline, which stand by number, the place is halved.
local function stand_before(tray, after, score)
  local call = redis.call
  local first, low = call('ZCOUNT', tray, '-inf', '(' .. score), 0
  local high = call('ZCOUNT', tray, score, score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local member = call('ZRANGE', tray, first + middle, first + middle)[1]
    if number_of(member) <= after.no then low = middle + 1 else high = middle end
  end
  return first + low
end

-- hotline_v5_tray: a page of a tray by deadline and number, leased entries in their places.
-- The leased ones are all looked at, for their deadlines stand in their records.
--
-- KEYS  1 tray, 2 leases
-- ARGV  at most how many; deadline and id to read after, or nothing
-- Returns (member, deadline)*
redis.register_function { function_name = 'hotline_v5_tray', flags = { 'no-writes' },
  callback = function(keys, argv)
    local call, id, most = redis.call, string.sub(keys[1], -9), tonumber(argv[1])
    local first, after = 0, nil
    if argv[2] then
      after = { at = tonumber(argv[2]), no = number_of(argv[3]) }
      first = stand_before(keys[1], after, argv[2])
    end
    local found = {}
    local function take(member, score)
      local entry = { member = member, score = score, at = tonumber(score), no = number_of(member) }
      if not after or earlier(after, entry) then found[#found + 1] = entry end
    end
    local waiting = call('ZRANGE', keys[1], first, first + most - 1, 'WITHSCORES')
    for j = 1, #waiting, 2 do
      if tonumber(waiting[j + 1]) >= LEASED then break end
      take(waiting[j], waiting[j + 1])
    end
    local offset = 0
    repeat
      local page = call('ZRANGE', keys[1], whole(LEASED), '+inf', 'BYSCORE',
        'LIMIT', offset, CHUNK)
      if #page > 0 then
        local fields = {}
        for j, member in ipairs(page) do fields[j] = id .. member end
        local records = call('HMGET', keys[2], unpack(fields))
        for j, member in ipairs(page) do
          take(member, string.match(records[j] or '', '^%d+ (%-?%d+) %d+$') or '0')
        end
      end
      offset = offset + CHUNK
    until #page < CHUNK
    table.sort(found, earlier)
    local answer = {}
    for j = 1, math.min(#found, most) do
      answer[#answer + 1] = found[j].member
      answer[#answer + 1] = found[j].score
    end
    return answer
  end }
