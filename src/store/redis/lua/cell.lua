-- The cell itself: opening it, its numbers, its remembered requests, its timers.

-- hotline_v3_open: makes the cell if it is new.
--
-- KEYS  1 meta
-- ARGV  format, cell, epoch if it is new
-- Returns {format, cell, epoch, bucket}
redis.register_function('hotline_v3_open', function(keys, argv)
  local call = redis.call
  if call('EXISTS', keys[1]) == 0 then
    call('HSET', keys[1], 'format', argv[1], 'cell', argv[2], 'epoch', argv[3],
      'sequence', '0', 'claim', '0')
  end
  local meta = call('HMGET', keys[1], 'format', 'cell', 'epoch', 'bucket')
  return { meta[1] or '', meta[2] or '', meta[3] or '',
    whole(bucket_of(tonumber(call('TIME')[1]), meta[4])) }
end)

-- hotline_v3_reserve: numbers of a day that nobody was given.
--
-- KEYS  1 numbers
-- ARGV  day, how many, the highest the asker ever had
-- Returns the first as text, or nothing when the day has no more.
redis.register_function('hotline_v3_reserve', function(keys, argv)
  local highest = tonumber(redis.call('HGET', keys[1], argv[1]) or '0')
  local first = math.max(highest, tonumber(argv[3])) + 1
  local last = first + tonumber(argv[2]) - 1
  if last > 4294967295 then return false end
  redis.call('HSET', keys[1], argv[1], whole(last))
  return whole(first)
end)

-- hotline_v3_remembered: what was answered to a request id.
--
-- KEYS  1 meta, 2 requests (current), 3 requests (before)
-- ARGV  bucket, request id
-- Returns {'ok', what was remembered or nothing}, or {'bucket', n} as commit does.
redis.register_function { function_name = 'hotline_v3_remembered', flags = { 'no-writes' },
  callback = function(keys, argv)
    local call = redis.call
    local stored = call('HGET', keys[1], 'bucket')
    local bucket = bucket_of(tonumber(call('TIME')[1]), stored)
    if tonumber(argv[1]) ~= bucket then return { 'bucket', whole(bucket) } end
    local found = call('HGET', keys[2], argv[2]) or call('HGET', keys[3], argv[2])
    return { 'ok', found or nil }
  end }

-- hotline_v3_set_mode: writes the city's mode row if it is at the revision decided upon.
--
-- KEYS  1 meta, 2 feed
-- ARGV  epoch, revision before, revision, version, row, frame of events or nothing
-- Returns {'ok'}, {'conflict'}; or {'epoch'} with nothing written.
redis.register_function('hotline_v3_set_mode', function(keys, argv)
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

-- hotline_v3_hold_timers: takes or renews the right to run the timers.
--
-- KEYS  1 timers
-- ARGV  holder, milliseconds
-- Returns 1 if the holder has it, 0 if another has.
redis.register_function('hotline_v3_hold_timers', function(keys, argv)
  local holder = redis.call('GET', keys[1])
  if holder and holder ~= argv[1] then return 0 end
  redis.call('SET', keys[1], argv[1], 'PX', argv[2])
  return 1
end)
