-- Counts a request of the client KEYS[1], as window.rs does. ARGV: the moment and the window in milliseconds, the quota.
-- Answers whether it is allowed, and the window: when it began, requests in it, requests in the one before.
local now, window, quota = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local kept = redis.call('HMGET', KEYS[1], 's', 'c', 'p')
local start, current, previous = tonumber(kept[1]) or 0, tonumber(kept[2]) or 0, tonumber(kept[3]) or 0
if now < start then now = start end
local elapsed = now - start
if elapsed >= 2 * window or (current == 0 and previous == 0) then
    start, current, previous = now, 0, 0
elseif elapsed >= window then
    start, current, previous = start + window, 0, current
end
local left = window - (now - start)
local used = current + math.ceil(previous * left / window)
local allowed = 0
if used < quota then
    allowed, current = 1, current + 1
end
redis.call('HSET', KEYS[1], 's', string.format('%.0f', start), 'c', current, 'p', previous)
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', start + 2 * window - now + 1000))
return { allowed, string.format('%.0f', start), current, previous }
