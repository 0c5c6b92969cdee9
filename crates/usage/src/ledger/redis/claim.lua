-- KEYS: cells, claims. ARGV: writer, when the keys go (Unix seconds), six totals, three amounts, and
--   to raise a claim up to them: 'part' or 'whole', three limits (0 is none), for how many milliseconds;
--   to lower it to them: 'lower'.
-- Answers {'closed'}, {'refused', field, was there none}, or {'held', 0, was there none, three amounts held, three left, three
-- held by others}. An amount left of what has no limit is ''.
local cells, claims, writer, expires_at, how = KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[12]
local now = now_ms()
if tonumber(expires_at) * 1000 <= now then
    return {'closed'}
end

-- Whole numbers below 10^24 as {billions, rest}.
local BILLION = 1000000000
local function wide(text)
    return {tonumber(string.sub(text, 1, -10)) or 0, tonumber(string.sub(text, -9))}
end
local function less(a, b)
    return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2])
end
local function larger(a, b)
    if less(a, b) then return b end
    return a
end
local function smaller(a, b)
    if less(a, b) then return a end
    return b
end
local function plus(a, b)
    local billions, rest = a[1] + b[1], a[2] + b[2]
    if rest >= BILLION then return {billions + 1, rest - BILLION} end
    return {billions, rest}
end
-- Down to zero.
local function minus(a, b)
    if less(a, b) then return {0, 0} end
    local billions, rest = a[1] - b[1], a[2] - b[2]
    if rest < 0 then return {billions - 1, rest + BILLION} end
    return {billions, rest}
end
local function text(a)
    if a[1] == 0 then return plain(a[2]) end
    return string.format('%.0f%09.0f', a[1], a[2])
end

local made = 1 - redis.call('EXISTS', cells)
local used, own, others = {}, {}, {}
for i, amount in ipairs(merge(cells, writer, 3, expires_at)) do
    used[i] = wide(plain(amount))
    own[i] = used[i]
end

-- A claim that is not valid any more counts no longer, and goes.
local function read_claim(claimant, claim)
    local valid_until, a, b, c = string.match(claim, '^(%d+) (%d+) (%d+) (%d+)$')
    if tonumber(valid_until) <= now then
        redis.call('HDEL', claims, claimant)
        return nil
    end
    return {wide(a), wide(b), wide(c)}, valid_until
end

local function write_claim(valid_until, amounts)
    local any = false
    for i = 1, 3 do
        any = any or less(used[i], amounts[i])
    end
    if any then
        local claim = {valid_until, text(amounts[1]), text(amounts[2]), text(amounts[3])}
        redis.call('HSET', claims, writer, table.concat(claim, ' '))
        redis.call('EXPIREAT', claims, expires_at)
    else
        redis.call('HDEL', claims, writer)
    end
end

if how == 'lower' then
    local claim = redis.call('HGET', claims, writer)
    local claimed, valid_until
    if claim then
        claimed, valid_until = read_claim(writer, claim)
    end
    if claimed then
        for i = 1, 3 do
            claimed[i] = smaller(claimed[i], wide(ARGV[8 + i]))
        end
        write_claim(valid_until, claimed)
    end
    return {'held', 0, made, '0', '0', '0', '', '', '', '0', '0', '0'}
end

local sums = redis.call('HMGET', cells, 's:api_requests:used', 's:egress_bytes:used', 's:ingress_bytes:used')
for i = 1, 3 do
    others[i] = minus(wide(sums[i] or '0'), used[i])
end
local all = redis.call('HGETALL', claims)
for n = 1, #all, 2 do
    local claimed = read_claim(all[n], all[n + 1])
    if claimed and all[n] == writer then
        for i = 1, 3 do
            own[i] = larger(used[i], claimed[i])
        end
    elseif claimed then
        local stored = redis.call('HMGET', cells, unpack(names_of(all[n])))
        for i = 1, 3 do
            local theirs = math.max(0, tonumber(stored[i] or 0) - tonumber(stored[i + 3] or 0))
            others[i] = plus(others[i], minus(claimed[i], wide(plain(theirs))))
        end
    end
end

local held, left = {}, {}
for i = 1, 3 do
    local asked, limit = wide(ARGV[8 + i]), ARGV[12 + i]
    if limit == '0' then
        held[i], left[i] = larger(own[i], asked), ''
    else
        local free = minus(wide(limit), others[i])
        held[i] = larger(own[i], smaller(asked, free))
        left[i] = text(minus(free, held[i]))
    end
    if how == 'whole' and less(held[i], asked) then
        return {'refused', i, made}
    end
end
write_claim(plain(now + tonumber(ARGV[16])), held)
return {
    'held', 0, made, text(held[1]), text(held[2]), text(held[3]), left[1], left[2], left[3],
    text(others[1]), text(others[2]), text(others[3]),
}
