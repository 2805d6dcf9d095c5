-- Forgets an order that was kept, once everything up to its ruling was told.
-- KEYS: the hash of kept orders, the position's hash. ARGV: the order's two fields, its portfolio, the ruling's version.
local chain = redis.call('HGET', KEYS[2], 'portfolio:' .. ARGV[3]) or '0 '
if tonumber(string.match(chain, '^%d+')) < tonumber(ARGV[4]) then return 0 end
return redis.call('HDEL', KEYS[1], ARGV[1], ARGV[2])
