-- KEYS: cells. ARGV: writer, when the keys go (Unix seconds), six totals.
-- Answers whether the period is kept.
if tonumber(ARGV[2]) * 1000 <= now_ms() then
    return 0
end
merge(KEYS[1], ARGV[1], 3, ARGV[2])
return 1
