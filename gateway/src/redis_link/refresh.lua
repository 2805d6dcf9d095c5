-- Renews the documents of what is in effect, but never with an older one than stands there.
-- KEYS: the position's hash, then one document for each portfolio.
-- ARGV: the time to live in seconds, then for each portfolio: its name, version, document.
local written = 0
for index = 2, #KEYS do
  local at = 2 + (index - 2) * 3
  local portfolio, version, document = unpack(ARGV, at, at + 2)
  local shown = tonumber(redis.call('HGET', KEYS[1], 'effective:' .. portfolio) or '0')
  if tonumber(version) >= shown then
    redis.call('SET', KEYS[index], document, 'EX', ARGV[1])
    redis.call('HSET', KEYS[1], 'effective:' .. portfolio, version)
    written = written + 1
  end
end
return written
