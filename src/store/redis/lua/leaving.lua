-- What leaves for the archive and comes back, the feed's beginning that goes, and who reads.

-- hotline_v5_dismiss: lets orders go that are just as they are kept elsewhere.
--
-- KEYS  1 meta, 2 callers, then per order: the order, what came in with it, its later papers
-- ARGV  epoch, per order: its value, how many keys it has, its caller or nothing
-- Returns {'ok', how many went}; or {'epoch'} with nothing written.
redis.register_function('hotline_v5_dismiss', function(keys, argv)
  local call, sub = redis.call, string.sub
  if call('HGET', keys[1], 'epoch') ~= argv[1] then return { 'epoch' } end
  local left, k = 0, 3
  for a = 2, #argv, 3 do
    local count, caller = tonumber(argv[a + 1]), argv[a + 2]
    if call('GET', keys[k]) == argv[a] then
      local id = sub(keys[k], -6)
      call('DEL', unpack(keys, k, k + count - 1))
      if caller ~= '' then
        local known, others = call('HGET', keys[2], caller) or '', {}
        for at = 1, #known, 6 do
          local other = sub(known, at, at + 5)
          if other ~= id then others[#others + 1] = other end
        end
        if #others > 0 then
          call('HSET', keys[2], caller, table.concat(others))
        else
          call('HDEL', keys[2], caller)
        end
      end
      left = left + 1
    end
    k = k + count
  end
  return { 'ok', whole(left) }
end)

-- hotline_v5_drop_block: a block of numbers in which there are no orders any more.
--
-- KEYS  1 blocks, 2.. every order of the block
-- ARGV  block
-- Returns {'ok'}
redis.register_function('hotline_v5_drop_block', function(keys, argv)
  if redis.call('EXISTS', unpack(keys, 2)) == 0 then redis.call('ZREM', keys[1], argv[1]) end
  return { 'ok' }
end)

-- hotline_v5_readmit: takes an order in that left, unless there is one of its number.
--
-- KEYS  1 meta, 2 blocks, 3 the order, then its papers
-- ARGV  epoch, block, the order's value, the value of each paper
-- Returns {'ok'}; or {'epoch'} with nothing written.
redis.register_function('hotline_v5_readmit', function(keys, argv)
  local call = redis.call
  if call('HGET', keys[1], 'epoch') ~= argv[1] then return { 'epoch' } end
  if call('EXISTS', keys[3]) == 1 then return { 'ok' } end
  call('ZADD', keys[2], '0', argv[2])
  for k = 3, #keys do call('SET', keys[k], argv[k]) end
  return { 'ok' }
end)

-- hotline_v5_trim: drops the batches of the feed before a number, but for the last; unless
-- somebody reads under a name who is not known, or not so far.
--
-- KEYS  1 meta, 2 feed, 3 consumers
-- ARGV  epoch, the first number that stays, (name, epoch, sequence, index)* of who is known
-- Returns {'ok', 1}, {'ok', 0} for somebody unknown; or {'epoch'} with nothing written.
redis.register_function('hotline_v5_trim', function(keys, argv)
  local call = redis.call
  local meta = call('HMGET', keys[1], 'epoch', 'trimmed')
  if meta[1] ~= argv[1] then return { 'epoch' } end
  local known = {}
  for a = 3, #argv, 4 do known[argv[a]] = a end
  local all = call('HGETALL', keys[3])
  for j = 1, #all, 2 do
    local a = known[all[j]]
    local epoch, sequence, index = string.match(all[j + 1], '^(%d+) (%d+) (%d+) ')
    local s, i = tonumber(sequence), tonumber(index)
    local far = a and epoch == argv[a + 1]
      and (s > tonumber(argv[a + 2]) or (s == tonumber(argv[a + 2]) and i >= tonumber(argv[a + 3])))
    if not far then return { 'ok', 0 } end
  end
  local last = 0
  -- A leap that nothing has followed yet is no batch.
  for _, entry in ipairs(call('XREVRANGE', keys[2], '+', '-', 'COUNT', '2')) do
    if last == 0 and entry[2][1] ~= 'l' then last = tonumber(string.match(entry[1], '^%d+')) end
  end
  local gone = math.min(tonumber(argv[2]), last) - 1
  if gone <= tonumber(meta[2] or '0') then return { 'ok', 1 } end
  call('XTRIM', keys[2], 'MINID', whole(gone + 1) .. '-0')
  call('HSET', keys[1], 'trimmed', whole(gone))
  return { 'ok', 1 }
end)

-- hotline_v5_acknowledge: writes down how far a consumer is; within an epoch never back.
--
-- KEYS  1 consumers
-- ARGV  the most there may be, name, epoch, sequence, index, when
-- Returns {'ok'}; or {'full'} with nothing written.
redis.register_function('hotline_v5_acknowledge', function(keys, argv)
  local call = redis.call
  local known = call('HGET', keys[1], argv[2])
  if not known and call('HLEN', keys[1]) >= tonumber(argv[1]) then return { 'full' } end
  local epoch, sequence, index = string.match(known or '', '^(%d+) (%d+) (%d+) ')
  local said, at = tonumber(argv[4]), tonumber(argv[5])
  if epoch == argv[3] then
    local s, i = tonumber(sequence), tonumber(index)
    if s > said or (s == said and i > at) then said, at = s, i end
  end
  call('HSET', keys[1], argv[2],
    argv[3] .. ' ' .. whole(said) .. ' ' .. whole(at) .. ' ' .. argv[6])
  return { 'ok' }
end)
