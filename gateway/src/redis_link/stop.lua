-- Tells of a freeze that no ruling told of, once, and keeps its order until the court has ruled it.
-- KEYS: the hash of kept orders, the stream of decisions, the effective document, the hash of last documents.
-- ARGV: the order's field, the order, the document, its time to live in seconds, the stream's length limit, what a decision
--   of this order says of itself, and the decision's event type, payload, trace id, correlation id, timestamp, source (no
--   payload: the backend is frozen as strictly already), and the portfolio.
-- Answers 1, or 0 when it was known.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return 0 end
if ARGV[8] ~= '' then
  for _, entry in ipairs(redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1000)) do
    for at = 1, #entry[2], 2 do
      local payload = entry[2][at + 1]
      if entry[2][at] == 'payload' and string.find(payload, ARGV[6], 1, true)
        and string.find(payload, '"decision_type":"FREEZE"', 1, true) then return 0 end
    end
  end
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[5], '*', 'event_type', ARGV[7], 'payload', ARGV[8],
    'trace_id', ARGV[9], 'correlation_id', ARGV[10], 'timestamp', ARGV[11], 'source', ARGV[12])
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('SET', KEYS[3], ARGV[3], 'EX', ARGV[4])
redis.call('HSET', KEYS[4], ARGV[13], ARGV[3])
return 1
