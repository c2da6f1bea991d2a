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

-- Counts each (dimension, number, measure) once more, on the day whose keys these are.
local function count(keys, counted)
  local call, sub, byte = redis.call, string.sub, string.byte
  local fields, times = { {}, {}, {} }, { {}, {}, {} }
  for at = 1, #counted, 10 do
    local dimension, number = byte(counted, at), sub(counted, at + 1, at + 8)
    local of, measure = times[dimension], byte(counted, at + 9)
    if not of[number] then
      of[number] = {}
      fields[dimension][#fields[dimension] + 1] = number
    end
    of[number][measure] = (of[number][measure] or 0) + 1
  end
  for dimension = 1, 3 do
    if #fields[dimension] > 0 then
      local key, written = keys[9 + dimension], {}
      local before = call('HMGET', key, unpack(fields[dimension]))
      for j, number in ipairs(fields[dimension]) do
        local size = #(before[j] or '') / 4
        local counts = { struct.unpack('>' .. string.rep('I4', size), before[j] or '') }
        counts[size + 1] = nil
        for measure, n in pairs(times[dimension][number]) do
          for grown = #counts + 1, measure do counts[grown] = 0 end
          counts[measure] = counts[measure] + n
        end
        written[#written + 1] = number
        written[#written + 1] = struct.pack('>' .. string.rep('I4', #counts), unpack(counts))
      end
      call('HSET', key, unpack(written))
    end
  end
end

-- Puts new orders before the older ones of their callers, 64 of each, and takes out what is
-- over.
local function remember_callers(key, callers, called, over)
  if #callers == 0 then return end
  local before, orders = redis.call('HMGET', key, unpack(callers)), {}
  for j, caller in ipairs(callers) do
    local kept = { over[j] and '' or called[j] }
    local known = orders[caller] or before[j] or ''
    for at = 1, #known, 6 do
      local id = string.sub(known, at, at + 5)
      if id ~= called[j] then kept[#kept + 1] = id end
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

-- hotline_v5_commit: a batch of steps, each accepted or refused by itself, or with those it
-- is tied to. No two steps of a batch are of one order or carry one request id (the sender
-- sees to that), so none else depends on another.
--
-- KEYS  1 meta, 2 due, 3 tallies, 4 feed, 5 trays, 6 leases, 7 blocks, 8 requests (current),
--       9 requests (before), 10 to 12 indicators of the batch's day by unit, level and
--       category, 13 callers; then per step: its order, its papers, the trays it leaves,
--       comes into, and stays in with another deadline.
-- ARGV  epoch, the highest sequence seen in it, bucket, number of steps,
--       number of blocks, blocks,
--       number of profiles, per profile: number of counters, (counter, difference)*,
--       per step: 10 bytes (new? · request? · deadline: 0 stays 1 set 2 none · papers · leaves
--       · comes · stays · leases · profile · tied to the one before?), version before unless new, value, frame of
--       events, what it counts (dimension, number, measure: 10 bytes each), the version of the
--       city's mode it was decided under or nothing, the caller of what is new or over, or nothing, [request id, what to remember], [deadline], papers, members that leave,
--       (member, score) that come, (member, score) that stay, then for a lease: the claim
--       and each field it could stand in.
-- Returns {'ok', sequence, a letter per step, what was remembered for each r} with o written,
--       r repeated, l lease stale, c conflict; or, with nothing written, {'epoch'} for data
--       of another epoch or from before what was seen, {'bucket', n} when the current bucket is the n-th.
local function commit(keys, argv)
  local call, sub, byte = redis.call, string.sub, string.byte
  local meta = call('HMGET', keys[1], 'epoch', 'sequence', 'bucket', 'mode_version')
  if meta[1] ~= argv[1] or tonumber(meta[2]) < tonumber(argv[2]) then return { 'epoch' } end
  local time = call('TIME')
  local bucket = bucket_of(tonumber(time[1]), meta[3])
  if tonumber(argv[3]) ~= bucket then return { 'bucket', whole(bucket) } end

  -- The head.
  local n, a = tonumber(argv[4]), 5
  local blocks = { keys[7] }
  for _ = 1, tonumber(argv[a]) do
    a = a + 1
    blocks[#blocks + 1] = '0'
    blocks[#blocks + 1] = argv[a]
  end
  a = a + 1
  local profiles, used = {}, {}
  for p = 1, tonumber(argv[a]) do
    a = a + 1
    profiles[p], used[p] = a, 0
    a = a + 2 * tonumber(argv[a])
  end
  a = a + 1

  -- First look: where each step's arguments and keys are, and what must be read.
  local args_at, keys_at, k = {}, {}, 14
  local mode, other_mode = meta[4] or '0', {}
  local new_keys, new_steps, old_keys, old_steps = {}, {}, {}, {}
  local requests, request_steps = {}, {}
  local fields, claims, field_steps = { keys[6] }, {}, {}
  local tied = {}
  for i = 1, n do
    local head = argv[a]
    tied[i] = byte(head, 10) == 1
    local new, request, deadline, papers, leaves, comes, stays, leases = byte(head, 1, 8)
    args_at[i], keys_at[i] = a, k
    if new == 1 then
      new_keys[#new_keys + 1], new_steps[#new_steps + 1] = keys[k], i
      a = a + 6
    else
      old_keys[#old_keys + 1], old_steps[#old_steps + 1] = keys[k], i
      a = a + 7
    end
    local under = argv[a - 2]
    if under ~= '' and under ~= mode then other_mode[#other_mode + 1] = i end
    if request == 1 then
      requests[#requests + 1], request_steps[#request_steps + 1] = argv[a], i
      a = a + 2
    end
    if deadline == 1 then a = a + 1 end
    a = a + papers + leaves + 2 * (comes + stays)
    if leases > 0 then
      local claim = argv[a]
      for l = 1, leases do
        fields[#fields + 1] = argv[a + l]
        claims[#claims + 1], field_steps[#field_steps + 1] = claim, i
      end
      a = a + 1 + leases
    end
    k = k + 1 + papers + leaves + comes + stays
  end

  -- Who is refused. Later findings outweigh earlier ones.
  local verdict, repeated = {}, {}
  for _, i in ipairs(other_mode) do verdict[i] = 'c' end
  if #old_keys > 0 then
    local stored = call('MGET', unpack(old_keys))
    for j = 1, #old_keys do
      local i = old_steps[j]
      local value = stored[j]
      if not value or sub(value, 1, 4) ~= argv[args_at[i] + 1] then verdict[i] = 'c' end
    end
  end
  if #new_keys > 0 and call('EXISTS', unpack(new_keys)) > 0 then
    for j = 1, #new_keys do
      if call('EXISTS', new_keys[j]) > 0 then verdict[new_steps[j]] = 'c' end
    end
  end
  if #claims > 0 then
    local now, holds = now_of(time), {}
    local records = call('HMGET', unpack(fields))
    for j = 1, #claims do
      local claim, ends = string.match(records[j] or '', '^(%d+) %-?%d+ (%d+)$')
      if claim == claims[j] and tonumber(ends) > now then holds[field_steps[j]] = true end
    end
    for j = 1, #claims do
      if not holds[field_steps[j]] then verdict[field_steps[j]] = 'l' end
    end
  end
  if #requests > 0 then
    local current = call('HMGET', keys[8], unpack(requests))
    local before = call('HMGET', keys[9], unpack(requests))
    for j = 1, #requests do
      local found = current[j] or before[j]
      if found then
        verdict[request_steps[j]] = 'r'
        repeated[#repeated + 1] = found
      end
    end
  end

  -- Of what is tied together nothing is written when one is refused.
  local first = 1
  for i = 1, n do
    if not tied[i] then first = i end
    if not tied[i + 1] then
      local refused = false
      for j = first, i do refused = refused or verdict[j] end
      if refused then
        for j = first, i do verdict[j] = verdict[j] or 'c' end
      end
    end
  end

  -- What the others write.
  local strings, remembered, frames = {}, { keys[8] }, {}
  local due, undue = { keys[2] }, { keys[2] }
  local coming, leaving, ended = {}, {}, { keys[6] }
  local kept, kept_places = { keys[6] }, {}
  local known_trays = { keys[5] }
  local counted, callers, called, over = {}, {}, {}, {}
  local code = {}
  for i = 1, n do
    code[i] = verdict[i] or 'o'
    if not verdict[i] then
      a, k = args_at[i], keys_at[i]
      local new, request, deadline, papers, leaves, comes, stays, _, profile = byte(argv[a], 1, 9)
      used[profile + 1] = used[profile + 1] + 1
      if new == 0 then a = a + 1 end
      local order = keys[k]
      strings[#strings + 1] = order
      strings[#strings + 1] = argv[a + 1]
      frames[#frames + 1] = argv[a + 2]
      counted[#counted + 1] = argv[a + 3]
      if argv[a + 5] ~= '' then
        callers[#callers + 1] = argv[a + 5]
        called[#called + 1] = sub(order, -6)
        over[#over + 1] = new == 0
      end
      a = a + 6
      if request == 1 then
        remembered[#remembered + 1] = argv[a]
        remembered[#remembered + 1] = argv[a + 1]
        a = a + 2
      end
      if deadline == 1 then
        due[#due + 1] = argv[a]
        due[#due + 1] = sub(order, -6)
        a = a + 1
      elseif deadline == 2 then
        undue[#undue + 1] = sub(order, -6)
      end
      for _ = 1, papers do
        k = k + 1
        strings[#strings + 1] = keys[k]
        strings[#strings + 1] = argv[a]
        a = a + 1
      end
      for _ = 1, leaves do
        k = k + 1
        local args = gather(leaving, keys[k])
        args[#args + 1] = argv[a]
        ended[#ended + 1] = sub(keys[k], -9) .. argv[a]
        a = a + 1
      end
      for _ = 1, comes do
        k = k + 1
        local args = gather(coming, keys[k])
        args[#args + 1] = argv[a + 1]
        args[#args + 1] = argv[a]
        a = a + 2
      end
      for _ = 1, stays do
        k = k + 1
        kept[#kept + 1] = sub(keys[k], -9) .. argv[a]
        kept_places[#kept_places + 1] = { keys[k], argv[a], argv[a + 1] }
        a = a + 2
      end
    end
  end
  if #repeated > 0 then
    -- What is answered again must be as safe as what is new: a WAIT waits for writes alone.
    call('HSET', keys[1], 'checked', '1')
  end
  if #frames == 0 then return { 'ok', meta[2], table.concat(code), unpack(repeated) } end

  -- From here on everything is written.
  call('MSET', unpack(strings))
  if #remembered > 1 then
    call('HSET', unpack(remembered))
    call('EXPIREAT', keys[8], whole((bucket + 2) * 172800))
  end
  for _, args in ipairs(leaving) do call('ZREM', unpack(args)) end
  if #ended > 1 then call('HDEL', unpack(ended)) end
  if #kept > 1 then
    -- A lease outlives a new deadline of the same holding: its record takes the deadline.
    local records, changed = call('HMGET', unpack(kept)), { keys[6] }
    for j, place in ipairs(kept_places) do
      local claim, ends = string.match(records[j] or '', '^(%d+) %-?%d+ (%d+)$')
      if claim then
        changed[#changed + 1] = kept[j + 1]
        changed[#changed + 1] = claim .. ' ' .. place[3] .. ' ' .. ends
      else
        local args = gather(coming, place[1])
        args[#args + 1] = place[3]
        args[#args + 1] = place[2]
      end
    end
    if #changed > 1 then call('HSET', unpack(changed)) end
  end
  for _, args in ipairs(coming) do
    call('ZADD', unpack(args))
    known_trays[#known_trays + 1] = sub(args[1], -9)
  end
  if #known_trays > 1 then call('SADD', unpack(known_trays)) end
  if #undue > 1 then call('ZREM', unpack(undue)) end
  if #due > 1 then call('ZADD', unpack(due)) end
  if #blocks > 1 then call('ZADD', unpack(blocks)) end
  local sums = {}
  for p, times in ipairs(used) do
    if times > 0 then
      local at = profiles[p]
      for j = 1, tonumber(argv[at]) do
        local tally = argv[at + 2 * j - 1]
        sums[tally] = (sums[tally] or 0) + times * tonumber(argv[at + 2 * j])
      end
    end
  end
  for tally, sum in pairs(sums) do
    if sum ~= 0 then call('HINCRBY', keys[3], tally, whole(sum)) end
  end
  count(keys, table.concat(counted))
  remember_callers(keys[13], callers, called, over)
  local sequence = whole(tonumber(meta[2]) + 1)
  call('XADD', keys[4], sequence .. '-0', 'e', table.concat(frames))
  call('HSET', keys[1], 'sequence', sequence, 'bucket', whole(bucket))
  return { 'ok', sequence, table.concat(code), unpack(repeated) }
end

redis.register_function('hotline_v5_commit', commit)
