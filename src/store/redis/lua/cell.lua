-- The cell itself: opening it, its numbers, its remembered requests, its timers.

-- How far the feed and the claims leap when history may have been lost: beyond anything that
-- a replica could lag behind.
local LEAP = 4294967296
-- How far order numbers skip then: a hundred reservations, more than could be lost.
local SKIP = 100000

-- Makes sure that a day has its number before the first is reserved, so that it is known on
-- every replica long before it matters under which losses it began.
local function begin_day(numbers, day, losses)
  if redis.call('HSETNX', numbers, whole(day), '0') == 1 then
    redis.call('HSET', numbers, whole(day) .. 'l', losses)
  end
end

-- hotline_v5_open: makes the cell if it is new, and leaps if history may have been lost.
--
-- KEYS  1 meta, 2 numbers, 3 feed
-- ARGV  format, cell, epoch if it is new, name of the history, epoch known, the highest
--       sequence seen in it
-- Returns {format, cell, epoch, bucket, sequence, 'same' or 'unsure' or 'lost'}; nothing is
--       written where format or cell are others'.
redis.register_function('hotline_v5_open', function(keys, argv)
  local call = redis.call
  local seconds = tonumber(call('TIME')[1])
  if call('EXISTS', keys[1]) == 0 then
    call('HSET', keys[1], 'format', argv[1], 'cell', argv[2], 'epoch', argv[3],
      'sequence', '0', 'claim', '0', 'history', argv[4], 'losses', '0')
  end
  local meta = call('HMGET', keys[1], 'format', 'cell', 'epoch', 'bucket', 'sequence',
    'history', 'losses')
  local sequence, losses, leapt = tonumber(meta[5] or '0'), meta[7] or '0', 'same'
  local ours = meta[2] == argv[2] and (tonumber(meta[1] or '') or 0) <= tonumber(argv[1])
  if ours then
    local today = math.floor((seconds + 28800) / 86400) - 10957
    begin_day(keys[2], today, losses)
    begin_day(keys[2], today + 1, losses)
    local seen = meta[3] == argv[5] and tonumber(argv[6]) or 0
    if seen > sequence then
      leapt = 'lost'
    elseif meta[6] and meta[6] ~= argv[4] then
      leapt = 'unsure'
    end
    if leapt ~= 'same' then
      -- What readers of what is left pass over: it names what it follows. One that nothing
      -- followed gives way to the next.
      local follows = whole(sequence)
      local last = call('XREVRANGE', keys[3], '+', '-', 'COUNT', '1')[1]
      if last and last[2][1] == 'l' then
        follows = last[2][2]
        call('XDEL', keys[3], last[1])
      end
      sequence = math.max(sequence, seen) + LEAP
      call('XADD', keys[3], whole(sequence) .. '-0', 'l', follows)
      losses = whole(tonumber(losses) + 1)
      call('HSET', keys[1], 'sequence', whole(sequence), 'losses', losses)
      call('HINCRBY', keys[1], 'claim', whole(LEAP))
      -- Of a day that nobody has come to yet nothing can have been lost.
      if math.floor((seconds + 60 + 28800) / 86400) - 10957 == today then
        call('HSET', keys[2], whole(today + 1) .. 'l', losses)
      end
    end
    if meta[6] ~= argv[4] then call('HSET', keys[1], 'history', argv[4]) end
  end
  return { meta[1] or '', meta[2] or '', meta[3] or '', whole(bucket_of(seconds, meta[4])),
    whole(sequence), leapt }
end)

-- hotline_v5_reserve: numbers of a day that nobody was given, not even in what was lost.
--
-- KEYS  1 numbers, 2 meta
-- ARGV  day, how many, the highest the asker ever had
-- Returns the first as text, or nothing when the day has no more.
redis.register_function('hotline_v5_reserve', function(keys, argv)
  local call = redis.call
  local day, losses = argv[1], call('HGET', keys[2], 'losses') or '0'
  local known = call('HMGET', keys[1], day, day .. 'l')
  local highest = tonumber(known[1] or '0')
  if known[1] then
    highest = highest + SKIP * (tonumber(losses) - tonumber(known[2] or '0'))
  end
  local first = math.max(highest, tonumber(argv[3])) + 1
  local last = first + tonumber(argv[2]) - 1
  if last > 4294967295 then return false end
  call('HSET', keys[1], day, whole(last), day .. 'l', losses)
  begin_day(keys[1], tonumber(day) + 1, losses)
  return whole(first)
end)

-- hotline_v5_remembered: what was answered to a request id.
--
-- KEYS  1 meta, 2 requests (current), 3 requests (before)
-- ARGV  bucket, request id
-- Returns {'ok', what was remembered or nothing}, or {'bucket', n} as commit does.
redis.register_function { function_name = 'hotline_v5_remembered', flags = { 'no-writes' },
  callback = function(keys, argv)
    local call = redis.call
    local stored = call('HGET', keys[1], 'bucket')
    local bucket = bucket_of(tonumber(call('TIME')[1]), stored)
    if tonumber(argv[1]) ~= bucket then return { 'bucket', whole(bucket) } end
    local found = call('HGET', keys[2], argv[2]) or call('HGET', keys[3], argv[2])
    return { 'ok', found or nil }
  end }

-- hotline_v5_set_mode: writes the city's mode row if it is at the revision decided upon.
--
-- KEYS  1 meta, 2 feed
-- ARGV  epoch, revision before, revision, version, row, frame of events or nothing
-- Returns {'ok'}, {'conflict'}; or {'epoch'} with nothing written.
redis.register_function('hotline_v5_set_mode', function(keys, argv)
  local call = redis.call
  local meta = call('HMGET', keys[1], 'epoch', 'sequence', 'mode_revision')
  if meta[1] ~= argv[1] then return { 'epoch' } end
  if (meta[3] or '0') ~= argv[2] then return { 'conflict' } end
  call('HSET', keys[1], 'mode_revision', argv[3], 'mode_version', argv[4], 'mode', argv[5])
  if argv[6] ~= '' then
    local sequence = whole(tonumber(meta[2]) + 1)
    call('XADD', keys[2], sequence .. '-0', 'e', argv[6])
    call('HSET', keys[1], 'sequence', sequence)
  end
  return { 'ok' }
end)

-- hotline_v5_announce: writes what happened to the city, unless something was announced after
-- what the asker has read.
--
-- KEYS  1 meta, 2 feed
-- ARGV  epoch, epoch and sequence of what was read, frame of events
-- Returns {'ok'}, {'conflict'}; or {'epoch'} with nothing written.
redis.register_function('hotline_v5_announce', function(keys, argv)
  local call = redis.call
  local meta = call('HMGET', keys[1], 'epoch', 'sequence', 'announced')
  if meta[1] ~= argv[1] then return { 'epoch' } end
  if meta[1] ~= argv[2] or tonumber(meta[3] or '0') > tonumber(argv[3]) then
    return { 'conflict' }
  end
  local sequence = whole(tonumber(meta[2]) + 1)
  call('XADD', keys[2], sequence .. '-0', 'e', argv[4])
  call('HSET', keys[1], 'sequence', sequence, 'announced', sequence)
  return { 'ok' }
end)

-- hotline_v5_hold_timers: takes or renews the right to run the timers.
--
-- KEYS  1 timers
-- ARGV  holder, milliseconds
-- Returns 1 if the holder has it, 0 if another has.
redis.register_function('hotline_v5_hold_timers', function(keys, argv)
  local holder = redis.call('GET', keys[1])
  if holder and holder ~= argv[1] then return 0 end
  redis.call('SET', keys[1], argv[1], 'PX', argv[2])
  return 1
end)
