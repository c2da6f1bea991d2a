#!lua name=hotline_v5
-- The library of a cell: everything that must happen in one piece. The first file opens it.
--
-- Rules of the house: every key that can be named before comes in KEYS; whatever can refuse a
-- step is looked at before the first write, for Redis does not roll back; numbers come and go
-- as text, and only milliseconds, counts and places in a batch ever become Lua numbers (exact
-- up to 2^53); versions, ids and epochs are compared as bytes; payloads are never looked into.

-- The 48 hours of request ids that are current. Never goes back, whatever the clock does.
local function bucket_of(seconds, stored)
  local bucket = math.floor(seconds / 172800)
  local known = tonumber(stored or '0')
  if known > bucket then return known end
  return bucket
end

local function whole(number)
  return string.format('%.0f', number)
end

local function now_of(time)
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Gathers arguments of one variadic call per key, in the order the keys came up.
local function gather(calls, key)
  local args = calls[key]
  if not args then
    args = { key }
    calls[key] = args
    calls[#calls + 1] = args
  end
  return args
end

-- How so many counts are packed, four bytes each.
local shapes = {}
local function shape(size)
  local known = shapes[size] or '>' .. string.rep('I4', size)
  shapes[size] = known
  return known
end

-- Adds to the counts of each number of one dimension: argv holds, from a on, n times the number
-- and what is added, a byte for the measure and four for how many.
local function count(key, n, argv, a)
  local call, byte, unpacked = redis.call, string.byte, struct.unpack
  local fields, written = {}, { key }
  for j = 1, n do fields[j] = argv[a + 2 * j - 2] end
  local before = call('HMGET', key, unpack(fields))
  for j = 1, n do
    local known, more = before[j] or '', argv[a + 2 * j - 1]
    local size = #known / 4
    local counts = { unpacked(shape(size), known) }
    counts[size + 1] = nil
    for at = 1, #more, 5 do
      local measure = byte(more, at)
      for grown = #counts + 1, measure do counts[grown] = 0 end
      counts[measure] = counts[measure] + unpacked('>I4', more, at + 1)
    end
    written[2 * j] = fields[j]
    written[2 * j + 1] = struct.pack(shape(#counts), unpack(counts))
  end
  call('HSET', unpack(written))
end

-- Puts new orders before the older ones of their callers, 64 of each, and takes out what is
-- over: argv holds, from a on, n times the caller, the order's id and 1 if it is over.
local function remember_callers(key, n, argv, a)
  local callers, orders = {}, {}
  for j = 1, n do callers[j] = argv[a + 3 * j - 3] end
  local before = redis.call('HMGET', key, unpack(callers))
  for j, caller in ipairs(callers) do
    local called, over = argv[a + 3 * j - 2], argv[a + 3 * j - 1] == '1'
    local kept = { over and '' or called }
    local known = orders[caller] or before[j] or ''
    for at = 1, #known, 6 do
      local id = string.sub(known, at, at + 5)
      if id ~= called then kept[#kept + 1] = id end
    end
    orders[caller] = string.sub(table.concat(kept), 1, 384)
  end
  local written, emptied = { key }, { key }
  for caller, of in pairs(orders) do
    if of == '' then
      emptied[#emptied + 1] = caller
    else
      written[#written + 1] = caller
      written[#written + 1] = of
    end
  end
  if #written > 1 then redis.call('HSET', unpack(written)) end
  if #emptied > 1 then redis.call('HDEL', unpack(emptied)) end
end

-- hotline_v5_commit: a batch of steps. It is written as a whole, or nothing of it is, and who is
-- in its way is named. No two steps of a batch are of one order or carry one request id (the
-- sender sees to that), so none else depends on another. What is written was laid out by the
-- sender; here it is only looked whether it may be.
--
-- KEYS  1 meta, 2 leases, 3 requests (current), 4 requests (before), 5 feed, 6 tallies, 7 to 9
--       indicators of the batch's day by unit, level and category, 10 callers, 11 due,
--       12 blocks, 13 trays; then new orders, orders that are not new, papers; trays that are
--       left, trays that are come into, and the tray of each entry that stays.
-- ARGV  epoch, the highest sequence seen in it, bucket, number of steps; then lists, each behind
--       how long it is. `steps` is a byte for each, from 1: whose step it is.
--       What must hold:
--         (version of the city's mode, steps decided under it)*
--         steps that are new, steps that are not (each one argument), versions of the latter (one)
--         (steps, field of a lease, claim)*, a step's being one of its fields at least
--         steps with a request id (one argument), then for each: id, what to remember
--       What is written:
--         values of the new, of the others, of papers; the frames of events, in one
--         trays that are left, each with its members; fields of leases that end
--         trays that are come into, each with its (score, member)*
--         (field of a lease, member, score)* of what stays, with another deadline
--         (deadline, id)*; ids without one any more; (0, block)*; (counter, difference)*
--         three times (number, what is added)*; (caller, id, over?)*
-- Returns {'ok', sequence}; {'refused', a letter per step, what was remembered for each r} with
--       o not refused, r repeated, l lease stale, c conflict; or {'epoch'} for data of another
--       epoch or from before what was seen, {'bucket', n} when the current bucket is the n-th.
local function commit(keys, argv)
  local call, sub, byte = redis.call, string.sub, string.byte
  local meta = call('HMGET', keys[1], 'epoch', 'sequence', 'bucket', 'mode_version')
  if meta[1] ~= argv[1] or tonumber(meta[2]) < tonumber(argv[2]) then return { 'epoch' } end
  local time = call('TIME')
  local bucket = bucket_of(tonumber(time[1]), meta[3])
  if tonumber(argv[3]) ~= bucket then return { 'bucket', whole(bucket) } end

  local a, k = 5, 14
  -- How long the next list is; its first argument is at a.
  local function list()
    a = a + 1
    return tonumber(argv[a - 1])
  end

  -- Who is in the way. Later findings outweigh earlier ones.
  local verdict, repeated, refused = {}, {}, false
  local function refuse(step, letter)
    verdict[step], refused = letter, true
  end

  for _ = 1, list() do
    if argv[a] ~= (meta[4] or '0') then
      for _, step in ipairs { byte(argv[a + 1], 1, -1) } do refuse(step, 'c') end
    end
    a = a + 2
  end

  local new, old, versions = argv[a], argv[a + 1], argv[a + 2]
  local orders, first_old = k, k + #new
  a, k = a + 3, first_old + #old
  if #new > 0 and call('EXISTS', unpack(keys, orders, first_old - 1)) > 0 then
    for j = 1, #new do
      if call('EXISTS', keys[orders + j - 1]) > 0 then refuse(byte(new, j), 'c') end
    end
  end
  if #old > 0 then
    for j, value in ipairs(call('MGET', unpack(keys, first_old, k - 1))) do
      if not value or sub(value, 1, 4) ~= sub(versions, 4 * j - 3, 4 * j) then
        refuse(byte(old, j), 'c')
      end
    end
  end

  local fields = list()
  if fields > 0 then
    local asked, holds, now = {}, {}, now_of(time)
    for j = 1, fields do asked[j] = argv[a + 3 * j - 2] end
    for j, record in ipairs(call('HMGET', keys[2], unpack(asked))) do
      local claim, ends = string.match(record or '', '^(%d+) %-?%d+ (%d+)$')
      local step = byte(argv[a + 3 * j - 3])
      holds[step] = holds[step] or (claim == argv[a + 3 * j - 1] and tonumber(ends) > now)
    end
    for step, held in pairs(holds) do
      if not held then refuse(step, 'l') end
    end
    a = a + 3 * fields
  end

  local asks = argv[a]
  local remembered, ids = a + 1, {}
  a = a + 1 + 2 * #asks
  if #asks > 0 then
    for j = 1, #asks do ids[j] = argv[remembered + 2 * j - 2] end
    local current = call('HMGET', keys[3], unpack(ids))
    local before = call('HMGET', keys[4], unpack(ids))
    for j = 1, #asks do
      local found = current[j] or before[j]
      if found then
        refuse(byte(asks, j), 'r')
        repeated[#repeated + 1] = found
      end
    end
  end

  if refused then
    -- What is answered again must be as safe as what is new: a WAIT waits for writes alone.
    if #repeated > 0 then call('HSET', keys[1], 'checked', '1') end
    local letters = {}
    for step = 1, tonumber(argv[4]) do letters[step] = verdict[step] or 'o' end
    return { 'refused', table.concat(letters), unpack(repeated) }
  end

  -- From here on everything is written.
  local strings = {}
  for j = 1, list() do
    strings[2 * j - 1], strings[2 * j] = keys[orders + j - 1], argv[a]
    a = a + 1
  end
  k = orders + #strings / 2
  call('MSET', unpack(strings))
  local frames = argv[a]
  a = a + 1
  if #asks > 0 then
    call('HSET', keys[3], unpack(argv, remembered, remembered + 2 * #asks - 1))
    call('EXPIREAT', keys[3], whole((bucket + 2) * 172800))
  end

  -- A command upon a key, with all that the next list holds.
  local function put(command, key)
    local n = list()
    if n > 0 then call(command, key, unpack(argv, a, a + n - 1)) end
    a = a + n
  end
  for _ = 1, list() do
    put('ZREM', keys[k])
    k = k + 1
  end
  put('HDEL', keys[2])
  local trays = {}
  for j = 1, list() do
    put('ZADD', keys[k])
    trays[j], k = sub(keys[k], -9), k + 1
  end
  local stays = list()
  if stays > 0 then
    -- A lease outlives a new deadline of the same holding: its record takes the deadline.
    local places, changed = {}, { keys[2] }
    for j = 1, stays do places[j] = argv[a + 3 * j - 3] end
    for j, record in ipairs(call('HMGET', keys[2], unpack(places))) do
      local member, score = argv[a + 3 * j - 2], argv[a + 3 * j - 1]
      local claim, ends = string.match(record or '', '^(%d+) %-?%d+ (%d+)$')
      if claim then
        changed[#changed + 1] = places[j]
        changed[#changed + 1] = claim .. ' ' .. score .. ' ' .. ends
      else
        call('ZADD', keys[k + j - 1], score, member)
        trays[#trays + 1] = sub(keys[k + j - 1], -9)
      end
    end
    if #changed > 1 then call('HSET', unpack(changed)) end
    a = a + 3 * stays
  end
  if #trays > 0 then call('SADD', keys[13], unpack(trays)) end
  put('ZADD', keys[11])
  put('ZREM', keys[11])
  put('ZADD', keys[12])
  for _ = 1, list() do
    call('HINCRBY', keys[6], argv[a], argv[a + 1])
    a = a + 2
  end
  for dimension = 7, 9 do
    local numbers = list()
    if numbers > 0 then count(keys[dimension], numbers, argv, a) end
    a = a + 2 * numbers
  end
  local callers = list()
  if callers > 0 then remember_callers(keys[10], callers, argv, a) end
  local sequence = whole(tonumber(meta[2]) + 1)
  call('XADD', keys[5], sequence .. '-0', 'e', frames)
  call('HSET', keys[1], 'sequence', sequence, 'bucket', whole(bucket))
  return { 'ok', sequence }
end

redis.register_function('hotline_v5_commit', commit)
