-- KEYS: the set of a period's backends. ARGV: when it goes (Unix seconds), then names.
for i = 2, #ARGV do
    redis.call('SADD', KEYS[1], ARGV[i])
end
redis.call('EXPIREAT', KEYS[1], ARGV[1])
return 1
