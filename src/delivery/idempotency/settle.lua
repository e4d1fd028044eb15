-- Records in a slot what its push came to. KEYS: the claim, the slot. ARGV: token, request, 'release', 'mark_unknown' or
-- 'complete', life of the slot (ms), TOP's decision. Answers 0, and changes nothing, where another push has acquired the
-- slot since. A slot that Redis has lost in between is written again.
local holder, in_doubt = unpack(redis.call('HMGET', KEYS[2], 'holder', 'in_doubt'))
if holder and holder ~= ARGV[1] then
  return 0
end
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
-- A release that comes late or twice, or gives back a claim that was not answered, may find a doubt of which its push did not
-- know. Then the slot stays.
if ARGV[3] == 'release' and in_doubt ~= '1' then
  redis.call('DEL', KEYS[2])
  return 1
end
redis.call('HSET', KEYS[2], 'request', ARGV[2], 'holder', ARGV[1])
if ARGV[3] == 'complete' then
  redis.call('HSET', KEYS[2], 'verdict', ARGV[5])
end
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return 1
