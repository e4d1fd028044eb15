-- Claims a slot. KEYS: the claim, the slot. ARGV: token, request, life of the claim, life of the slot (ms).
local request, completed, holder, doubt = unpack(redis.call('HMGET', KEYS[2], 'request', 'verdict', 'holder', 'in_doubt'))
if request and request ~= ARGV[2] then
  return {'reused'}
end
if completed then
  return {'completed', completed}
end
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[3]) then
  local in_doubt = request and '1' or '0'
  redis.call('HSET', KEYS[2], 'request', ARGV[2], 'holder', ARGV[1], 'in_doubt', in_doubt)
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
  return {'acquired', in_doubt}
end
if holder == ARGV[1] then
  -- The same claim again, because its first answer was lost on the way.
  return {'acquired', doubt}
end
return {'in_flight'}
