-- Taking an image: what can only be read in one piece.

-- The orders of a batch, by the ids of their events. The one place that looks into a payload:
-- a frame is its length (4 bytes), how many events (4), then the record, which is a byte of
-- format and the order's number in plain, whose last six bytes are its id.
local function ids_in(frames, seen, ids)
  local at = 1
  while at <= #frames do
    local id = string.sub(frames, at + 11, at + 16)
    if not seen[id] then
      seen[id] = true
      ids[#ids + 1] = id
    end
    at = at + 8 + struct.unpack('>I4', frames, at)
  end
end

-- hotline_v5_image: all that every step changes, at one moment; and with it the batches that
-- came since the asker last looked at the feed, and their orders. Those orders cannot be named
-- before, so their keys do not come in KEYS; they carry the same hash tag.
--
-- KEYS  1 meta, 2 feed, 3 tallies, 4 numbers, then hashes, then orders
-- ARGV  how many hashes, the number of the feed to read after, at most how many batches
-- Returns {'far'} if there are more; else {'ok', meta, tallies, numbers, batches, {hash}*,
--       {order or nothing}*, {id, order or nothing}*} with the last for the batches' orders.
redis.register_function { function_name = 'hotline_v5_image', flags = { 'no-writes' },
  callback = function(keys, argv)
    local call, most = redis.call, tonumber(argv[3])
    local batches = call('XRANGE', keys[2], '(' .. argv[2] .. '-0', '+', 'COUNT', most + 1)
    if #batches > most then return { 'far' } end
    local hashes, orders, ids, values, moved = {}, {}, {}, {}, {}
    local first = 5 + tonumber(argv[1])
    for k = 5, first - 1 do hashes[#hashes + 1] = call('HGETALL', keys[k]) end
    for k = first, #keys do orders[#orders + 1] = keys[k] end
    if #orders > 0 then values = call('MGET', unpack(orders)) end
    local seen = {}
    for _, batch in ipairs(batches) do
      if batch[2][1] == 'e' then ids_in(batch[2][2], seen, ids) end
    end
    if #ids > 0 then
      local named, prefix = {}, string.sub(keys[1], 1, 6) .. 'o'
      for j, id in ipairs(ids) do named[j] = prefix .. id end
      local found = call('MGET', unpack(named))
      for j, id in ipairs(ids) do
        moved[#moved + 1] = id
        moved[#moved + 1] = found[j]
      end
    end
    return { 'ok', call('HGETALL', keys[1]), call('HGETALL', keys[3]), call('HGETALL', keys[4]),
      batches, hashes, values, moved }
  end }
