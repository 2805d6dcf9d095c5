-- Writes the decisions of a batch of rulings, and up to where RULINGS is through, at once.
-- KEYS: the position's hash, the stream of decisions, the hash of kept orders to freeze, the hash of last documents, then
--   one effective document for each ruling.
-- ARGV: the identity of RULINGS, the sequence that the writer goes on from, the sequence after this batch, the stream's
--   length limit, the documents' time to live in seconds, event type, source, the number of rulings; then for each
--   ruling: sequence, portfolio, chain, version, document, the number of decisions; and for each decision: payload,
--   trace id, correlation id, timestamp.
-- Answers {state, sequence}: 0 written, 1 another stream was read before, 2 Redis is behind the writer.
local position, stream = KEYS[1], KEYS[2]
local stored = redis.call('HMGET', position, 'stream', 'sequence')
if stored[1] and stored[1] ~= ARGV[1] then return {1, stored[2] or '0'} end
local through = tonumber(stored[2] or '0')
if through < tonumber(ARGV[2]) then return {2, stored[2] or '0'} end

-- Freezes that were told without a ruling, by portfolio. Until theirs comes, the document stands as they left it.
local stops = {}
for _, field in ipairs(redis.call('HKEYS', KEYS[3])) do
  local portfolio, order = string.match(field, '^(%S+) (%S+) told$')
  if portfolio then
    stops[portfolio] = stops[portfolio] or {}
    stops[portfolio][order] = field
  end
end
local function was_told(portfolio, payload)
  if not stops[portfolio] or not string.find(payload, '"decision_type":"FREEZE"', 1, true) then return false end
  for order, field in pairs(stops[portfolio]) do
    if string.find(payload, '"event_id":"' .. order .. '"', 1, true) then
      redis.call('HDEL', KEYS[3], field)
      stops[portfolio][order] = nil
      if not next(stops[portfolio]) then stops[portfolio] = nil end
      return true
    end
  end
  return false
end

local at = 9
for ruling = 1, tonumber(ARGV[8]) do
  local sequence, portfolio, chain, version, document, count = unpack(ARGV, at, at + 5)
  at = at + 6
  local new = tonumber(sequence) > through
  for _ = 1, tonumber(count) do
    if new and not was_told(portfolio, ARGV[at]) then
      redis.call('XADD', stream, 'MAXLEN', '~', ARGV[4], '*', 'event_type', ARGV[6], 'payload', ARGV[at],
        'trace_id', ARGV[at + 1], 'correlation_id', ARGV[at + 2], 'timestamp', ARGV[at + 3], 'source', ARGV[7])
    end
    at = at + 4
  end
  if new then
    redis.call('HSET', position, 'portfolio:' .. portfolio, chain)
    local shown = tonumber(redis.call('HGET', position, 'effective:' .. portfolio) or '0')
    if document ~= '' and tonumber(version) >= shown then
      if stops[portfolio] then
        redis.call('EXPIRE', KEYS[4 + ruling], ARGV[5])
      else
        redis.call('SET', KEYS[4 + ruling], document, 'EX', ARGV[5])
        redis.call('HSET', KEYS[4], portfolio, document)
      end
      redis.call('HSET', position, 'effective:' .. portfolio, version)
    end
  end
end
if tonumber(ARGV[3]) > through then
  redis.call('HSET', position, 'stream', ARGV[1], 'sequence', ARGV[3])
  return {0, ARGV[3]}
end
return {0, stored[2] or '0'}
