-- One hash holds the cells of one backend in one period. Per writer and field:
--   w:WRITER:FIELD         what it added          w:WRITER:FIELD:taken   what it took back
-- and of all writers together, raised whenever a cell is:
--   s:FIELD                added                  s:FIELD:taken          taken back
--   s:FIELD:used           added less taken back, where a writer below zero counts as zero
-- Another hash holds the claims: per writer "UNTIL-MS AMOUNT AMOUNT AMOUNT", in the order of the fields.
--
-- Numbers are doubles here, exact up to 2^53. A writer's totals are no larger, so they are compared and subtracted as they
-- are. Sums over writers can be larger: Redis adds to them (HINCRBY, 64 bits), and where they are computed with they are
-- pairs of billions and a rest.

local FIELDS = {'api_requests', 'egress_bytes', 'ingress_bytes'}

local function plain(number)
    return string.format('%.0f', number)
end

local function names_of(writer)
    local names = {}
    for i, field in ipairs(FIELDS) do
        names[i] = 'w:' .. writer .. ':' .. field
        names[i + 3] = names[i] .. ':taken'
    end
    return names
end

local function raise(cells, name, sum, stored, pushed)
    if pushed > stored then
        redis.call('HINCRBY', cells, sum, plain(pushed - stored))
        redis.call('HSET', cells, name, plain(pushed))
        return pushed
    end
    return stored
end

-- Merges what a writer has counted (six totals from ARGV[first] on: added, then taken back) and returns what it has used.
local function merge(cells, writer, first, expires_at)
    local names = names_of(writer)
    local stored = redis.call('HMGET', cells, unpack(names))
    local used = {}
    for i, field in ipairs(FIELDS) do
        local added, taken = tonumber(stored[i] or 0), tonumber(stored[i + 3] or 0)
        local sum = 's:' .. field
        local added_then = raise(cells, names[i], sum, added, tonumber(ARGV[first + i - 1]))
        local taken_then = raise(cells, names[i + 3], sum .. ':taken', taken, tonumber(ARGV[first + i + 2]))
        local before = math.max(0, added - taken)
        used[i] = math.max(0, added_then - taken_then)
        if used[i] ~= before then
            redis.call('HINCRBY', cells, sum .. ':used', plain(used[i] - before))
        end
    end
    redis.call('EXPIREAT', cells, expires_at)
    return used
end

local function now_ms()
    local time = redis.call('TIME')
    return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
