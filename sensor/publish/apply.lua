#!lua
-- apply.lua - the single door to what Waxseal keeps in Redis (deploy/redis-layout.md): applies one batch of one sensor, whole
-- or not at all, and exactly once.
--
-- KEYS     waxseal:{SITE}:meta, all other keys have the same beginning, hence the same slot of a Cluster; waxseal:{SITE}:moving, which
--          never exists: while a Cluster moves the slot, a call that names a missing key is put off
-- ARGV     sensor, run, number, number of the batch that must have been applied before (0: none), then operations: word, count,
--          that many arguments (feed.c)
-- Answers  {word, last_batch, text}; word: applied, repeated, early, renumber. Errors: REFUSED, WRONGTYPE
--
-- Whatever a later batch may rewrite (streams of buckets, views, gauges) comes out the same however the operations were cut into
-- batches. The clock of Redis decides only when views and late buckets are due, TTLs, and what lies too far in the future.

local call, format = redis.call, string.format
local prefix = KEYS[1]:match('^(waxseal:{[%w._-]+}:)meta$')
local sensor, run, number, after = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local MINUTE_MS, HOUR_MS, DAY_MS = 60000, 3600000, 86400000
local GRACE_MS, DUE_MS, NOW_DUE_MS = 60000, 30000, 1000
local RECORD_TTL_S, GAUGES_TTL_S, VIEW_TTL_S = 30 * 86400, 86400, 7 * 86400
local RUNS, TOP_ROWS, TOP_NAMES_AN_HOUR, CERT_SERVERS = 16, 100, 1000, 100
local VIEW_ROWS, INDEX_ROWS, TAIL_ROWS, COPY_ROWS, CLOSE_AT_ONCE, FORGOTTEN_AT_ONCE = 2000, 10000, 300, 200, 1000, 1000
local RESOLUTIONS = {
    ['1m'] = {width = MINUTE_MS, kept = 7 * DAY_MS},
    ['1h'] = {width = HOUR_MS, kept = 90 * DAY_MS},
    ['1d'] = {width = DAY_MS, kept = 1826 * DAY_MS},
    health = {width = MINUTE_MS, kept = 7 * DAY_MS},
}
local TOPS = {'cipher', 'group', 'server', 'rule', 'client', 'issuer', 'mechanism'}
local HEALTH_COUNTS = {'packets', 'bytes', 'sessions', 'dropped', 'gap_bytes', 'gaps', 'duplicates', 'one_sided', 'truncated',
    'evicted', 'events_sent', 'events_lost'}
local HEALTH_LAST = {'flows', 'flows_max', 'queue_batches', 'queue_bytes', 'spool_bytes', 'lag_ms', 'rtt_us', 'clock_offset_ms'}

-- What a pie shows: hash, and per category its name and the counter that it is the 24 h sum of.
local HISTS = {
    tls = {'SSL2', 'version_ssl2', 'SSL3', 'version_ssl3', 'TLS1.0', 'version_tls10', 'TLS1.1', 'version_tls11',
        'TLS1.2', 'version_tls12', 'TLS1.3', 'version_tls13', 'none', 'version_none'},
    mode = {'implicit', 'mode_implicit', 'starttls', 'mode_starttls', 'plaintext', 'mode_plaintext', 'undecidable',
        'mode_undecidable'},
    starttls = {'upgraded', 'starttls_upgraded', 'not_used', 'starttls_not_used', 'not_offered', 'starttls_not_offered',
        'stripped', 'starttls_stripped', 'refused', 'starttls_refused', 'failed', 'starttls_failed', 'none', 'starttls_none',
        'unknown', 'starttls_unknown'},
    verdict = {'compliant', 'verdict_compliant', 'weak', 'verdict_weak', 'insecure', 'verdict_insecure', 'undecidable',
        'verdict_undecidable'},
    severity = {'none', 'severity_none', 'info', 'severity_info', 'low', 'severity_low', 'medium', 'severity_medium', 'high',
        'severity_high', 'critical', 'severity_critical'},
    protocol = {'smtp', 'protocol_smtp', 'lmtp', 'protocol_lmtp', 'imap', 'protocol_imap', 'pop3', 'protocol_pop3', 'sieve',
        'protocol_sieve', 'other', 'protocol_other', 'unknown', 'protocol_unknown'},
    direction = {'inbound', 'direction_inbound', 'outbound', 'direction_outbound', 'internal', 'direction_internal', 'transit',
        'direction_transit', 'none', 'direction_unknown'},
    auth = {'none', 'auth_none', 'cleartext', 'auth_cleartext', 'protected_mechanism', 'auth_protected_mechanism',
        'inside_tls_unknown', 'auth_inside_tls_unknown'},
    cert = {'visible', 'cert_visible', 'hidden_tls13', 'cert_hidden_tls13', 'hidden_resumed', 'cert_hidden_resumed', 'gap',
        'cert_gap', 'none', 'cert_none'},
    alert = {'unknown_ca', 'alert_unknown_ca', 'bad_certificate', 'alert_bad_certificate', 'certificate_expired',
        'alert_certificate_expired', 'certificate_unknown', 'alert_certificate_unknown', 'protocol_version',
        'alert_protocol_version', 'handshake_failure', 'alert_handshake_failure', 'inappropriate_fallback',
        'alert_inappropriate_fallback', 'other', 'alert_other'},
    tlsrpt = {'successful', 'tlsrpt_success', 'starttls-not-supported', 'tlsrpt_starttls_not_supported',
        'certificate-host-mismatch', 'tlsrpt_certificate_host_mismatch', 'certificate-expired', 'tlsrpt_certificate_expired',
        'certificate-not-trusted', 'tlsrpt_certificate_not_trusted', 'validation-failure', 'tlsrpt_validation_failure'},
}

-- ---- small things

local function whole(n) return format('%.0f', n) end

local function pct(part, of)
    return of > 0 and format('%.2f', 100 * part / of) or '-1'
end

local function map_of(list)
    local map = {}
    for i = 1, #list, 2 do map[list[i]] = list[i + 1] end
    return map
end

-- A whole number that a double holds exactly.
local function is_count(text) return text and #text <= 16 and text:find('^%-?%d+$') ~= nil end

local function is_name(text) return text and #text <= 63 and text:find('^[%w._-]+$') ~= nil end

-- unpack() has a limit, and a hash may have more fields than that.
local function set_fields(key, list)
    for i = 1, #list, 500 do call('HSET', key, unpack(list, i, math.min(i + 499, #list))) end
end

local clock = call('TIME')
local now_ms = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local future_ms = now_ms + DAY_MS

-- Adds numbers to fields: in two commands, where HINCRBY would take one for each.
local function add_to_hash(key, sums)
    local names, set = {}, {}
    for name in pairs(sums) do names[#names + 1] = name end
    if #names == 0 then return end
    local old = call('HMGET', key, unpack(names))
    for i, name in ipairs(names) do
        set[2 * i - 1] = name
        set[2 * i] = whole((tonumber(old[i] or '0') or 0) + sums[name])
    end
    call('HSET', key, unpack(set))
end

-- ---- is it new?

-- A hash of another sensor, or one that another program may have put in its place.
local function read_hash(name)
    return call('TYPE', prefix .. name).ok == 'hash' and map_of(call('HGETALL', prefix .. name)) or {}
end

local function refused(text) return redis.error_reply('REFUSED ' .. text) end

if not prefix then return refused('KEYS[1] is not waxseal:{SITE}:meta') end
if not is_name(sensor) or not is_name(run) or not is_count(number) or not is_count(after) then
    return refused('sensor, run or number is malformed')
end

local function type_problem(name, wanted)
    local is = call('TYPE', prefix .. name).ok
    return is ~= 'none' and is ~= wanted and
        format('%s%s is a %s and not a %s: another program uses this name', prefix, name, is, wanted) or nil
end

local fixed = {
    hash = {'meta', 'marks', 'now', 'due', 'advice', 'hist:certdays', 'sensor:' .. sensor, 'gauges:' .. sensor},
    zset = {'open', 'hours', 'idx:servers', 'idx:certs', 'idx:clients', 'runs:' .. sensor},
    stream = {'events', 'alerts', 'view:servers', 'view:certs', 'view:clients', 'view:sensors', 'roll:health:1m:' .. sensor},
    set = {'sensors'},
    string = {'hb:' .. sensor, 'hb:all'},
}
for name in pairs(HISTS) do table.insert(fixed.hash, 'hist:' .. name) end
for _, name in ipairs(TOPS) do
    table.insert(fixed.zset, 'top:' .. name)
    table.insert(fixed.zset, 'win:' .. name)
end
for _, scope in ipairs({'all', sensor}) do
    for _, res in ipairs({'1m', '1h', '1d'}) do table.insert(fixed.stream, 'roll:' .. res .. ':' .. scope) end
end
for wanted, names in pairs(fixed) do
    for _, name in ipairs(names) do
        local problem = type_problem(name, wanted)
        if problem then return redis.error_reply('WRONGTYPE ' .. problem) end
    end
end

local last_batch = tonumber(call('HGET', prefix .. 'sensor:' .. sensor, 'last_batch') or '0') or 0
local own_batch = tonumber(call('ZSCORE', prefix .. 'runs:' .. sensor, run) or '0')
if tonumber(number) <= own_batch then return {'repeated', whole(last_batch), ''} end
if own_batch < tonumber(after) then return {'early', whole(last_batch), ''} end
if tonumber(number) <= last_batch then return {'renumber', whole(last_batch), ''} end

-- ---- is it sound?  Nothing has been written so far, and nothing is until the whole batch has been looked at.

-- shape: least number of arguments; 0 where the rest comes in pairs; greatest number
local SHAPES = {
    limits = {3, 0, 3}, fields = {1}, event = {2}, counters = {1}, roll = {1, 0}, health = {1, 0}, top = {2, 0}, alert = {1, 0},
    server = {3, 0}, cert = {3, 0}, client = {3, 0}, gauges = {0, 0}, sensor = {0, 0}, advice = {0, 0}, heartbeat = {1, 0, 1},
    mark = {2, 0, 2}, finish = {0, 0, 0},
}
local NUMBERED = {roll = 1, health = 1, top = 2, alert = 1, event = 1, mark = 1, heartbeat = 1}
local RECORDS = {server = 'srv:', cert = 'cert:', client = 'cli:'}
local known_tops = {}
for _, name in ipairs(TOPS) do known_tops[name] = true end

-- Fields of records that are added up; of which the later one counts; numbers all of them.
local SUMS, LATEST, NUMBERS = {}, {offer_ms = true, no_offer_ms = true}, {}
for name in ('sessions encrypted decidable compliant judged offered offer_known plaintext auth_cleartext mismatch'):gmatch('%S+') do
    SUMS[name], NUMBERS[name] = true, true
end
for name in ('first_ms last_ms offer_ms no_offer_ms cert_not_after not_before not_after key_bits validity_days servers weak reused '
    .. 'weak_offer no_aead no_ecdhe'):gmatch('%S+') do
    NUMBERS[name] = true
end

local field_count, counter_count = 0, 0
local checks = {}

local function pairs_are_counts(at, last)
    for i = at, last, 2 do
        if not is_count(ARGV[i + 1]) then return false end
    end
    return true
end

checks.fields = function(at, n)
    field_count = n
    return n <= 400
end
checks.event = function(at, n) return field_count > 0 and n == field_count + 1 end
checks.counters = function(at, n)
    counter_count = n
    for i = at, at + n - 1 do
        if not ARGV[i]:find('^[%l%d_]+$') then return false end
    end
    return n <= 400
end
local looked_at, wrong_type = {}, nil
local function hash_or_none(name)
    looked_at[name] = looked_at[name] or type_problem(name, 'hash') or 'fine'
    if looked_at[name] ~= 'fine' then wrong_type = looked_at[name] end
    return looked_at[name] == 'fine'
end
checks.roll = function(at, n)
    local time = tonumber(ARGV[at])
    for i = at + 1, at + n - 1, 2 do
        local index = tonumber(ARGV[i])
        if not is_count(ARGV[i]) or index < 1 or index > counter_count then return false end
    end
    return pairs_are_counts(at + 1, at + n - 1) and time % MINUTE_MS == 0 and
        hash_or_none('open:1m:all:' .. ARGV[at]) and hash_or_none('open:1m:' .. sensor .. ':' .. ARGV[at]) and
        hash_or_none('hour:' .. whole(time - time % HOUR_MS))
end
checks.health = function(at, n)
    return pairs_are_counts(at + 1, at + n - 1) and tonumber(ARGV[at]) % MINUTE_MS == 0 and
        hash_or_none('open:health:' .. sensor .. ':' .. ARGV[at])
end
checks.top = function(at, n)
    return known_tops[ARGV[at]] and pairs_are_counts(at + 2, at + n - 1) and tonumber(ARGV[at + 1]) % HOUR_MS == 0 and
        hash_or_none('hour:' .. ARGV[at + 1])
end
checks.alert = function(at)
    local time = tonumber(ARGV[at])
    return hash_or_none('hour:' .. whole(time - time % HOUR_MS))
end
checks.limits = function(at) return pairs_are_counts(at - 1, at - 1) and pairs_are_counts(at, at) and is_count(ARGV[at + 2]) end
checks.mark = function(at) return is_count(ARGV[at + 1]) end
checks.heartbeat = function(at) return tonumber(ARGV[at]) > 0 end
local function record_sound(at, n)
    for i = at + 1, at + n - 1, 2 do
        local name, value = ARGV[i], ARGV[i + 1]
        if NUMBERS[name] then
            if not is_count(value) then return false end
        elseif name:find('^rule:') and not value:find('^%d+ [0-5]$') then
            return false
        end
    end
    return ARGV[at + 1] == 'last_ms'
end
checks.server, checks.cert, checks.client = record_sound, record_sound, record_sound

local function problem_of(word, at, n)
    local shape = SHAPES[word]
    if not shape then return 'unknown operation' end
    local fits = n >= shape[1] and n <= (shape[3] or n) and at + n - 1 <= #ARGV
    if not fits or shape[2] and (n - shape[1]) % 2 ~= 0 then return 'wrong number of arguments' end
    local time = NUMBERED[word]
    if time and not is_count(ARGV[at + time - 1]) then return 'a time that is no number' end
    if checks[word] and not checks[word](at, n) then return 'arguments that cannot be' end
end

local ops = {}
do
    local at = 5
    while at <= #ARGV do
        local word, n = ARGV[at], is_count(ARGV[at + 1]) and tonumber(ARGV[at + 1]) or -1
        local problem = n < 0 and 'no count' or problem_of(word, at + 2, n)
        if wrong_type then return redis.error_reply('WRONGTYPE ' .. wrong_type) end
        if problem then return refused(format('operation %d, %s: %s', #ops + 1, word:sub(1, 20):gsub('%W', '?'), problem)) end
        ops[#ops + 1] = {word = word, at = at + 2, n = n}
        at = at + 2 + n
    end
end

-- ---- it is: from here on everything is written

call('ZADD', prefix .. 'runs:' .. sensor, number, run)
call('ZREMRANGEBYRANK', prefix .. 'runs:' .. sensor, 0, -RUNS - 1)
call('HSET', prefix .. 'sensor:' .. sensor, 'last_batch', number)
call('SADD', prefix .. 'sensors', sensor)

local finishing = false
local events_cap, alerts_cap = 100000, 50000
local counters = {}    -- names, of this batch

-- ---- log-like streams

-- Ids follow the time of the event but never fall. A time beyond tomorrow is a wrong clock's and must not drag the others along.
local function log_stream(name)
    local key, last = prefix .. name, nil
    return key, function(time)
        if not last then
            last = 1 -- 0-0 is no id; captures without times begin there
            if call('EXISTS', key) == 1 then last = tonumber(map_of(call('XINFO', 'STREAM', key))['last-generated-id']:match('^%d+')) end
        end
        local ms = tonumber(time)
        if ms > last and ms <= future_ms then last = ms end
        return whole(last) .. '-*'
    end
end

local events_key, event_id = log_stream('events')
local alerts_key, alert_id = log_stream('alerts')
local event_command

local apply = {}

apply.limits = function(at)
    events_cap, alerts_cap = ARGV[at], ARGV[at + 1]
end

apply.fields = function(at, n)
    event_command = {'XADD', events_key, 'MAXLEN', '~', events_cap, ''}
    for i = 0, n - 1 do
        event_command[7 + 2 * i] = ARGV[at + i]
        event_command[8 + 2 * i] = ''
    end
end

apply.event = function(at, n)
    local command, argv = event_command, ARGV
    command[6] = event_id(argv[at])
    for i = 1, n - 1 do command[6 + 2 * i] = argv[at + i] end
    call(unpack(command))
end

-- ---- the window of 24 hours: the hours in `hours`, each with an hour:START; win:LIST is the sum of their names

local newest_hour

local function drop_hour(start)
    local emptied = {}
    for field, value in pairs(read_hash('hour:' .. start)) do
        local kind, name = field:match('^top (%l+) (.*)$')
        if kind and is_count(value) then
            call('ZINCRBY', prefix .. 'win:' .. kind, '-' .. value, name)
            emptied[kind] = true
        end
    end
    for kind in pairs(emptied) do call('ZREMRANGEBYSCORE', prefix .. 'win:' .. kind, '-inf', 0) end
    call('DEL', prefix .. 'hour:' .. start)
    call('ZREM', prefix .. 'hours', start)
end

-- Is this hour in the window? A newer one moves it.
local function in_window(hour)
    if not newest_hour then
        newest_hour = tonumber(call('ZRANGE', prefix .. 'hours', -1, -1)[1] or '-1') or -1
    end
    if hour > future_ms or hour <= newest_hour - DAY_MS then return false end
    local start = whole(hour)
    call('ZADD', prefix .. 'hours', start, start)
    if hour > newest_hour then
        newest_hour = hour
        for _, old in ipairs(call('ZRANGEBYSCORE', prefix .. 'hours', '-inf', whole(hour - DAY_MS))) do drop_hour(old) end
    end
    return true
end

local function window_add(hour, sums)
    if in_window(hour) then add_to_hash(prefix .. 'hour:' .. whole(hour), sums) end
end

-- HINCRBY that gets over a number that is none, as nobody but a stranger writes it.
local function increase(key, field, delta)
    local sum = redis.pcall('HINCRBY', key, field, delta)
    if type(sum) == 'number' then return sum end
    call('HSET', key, field, delta)
    return tonumber(delta)
end

apply.top = function(at, n)
    local kind, hour = ARGV[at], tonumber(ARGV[at + 1])
    if not in_window(hour) then return end
    local key, win = prefix .. 'hour:' .. whole(hour), prefix .. 'win:' .. kind
    local known = tonumber(call('HGET', key, '#' .. kind) or '0') or 0
    for i = at + 2, at + n - 1, 2 do
        local name, delta = ARGV[i], ARGV[i + 1]
        local field = 'top ' .. kind .. ' ' .. name
        local new = increase(key, field, delta) == tonumber(delta) and name ~= 'other'
        if new and known >= TOP_NAMES_AN_HOUR then
            call('HDEL', key, field)
            name = 'other'
            increase(key, 'top ' .. kind .. ' other', delta)
        elseif new then
            known = known + 1
        end
        call('ZINCRBY', win, delta, name)
    end
    call('HSET', key, '#' .. kind, whole(known))
end

apply.alert = function(at, n)
    local values = {unpack(ARGV, at + 1, at + n - 1)}
    call('XADD', alerts_key, 'MAXLEN', '~', alerts_cap, alert_id(ARGV[at]), unpack(values))
    local alert = map_of(values)
    local ms = tonumber(ARGV[at])
    local cleared = alert.state == 'cleared'
    window_add(ms - ms % HOUR_MS, {
        alerts_raised = cleared and 0 or 1,
        alerts_cleared = cleared and 1 or 0,
        alerts_open_ms = cleared and is_count(alert.open_ms) and tonumber(alert.open_ms) or 0,
    })
end

