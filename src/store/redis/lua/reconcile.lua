-- Mending: what does not follow from an order is found, and written anew, in one look.

-- hotline_v5_reconcile: compares what is written beside an order with what must be.
--
-- KEYS  1 meta, 2 order, 3 due, 4 leases, 5 trays, 6 blocks, 7.. trays: those where it must
--       wait, then those where it was seen and must not
-- ARGV  epoch, 1 to mend, the order's string or nothing for no order, id,
--       block, deadline or nothing, how many right places, (member, score)* of those, members
--       of the others
-- Returns {'ok', what does not follow*}, each a letter, which place from 1, and what is stored:
--       m missing, d other deadline, t torn lease, s stray, w timer, u unlisted, k tray not
--       listed; {'moved'} when the order is another by now; {'epoch'}.
redis.register_function('hotline_v5_reconcile', function(keys, argv)
  local call, found = redis.call, { 'ok' }
  if call('HGET', keys[1], 'epoch') ~= argv[1] then return { 'epoch' } end
  local mend, id = argv[2] == '1', argv[4]
  local stored = call('GET', keys[2])
  if (stored or '') ~= argv[3] then return { 'moved' } end
  local function find(letter, place, what)
    found[#found + 1] = letter .. ' ' .. place .. ' ' .. (what or '')
  end
  local right, a, k = tonumber(argv[7]), 8, 7
  for place = 1, right do
    local tray, member, score = keys[k], argv[a], argv[a + 1]
    local field = string.sub(tray, -9) .. member
    local at = call('ZSCORE', tray, member)
    local claim, deadline, ends =
      string.match(call('HGET', keys[4], field) or '', '^(%d+) (%-?%d+) (%d+)$')
    if not at then
      find('m', place)
      if mend then
        call('HDEL', keys[4], field)
        call('ZADD', tray, score, member)
      end
    elseif tonumber(at) < LEASED then
      if claim then
        find('t', place)
        if mend then call('HDEL', keys[4], field) end
      end
      if tonumber(at) ~= tonumber(score) then
        find('d', place, at)
        if mend then call('ZADD', tray, score, member) end
      end
    elseif not claim then
      find('t', place)
      if mend then call('ZADD', tray, score, member) end
    else
      if tonumber(at) ~= LEASED + tonumber(ends) then
        find('t', place)
        if mend then call('ZADD', tray, whole(LEASED + tonumber(ends)), member) end
      end
      if deadline ~= score then
        find('d', place, deadline)
        if mend then call('HSET', keys[4], field, claim .. ' ' .. score .. ' ' .. ends) end
      end
    end
    if call('SISMEMBER', keys[5], string.sub(tray, -9)) == 0 then
      find('k', place)
      if mend then call('SADD', keys[5], string.sub(tray, -9)) end
    end
    a, k = a + 2, k + 1
  end
  for place = 1, #keys - k + 1 do
    local tray, member = keys[k], argv[a]
    local field = string.sub(tray, -9) .. member
    if call('ZSCORE', tray, member) or call('HEXISTS', keys[4], field) == 1 then
      find('s', place)
      if mend then
        call('ZREM', tray, member)
        call('HDEL', keys[4], field)
      end
    end
    a, k = a + 1, k + 1
  end
  local due = call('ZSCORE', keys[3], id)
  if tonumber(due or '') ~= tonumber(argv[6]) then
    find('w', 0, due or '')
    if mend and argv[6] == '' then
      call('ZREM', keys[3], id)
    elseif mend then
      call('ZADD', keys[3], argv[6], id)
    end
  end
  if stored and not call('ZSCORE', keys[6], argv[5]) then
    find('u', 0)
    if mend then call('ZADD', keys[6], '0', argv[5]) end
  end
  return found
end)

-- hotline_v5_mend_caller: writes a caller's list anew, if it still is what was seen, and the
-- orders that come into it are still as they were known.
--
-- KEYS  1 meta, 2 callers, 3.. orders that come into it
-- ARGV  epoch, caller, list seen, list, the string of each of those orders
-- Returns 1 if it was, else 0.
redis.register_function('hotline_v5_mend_caller', function(keys, argv)
  local call = redis.call
  if call('HGET', keys[1], 'epoch') ~= argv[1] then return 0 end
  if (call('HGET', keys[2], argv[2]) or '') ~= argv[3] then return 0 end
  for k = 3, #keys do
    if call('GET', keys[k]) ~= argv[k + 2] then return 0 end
  end
  if argv[4] == '' then
    call('HDEL', keys[2], argv[2])
  else
    call('HSET', keys[2], argv[2], argv[4])
  end
  return 1
end)

-- hotline_v5_mend_tallies: sets counters, if nothing was committed meanwhile.
--
-- KEYS  1 meta, 2 tallies
-- ARGV  epoch, the feed's sequence then, (counter, value)*
-- Returns 1 if nothing was, else 0.
redis.register_function('hotline_v5_mend_tallies', function(keys, argv)
  local call = redis.call
  local meta = call('HMGET', keys[1], 'epoch', 'sequence')
  if meta[1] ~= argv[1] or meta[2] ~= argv[2] then return 0 end
  for j = 3, #argv, 2 do call('HSET', keys[2], argv[j], argv[j + 1]) end
  return 1
end)
