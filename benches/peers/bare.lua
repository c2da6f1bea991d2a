#!lua name=bare
-- The least that one order needs, written as anybody would: one call per order, one order per
-- call, each write by itself. No lease, no second index, no check of the city's mode.
-- KEYS: the city's tag, `{3304}`
-- ARGV: a number that is fresh, then the bytes of snapshot, words, sealed contact and event
-- Returns 1; 0 for one that was there.
redis.register_function('bare_submit', function(keys, args)
    local tag, id = keys[1], args[1]
    if redis.call('EXISTS', tag .. 'o' .. id) == 1 then return 0 end
    if redis.call('HGET', tag .. 'requests', id) then return 0 end
    local due = #id + tonumber(string.sub(id, -6))
    redis.call('SET', tag .. 'o' .. id, args[2])
    redis.call('SET', tag .. 'p' .. id, args[3])
    redis.call('SET', tag .. 'c' .. id, args[4])
    redis.call('HSET', tag .. 'requests', id, '1')
    redis.call('ZADD', tag .. 'queue:3304', due, id)
    redis.call('ZADD', tag .. 'due', due, id)
    redis.call('XADD', tag .. 'feed', '*', 'e', args[5])
    for _, counter in ipairs({ 'received', 'open', 'waiting', 'level', 'kind', 'day' }) do
        redis.call('HINCRBY', tag .. 'tallies', counter, 1)
    end
    return 1
end)
