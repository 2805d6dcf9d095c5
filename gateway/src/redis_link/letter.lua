-- Writes a dead letter once. Letters of a stream come in order, so the last one written tells which are known.
-- KEYS: the hash of last letters, the stream of letters.
-- ARGV: the source stream, the entry, the stream's length limit, then names and values.
local function parts(id)
  local ms, number = string.match(id, '^(%d+)%-(%d+)$')
  return tonumber(ms), tonumber(number)
end
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known then
  local known_ms, known_number = parts(known)
  local ms, number = parts(ARGV[2])
  if ms < known_ms or (ms == known_ms and number <= known_number) then return 0 end
end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', unpack(ARGV, 4))
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
