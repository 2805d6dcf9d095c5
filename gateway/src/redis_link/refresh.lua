-- Renews the documents of what is in effect, but never with an older one than stands there.
-- KEYS: the position's hash, the hash of kept orders to freeze, then one document for each portfolio.
-- ARGV: the time to live in seconds, then for each portfolio: its name, version, document.
local stopped = {}
for _, field in ipairs(redis.call('HKEYS', KEYS[2])) do
  local portfolio = string.match(field, '^(%S+) %S+ told$')
  if portfolio then stopped[portfolio] = true end
end
local written = 0
for index = 3, #KEYS do
  local at = 2 + (index - 3) * 3
  local portfolio, version, document = unpack(ARGV, at, at + 2)
  local shown = tonumber(redis.call('HGET', KEYS[1], 'effective:' .. portfolio) or '0')
  if stopped[portfolio] then
    -- Frozen without a ruling: what it says stands until the court has taken that over.
    redis.call('EXPIRE', KEYS[index], ARGV[1])
  elseif tonumber(version) >= shown then
    redis.call('SET', KEYS[index], document, 'EX', ARGV[1])
    redis.call('HSET', KEYS[1], 'effective:' .. portfolio, version)
    written = written + 1
  end
end
return written
