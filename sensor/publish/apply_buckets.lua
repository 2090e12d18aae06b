-- ---- buckets: gathered in open:RES:SCOPE:START, written to their stream once their time is over

local minutes, hours = {}, {} -- start to counters, of this batch

local function open_bucket(res, scope, start)
    local name = format('%s:%s:%s', res, scope, start)
    call('ZADD', prefix .. 'open', whole(tonumber(start) + RESOLUTIONS[res].width), name)
    return prefix .. 'open:' .. name
end

apply.counters = function(at, n)
    counters = {unpack(ARGV, at, at + n - 1)}
    local names = table.concat(counters, ' ')
    if call('HGET', prefix .. 'meta', 'counters') ~= names then call('HSET', prefix .. 'meta', 'counters', names) end
end

local function add_pairs(sums, start, at, last)
    local of_start = sums[start] or {}
    sums[start] = of_start
    for i = at, last, 2 do
        local name = counters[tonumber(ARGV[i])]
        of_start[name] = (of_start[name] or 0) + tonumber(ARGV[i + 1])
    end
end

apply.roll = function(at, n)
    local time = tonumber(ARGV[at])
    add_pairs(minutes, time, at + 1, at + n - 1)
    add_pairs(hours, time - time % HOUR_MS, at + 1, at + n - 1)
end

local function sorted_keys(map)
    local keys = {}
    for key in pairs(map) do keys[#keys + 1] = key end
    table.sort(keys)
    return keys
end

local function store_sums()
    for start, sums in pairs(minutes) do
        add_to_hash(open_bucket('1m', 'all', whole(start)), sums)
        add_to_hash(open_bucket('1m', sensor, whole(start)), sums)
    end
    for _, hour in ipairs(sorted_keys(hours)) do window_add(hour, hours[hour]) end
end

-- A minute that goes to its stream goes to the open hour and day as well.
local function hand_on(scope, start, bucket)
    local sums = {}
    for name, n in pairs(bucket) do sums[name] = tonumber(n) or 0 end
    for _, res in ipairs({'1h', '1d'}) do
        local first = whole(start - start % RESOLUTIONS[res].width)
        if hash_or_none(format('open:%s:%s:%s', res, scope, first)) then add_to_hash(open_bucket(res, scope, first), sums) end
    end
end

apply.health = function(at, n)
    local key = open_bucket('health', sensor, ARGV[at])
    local given = map_of({unpack(ARGV, at + 1, at + n - 1)})
    local counts = {}
    for _, name in ipairs(HEALTH_COUNTS) do counts[name] = tonumber(given[name] or '0') end
    add_to_hash(key, counts)
    for _, name in ipairs(HEALTH_LAST) do call('HSET', key, name, given[name] or '-1') end
end

-- The fields of an entry in their order, zeros included; those of another version's sensor at the end.
local function entry_of(res, bucket)
    local entry, seen = {}, {}
    local function put(name, fallback)
        entry[#entry + 1] = name
        entry[#entry + 1] = bucket[name] or fallback
        seen[name] = true
    end
    if res == 'health' then
        for _, name in ipairs(HEALTH_COUNTS) do put(name, '0') end
        for _, name in ipairs(HEALTH_LAST) do put(name, '-1') end
    else
        for name in (call('HGET', prefix .. 'meta', 'counters') or ''):gmatch('%S+') do put(name, '0') end
    end
    for _, name in ipairs(sorted_keys(bucket)) do
        if not seen[name] then put(name, '0') end
    end
    return entry
end

local replaced = {}
for _, name in ipairs(HEALTH_LAST) do replaced[name] = true end

local function merged(res, old_entry, delta)
    local sum = map_of(old_entry)
    for name, n in pairs(delta) do
        local add = not (res == 'health' and replaced[name])
        sum[name] = add and whole((tonumber(sum[name]) or 0) + (tonumber(n) or 0)) or n
    end
    return sum
end

local function add_entry(key, res, start, bucket)
    local oldest = math.min(start, future_ms) - RESOLUTIONS[res].kept
    call('XADD', key, 'MINID', '=', whole(math.max(oldest, 0)), start == 0 and '0-1' or whole(start) .. '-0', unpack(entry_of(res, bucket)))
end

local function time_of(entry) return tonumber(entry[1]:match('^%d+')) end

-- Takes the end of a stream off, from `first` on; returns a function that hands it out in order. A long end goes by way of a second
-- key, so that it need not be held at once.
local function take_tail(key, first)
    local tail = call('XRANGE', key, whole(first), '+', 'COUNT', TAIL_ROWS + 1)
    local at = 0
    if #tail <= TAIL_ROWS then
        local before = first > 0 and call('XREVRANGE', key, '(' .. whole(first) .. '-0', '-', 'COUNT', 1)[1]
        if before then
            local ids = {}
            for i, entry in ipairs(tail) do ids[i] = entry[1] end
            call('XDEL', key, unpack(ids))
            call('XSETID', key, before[1])
        else
            call('DEL', key)
        end
        return function()
            at = at + 1
            return tail[at]
        end
    end
    local old, next_id = key .. ':old', '-'
    call('RENAME', key, old)
    tail = {}
    return function()
        at = at + 1
        if at > #tail then
            tail, at = call('XRANGE', old, next_id, '+', 'COUNT', COPY_ROWS), 1
            if #tail == 0 then call('DEL', old) else next_id = '(' .. tail[#tail][1] end
        end
        return tail[at]
    end
end

-- late: buckets {start, fields} in order, the first not above the last entry
local function rewrite(key, res, late)
    local next_entry = take_tail(key, late[1].start)
    local entry, i = next_entry(), 1
    while entry or late[i] do
        local there = entry and time_of(entry)
        if late[i] and (not entry or late[i].start < there) then
            add_entry(key, res, late[i].start, late[i].fields)
            i = i + 1
        elseif late[i] and late[i].start == there then
            add_entry(key, res, there, merged(res, entry[2], late[i].fields))
            entry, i = next_entry(), i + 1
        else
            add_entry(key, res, there, map_of(entry[2]))
            entry = next_entry()
        end
    end
end

local function stream_of(res, scope)
    return res == 'health' and 'roll:health:1m:' .. scope or 'roll:' .. res .. ':' .. scope
end

local function is_due(name, every_ms)
    local since = now_ms - (tonumber(call('HGET', prefix .. 'due', name) or '0') or 0)
    return finishing or since >= (every_ms or DUE_MS) or since < 0
end

local function note_done(name) call('HSET', prefix .. 'due', name, whole(now_ms)) end

local function forget_bucket(name)
    call('ZREM', prefix .. 'open', name)
    call('DEL', prefix .. 'open:' .. name)
end

-- group: {res, scope, starts...} of buckets that are over, ascending
local function close_group(group, crowded)
    local name = stream_of(group.res, group.scope)
    local key = prefix .. name
    if type_problem(name, 'stream') then return end
    local newest = call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
    local last = newest and time_of(newest) or -1
    local due = crowded or is_due(name)
    local late = {}
    for _, start in ipairs(group) do
        local bucket = format('%s:%s:%s', group.res, group.scope, whole(start))
        local fields = read_hash('open:' .. bucket)
        if start > last then
            add_entry(key, group.res, start, fields)
            if group.res == '1m' then hand_on(group.scope, start, fields) end
            forget_bucket(bucket)
        elseif start < math.min(last, future_ms) - RESOLUTIONS[group.res].kept then
            if group.res == '1m' then hand_on(group.scope, start, fields) end
            forget_bucket(bucket) -- the stream does not go back so far
        elseif due then
            late[#late + 1] = {start = start, fields = fields}
            if group.res == '1m' then hand_on(group.scope, start, fields) end
            forget_bucket(bucket)
        end
    end
    if #late > 0 then
        rewrite(key, group.res, late)
        note_done(name)
    end
end

local function watermark()
    local lowest
    local marks = call('HGETALL', prefix .. 'marks')
    for i = 1, #marks, 2 do
        local live = marks[i] == sensor or call('EXISTS', prefix .. 'hb:' .. marks[i]) == 1
        local ms = tonumber(marks[i + 1])
        if live and ms and (not lowest or ms < lowest) then lowest = ms end
    end
    return lowest
end

local function close_buckets(mark)
    local until_ms = mark and whole(mark - GRACE_MS) or '+inf'
    local limit = finishing and -1 or CLOSE_AT_ONCE
    local names = call('ZRANGEBYSCORE', prefix .. 'open', '-inf', until_ms, 'LIMIT', 0, limit)
    local groups, order = {}, {}
    for _, name in ipairs(names) do
        local res, scope, start = name:match('^(%w+):([%w._-]+):(%d+)$')
        local id = RESOLUTIONS[res] and res .. ':' .. scope
        if id and not groups[id] then
            groups[id] = {res = res, scope = scope}
            order[#order + 1] = id
        end
        if id then table.insert(groups[id], tonumber(start)) else call('ZREM', prefix .. 'open', name) end
    end
    for _, id in ipairs(order) do close_group(groups[id], #names == CLOSE_AT_ONCE) end
end
