-- ---- records: what is known of a server, a certificate, a client

local VERSIONS = {SSL2 = 1, SSL3 = 2, ['TLS1.0'] = 3, ['TLS1.1'] = 4, ['TLS1.2'] = 5, ['TLS1.3'] = 6}
local FOLLOWS = {offer_sensor = 'offer_ms', no_offer_sensor = 'no_offer_ms'}
local UNKNOWN = {none = true, ['-1'] = true}

-- How fields of a record take in what a batch brings: each returns the new value, or nil where the old one stays. `taken` has the
-- times that were replaced, so that what belongs to them follows.
local merge = {}

function merge.sum(old, new) return whole((tonumber(old) or 0) + tonumber(new)) end

function merge.first_ms(old, new) return tonumber(new) < (tonumber(old) or math.huge) and new or nil end

function merge.last_ms(_, new, newer) return newer and new or nil end

function merge.latest(old, new, _, taken, name)
    local there = tonumber(old) or -1
    taken[name] = tonumber(new) >= 0 and (tonumber(new) >= there or there > future_ms)
    return taken[name] and new or nil
end

function merge.follows(_, new, _, taken, name) return taken[FOLLOWS[name]] and new or nil end

function merge.best_version(old, new) return (VERSIONS[new] or 0) > (VERSIONS[old] or 0) and new or nil end

function merge.worst_version(old, new) return (VERSIONS[new] or 9) < (VERSIONS[old] or 9) and new or nil end

function merge.rule(old, new) return tonumber(new:match('^%d+')) >= tonumber(old:match('^%d+') or '0') and new or nil end

function merge.fact(_, new, newer) return newer and not UNKNOWN[new] and new or nil end

-- The way of a field, found out once in a call.
local way_of = setmetatable({}, {__index = function(ways, name)
    local way = merge[name] or SUMS[name] and merge.sum or LATEST[name] and merge.latest or FOLLOWS[name] and merge.follows or
        name:sub(1, 5) == 'rule:' and merge.rule or merge.fact
    ways[name] = way
    return way
end})

local function merge_record(key, old, names, at, newer)
    local set, taken, count = {}, {}, 0
    for i = 1, #names do
        local name, new = names[i], ARGV[at + 2 * i]
        local value = old[i] and way_of[name](old[i], new, newer, taken, name) or not old[i] and new
        if value and value ~= old[i] then
            set[count + 1], set[count + 2] = name, value
            count = count + 2
        end
    end
    if count > 0 then call('HSET', key, unpack(set)) end
end

local function apply_record(word, index)
    return function(at, n)
        local key, names = prefix .. RECORDS[word] .. ARGV[at], {}
        for i = at + 1, at + n - 1, 2 do names[#names + 1] = ARGV[i] end
        local old = redis.pcall('HMGET', key, unpack(names))
        if old.err then return end -- another program's key; nothing else is held up by it
        local last, new_last = tonumber(old[1] or '-1') or -1, tonumber(ARGV[at + 2])
        local newer = new_last >= last or last > future_ms
        if old[1] then merge_record(key, old, names, at, newer) else call('HSET', key, unpack(ARGV, at + 1, at + n - 1)) end
        if new_last - last >= HOUR_MS then call('EXPIRE', key, RECORD_TTL_S) end
        if newer then call('ZADD', prefix .. 'idx:' .. index, ARGV[at + 2], ARGV[at]) end
    end
end

apply.server = apply_record('server', 'servers')
apply.client = apply_record('client', 'clients')

-- A certificate keeps the servers that showed it, at most so many, to be counted.
local note_cert = apply_record('cert', 'certs')
apply.cert = function(at, n)
    local key = prefix .. 'cert:' .. ARGV[at]
    note_cert(at, n)
    if type_problem('cert:' .. ARGV[at], 'hash') then return end
    local servers = tonumber(call('HGET', key, 'servers') or '0') or 0
    for i = at + 1, at + n - 1, 2 do
        if ARGV[i] == 'server' and servers < CERT_SERVERS and call('HSETNX', key, '@' .. ARGV[i + 1], '1') == 1 then
            servers = servers + 1
        end
    end
    call('HSET', key, 'servers', whole(servers))
end

-- ---- the sensor of itself

local function own_hash(name)
    return function(at, n)
        if n > 0 then set_fields(prefix .. name, {unpack(ARGV, at, at + n - 1)}) end
    end
end

apply.sensor = own_hash('sensor:' .. sensor)
apply.advice = own_hash('advice')
apply.gauges = function(at, n)
    own_hash('gauges:' .. sensor)(at, n)
    call('EXPIRE', prefix .. 'gauges:' .. sensor, GAUGES_TTL_S)
end

apply.heartbeat = function(at)
    call('SET', prefix .. 'hb:' .. sensor, whole(now_ms), 'EX', ARGV[at])
    call('SET', prefix .. 'hb:all', whole(now_ms), 'EX', ARGV[at])
    call('HSET', prefix .. 'sensor:' .. sensor, 'ended', '0', 'updated_ms', whole(now_ms))
end

-- A clock that is ahead by days must not hold anything open or closed for the others.
apply.mark = function(at)
    local mark, newest = math.min(tonumber(ARGV[at]), future_ms), tonumber(ARGV[at + 1])
    call('HSET', prefix .. 'marks', sensor, whole(mark))
    call('HSET', prefix .. 'sensor:' .. sensor, 'watermark_ms', whole(mark))
    local there = tonumber(call('HGET', prefix .. 'now', 'newest_ms') or '-1') or -1
    if newest <= future_ms and newest > there then call('HSET', prefix .. 'now', 'newest_ms', whole(newest)) end
end

apply.finish = function()
    finishing = true
    call('HDEL', prefix .. 'marks', sensor)
    call('DEL', prefix .. 'hb:' .. sensor)
    call('HSET', prefix .. 'sensor:' .. sensor, 'ended', '1', 'updated_ms', whole(now_ms))
end

-- ---- views: streams used as tables, made anew and swapped whole

local SEVERITIES = {[0] = 'none', 'info', 'low', 'medium', 'high', 'critical'}
local newest_ms -- of the site: what "now" is for days left, so that an old capture is judged as of then
local advice

-- The findings of a record that were seen in the day before its last session, worst first.
local function findings_of(record)
    local found, since = {}, tonumber(record.last_ms) - DAY_MS
    for name, value in pairs(record) do
        local rule = name:match('^rule:(.+)$')
        local ms, severity = value:match('^(%d+) (%d)$')
        if rule and ms and tonumber(ms) >= since then found[#found + 1] = {rule = rule, sev = tonumber(severity)} end
    end
    table.sort(found, function(a, b)
        if a.sev ~= b.sev then return a.sev > b.sev end
        return a.rule < b.rule
    end)
    local names = {}
    for i, finding in ipairs(found) do names[i] = finding.rule end
    local worst = found[1] or {sev = 0}
    return worst.sev, SEVERITIES[worst.sev], #names > 0 and table.concat(names, ',') or 'none', advice[worst.rule] or 'none'
end

local function days_until(ms)
    return ms and ms >= 0 and math.floor((ms - newest_ms) / DAY_MS) or nil
end

local function share(record, part, of)
    return pct(tonumber(record[part]), tonumber(record[of]))
end

local function seconds_to_ms(text)
    local s = tonumber(text)
    return s >= 0 and s * 1000 or -1
end

local VIEWS = {}

VIEWS.servers = {
    record = 'srv:',
    counted = {'last_ms', 'verdict', 'offer_ms', 'no_offer_ms'},
    sums = {'servers_insecure', 'servers_no_starttls'},
    count = function(sums, r)
        if r.verdict == 'insecure' then sums.servers_insecure = sums.servers_insecure + 1 end
        local without = tonumber(r.no_offer_ms) > tonumber(r.offer_ms)
        if without then sums.servers_no_starttls = sums.servers_no_starttls + 1 end
    end,
    row = function(id, r)
        local sev, severity, findings, what_to_do = findings_of(r)
        local ip, port = id:match('^(.*):(%d+)$')
        ip, port = ip or 'none', port or '-1'
        local days = days_until(seconds_to_ms(r.cert_not_after))
        return {'server', id, 'server_ip', ip, 'server_port', port, 'name', r.name, 'protocol', r.protocol, 'role', r.role,
            'sessions', r.sessions, 'encrypted_pct', share(r, 'encrypted', 'decidable'), 'compliant_pct',
            share(r, 'compliant', 'judged'), 'offer_pct', share(r, 'offered', 'offer_known'), 'severity', severity, 'sev',
            whole(sev), 'findings', findings, 'best_version', r.best_version, 'worst_version', r.worst_version, 'cipher',
            r.cipher, 'cert', r.cert_sha256, 'cert_days', days and whole(days) or '-1',
            'first_seen_ms', r.first_ms, 'last_seen_ms', r.last_ms, 'advice', what_to_do}
    end,
}

local DAYS = {{'expired', -1}, {'d0_7', 7}, {'d8_14', 14}, {'d15_30', 30}, {'d31_90', 90}, {'d91_up', math.huge}}

VIEWS.certs = {
    record = 'cert:',
    counted = {'last_ms', 'not_after', 'weak', 'reused'},
    sums = {'certs_expired', 'certs_7d', 'certs_14d', 'certs_30d', 'certs_weak', 'certs_reused_keys', 'expired', 'd0_7', 'd8_14',
        'd15_30', 'd31_90', 'd91_up'},
    count = function(sums, r)
        local function add(name, yes) sums[name] = sums[name] + (yes and 1 or 0) end
        local left = days_until(seconds_to_ms(r.not_after))
        add('certs_weak', r.weak == '1')
        add('certs_reused_keys', r.reused == '1')
        if not left then return end
        add('certs_expired', left < 0)
        add('certs_7d', left >= 0 and left <= 7)
        add('certs_14d', left >= 0 and left <= 14)
        add('certs_30d', left >= 0 and left <= 30)
        for _, band in ipairs(DAYS) do
            if left <= band[2] then return add(band[1], true) end
        end
    end,
    done = function(sums)
        for _, band in ipairs(DAYS) do
            call('HSET', prefix .. 'hist:certdays', band[1], whole(sums[band[1]]))
            sums[band[1]] = nil
        end
    end,
    row = function(id, r)
        local left = days_until(seconds_to_ms(r.not_after))
        return {'cert', id, 'subject', r.subject, 'issuer', r.issuer, 'names', r.names, 'key', r.key, 'key_bits', r.key_bits,
            'signature', r.signature, 'not_before_ms', whole(seconds_to_ms(r.not_before)), 'not_after_ms',
            whole(seconds_to_ms(r.not_after)), 'cert_days', left and whole(left) or '-1', 'validity_days', r.validity_days,
            'trust', r.trust, 'scope', r.scope, 'validation', r.validation, 'servers', r.servers, 'server', r.server, 'sessions',
            r.sessions, 'mismatch', r.mismatch, 'weak', r.weak, 'first_seen_ms', r.first_ms, 'last_seen_ms', r.last_ms}
    end,
}

local function is_legacy(r)
    local best = VERSIONS[r.best_version]
    return best and best < VERSIONS['TLS1.2']
end

local function would_break(r)
    local words = {}
    if is_legacy(r) then words[#words + 1] = 'tls12' end
    if r.no_aead == '1' then words[#words + 1] = 'aead' end
    if r.no_ecdhe == '1' then words[#words + 1] = 'ecdhe' end
    if r.plaintext == r.sessions then words[#words + 1] = 'tls' end
    return #words > 0 and table.concat(words, ',') or 'none'
end

VIEWS.clients = {
    record = 'cli:',
    counted = {'last_ms', 'best_version'},
    sums = {'clients_legacy'},
    count = function(sums, r) sums.clients_legacy = sums.clients_legacy + (is_legacy(r) and 1 or 0) end,
    row = function(id, r)
        local sev, severity = findings_of(r)
        return {'client', id, 'helo', r.helo, 'sessions', r.sessions, 'best_version', r.best_version, 'ja4', r.ja4, 'legacy',
            VERSIONS[r.best_version] and (is_legacy(r) and '1' or '0') or '-1', 'weak_offer', r.weak_offer, 'no_aead', r.no_aead,
            'no_ecdhe', r.no_ecdhe, 'plaintext', r.plaintext, 'auth_cleartext', r.auth_cleartext, 'severity', severity, 'sev',
            whole(sev), 'would_break', would_break(r), 'first_seen_ms', r.first_ms, 'last_seen_ms', r.last_ms}
    end,
}

-- What a record does not have is unknown, so that every row has every column.
local unknown = {__index = function(_, name) return NUMBERS[name] and '-1' or 'none' end}

-- A number that is none, as nobody but a stranger writes it, is unknown, too.
local function make_sound(record)
    for name, value in pairs(record) do
        if NUMBERS[name] and not is_count(value) then record[name] = nil end
    end
    return setmetatable(record, unknown)
end

local function swap(name)
    local key, made = prefix .. 'view:' .. name, prefix .. 'view:' .. name .. ':new'
    if call('EXISTS', made) == 0 then return call('DEL', key) end
    call('RENAME', made, key)
    call('EXPIRE', key, VIEW_TTL_S)
end

-- What was not seen for longest goes, with its record, so that a sweep over many addresses does not fill Redis.
local function forget_oldest(index, record)
    local excess = call('ZCARD', index) - INDEX_ROWS
    while excess > 0 do
        local ids = call('ZRANGE', index, 0, math.min(excess, FORGOTTEN_AT_ONCE) - 1)
        call('ZREM', index, unpack(ids))
        for i, id in ipairs(ids) do ids[i] = prefix .. record .. id end
        call('DEL', unpack(ids))
        excess = excess - #ids
    end
end

local function make_view(name)
    local view, index = VIEWS[name], prefix .. 'idx:' .. name
    forget_oldest(index, view.record)
    local ids = call('ZRANGE', index, 0, -1)
    local sums, made, total, newest = {}, prefix .. 'view:' .. name .. ':new', 0, 1
    for _, sum in ipairs(view.sums) do sums[sum] = 0 end
    call('DEL', made)
    for i, id in ipairs(ids) do
        local record
        if i <= #ids - VIEW_ROWS then
            record = {}
            for k, value in ipairs(call('HMGET', prefix .. view.record .. id, unpack(view.counted))) do
                record[view.counted[k]] = value or nil
            end
        else
            record = read_hash(view.record .. id)
        end
        make_sound(record)
        if rawget(record, 'last_ms') then
            total, newest = total + 1, math.max(newest, tonumber(record.last_ms))
            view.count(sums, record)
            if i > #ids - VIEW_ROWS then call('XADD', made, whole(newest) .. '-*', unpack(view.row(id, record))) end
        else
            call('ZREM', index, id) -- the record has ended
        end
    end
    swap(name)
    if view.done then view.done(sums) end
    sums[name .. '_total'] = total
    local list = {}
    for field, value in pairs(sums) do
        list[#list + 1] = field
        list[#list + 1] = whole(value)
    end
    call('HSET', prefix .. 'now', unpack(list))
end

local SENSOR_TEXTS = {'version', 'interface', 'profile'}
local SENSOR_NUMBERS = {'started_ms', 'updated_ms', 'watermark_ms', 'packets', 'bytes', 'sessions'}
local QUALITY = {'drop_pct', 'gap_pct', 'duplicate_pct', 'one_sided_pct', 'truncated_pct'}
local SENSOR_LINK = {'flows', 'flows_max', 'queue_batches', 'spool_bytes', 'batches_applied', 'events_lost', 'lag_ms', 'rtt_us',
    'clock_offset_ms'}

local function sensor_row(name, r)
    local up = call('EXISTS', prefix .. 'hb:' .. name) == 1
    local row = {'sensor', name, 'state', up and 'up' or r.ended == '1' and 'ended' or 'lost'}
    local function put(names, unknown)
        for _, field in ipairs(names) do
            row[#row + 1] = field
            row[#row + 1] = r[field] or unknown
        end
    end
    put(SENSOR_TEXTS, 'none')
    put(SENSOR_NUMBERS, '-1')
    put(QUALITY, '-1')
    put({'mirror'}, 'none')
    put(SENSOR_LINK, '-1')
    return row, up
end

-- What the sensors say of themselves, added up into `now`.
local ADDED = {'alerts_open', 'open_info', 'open_low', 'open_medium', 'open_high', 'open_critical', 'events_lost'}
local RATES = {drop_pct = {'dropped', 'frames_dropped'}, gap_pct = {'gap_bytes', 'all_bytes'}, duplicate_pct = {'duplicates', 'segments'},
    one_sided_pct = {'one_sided', 'flows_seen'}, truncated_pct = {'truncated', 'frames'}}

local function add_up_sensors(set)
    local names = call('SMEMBERS', prefix .. 'sensors')
    local sum, up, mirror_ok, lag = {}, 0, 1, -1
    for _, name in ipairs(names) do
        up = up + call('EXISTS', prefix .. 'hb:' .. name)
        local gauges = read_hash('gauges:' .. name)
        for field, value in pairs(gauges) do sum[field] = (sum[field] or 0) + (tonumber(value) or 0) end
        if gauges.mirror_ok == '0' then mirror_ok = 0 end
        lag = math.max(lag, tonumber(gauges.lag_ms or '-1') or -1)
    end
    for _, field in ipairs(ADDED) do set(field, whole(sum[field] or 0)) end
    for field, of in pairs(RATES) do set(field, pct(sum[of[1]] or 0, sum[of[2]] or 0)) end
    set('sensors_total', whole(#names))
    set('sensors_up', whole(up))
    set('mirror_ok', whole(mirror_ok))
    set('lag_ms_max', whole(lag))
end

local function make_sensors()
    local names, made = call('SMEMBERS', prefix .. 'sensors'), prefix .. 'view:sensors:new'
    local rows = {}
    for _, name in ipairs(names) do
        local record = read_hash('sensor:' .. name)
        rows[#rows + 1] = {ms = is_count(record.updated_ms) and math.max(1, tonumber(record.updated_ms)) or 1, name = name, row = sensor_row(name, record)}
    end
    table.sort(rows, function(a, b)
        if a.ms ~= b.ms then return a.ms < b.ms end
        return a.name < b.name
    end)
    call('DEL', made)
    for i = math.max(1, #rows - VIEW_ROWS + 1), #rows do call('XADD', made, whole(rows[i].ms) .. '-*', unpack(rows[i].row)) end
    swap('sensors')
end

-- One view a call, so that no call is long; all of them at the end of a run.
local function make_due_views()
    local started = call('EXISTS', prefix .. 'due') == 0
    newest_ms = tonumber(call('HGET', prefix .. 'now', 'newest_ms') or '0') or 0
    advice = map_of(call('HGETALL', prefix .. 'advice'))
    for _, name in ipairs({'servers', 'certs', 'clients', 'sensors'}) do
        if started or is_due('view:' .. name) then
            if name == 'sensors' then make_sensors() else make_view(name) end
            note_done('view:' .. name)
            if not started and not finishing then return end
        end
    end
end

-- ---- gauges and pies

local SHARES = {
    {'encrypted_pct_24h', 'encrypted', 'decidable'},
    {'compliant_pct_24h', 'verdict_compliant', {'verdict_compliant', 'verdict_weak', 'verdict_insecure'}},
    {'compliant_unknown_pct_24h', 'verdict_undecidable', 'sessions'},
    {'encrypted_bytes_pct_24h', {'bytes_implicit', 'bytes_starttls'}, {'bytes_implicit', 'bytes_starttls', 'bytes_plaintext'}},
    {'forward_secrecy_pct_24h', 'forward_secrecy', 'suite_known'},
    {'aead_pct_24h', 'aead', 'suite_known'},
    {'pq_pct_24h', 'group_pq', 'group_known'},
    {'tls13_pct_24h', 'version_tls13', {'version_ssl2', 'version_ssl3', 'version_tls10', 'version_tls11', 'version_tls12',
        'version_tls13'}},
    {'suite_unknown_pct_24h', 'suite_unknown', 'encrypted'},
    {'cert_visible_pct_24h', 'cert_visible', {'cert_visible', 'cert_hidden_tls13', 'cert_hidden_resumed', 'cert_gap'}},
    {'upgraded_pct_24h', 'starttls_upgraded', {'starttls_upgraded', 'starttls_not_offered', 'starttls_stripped', 'starttls_not_used',
        'starttls_refused', 'starttls_failed'}},
    {'starttls_unknown_pct_24h', 'starttls_unknown', 'funnel_sessions'},
}

local function add_up(win, names)
    if type(names) == 'string' then return tonumber(win[names] or '0') end
    local sum = 0
    for _, name in ipairs(names) do sum = sum + tonumber(win[name] or '0') end
    return sum
end

-- Every counter, and what is counted of alerts, over the hours of the window.
local function sum_of_hours()
    local names, win = {'alerts_raised', 'alerts_cleared', 'alerts_open_ms'}, {}
    for name in (call('HGET', prefix .. 'meta', 'counters') or ''):gmatch('%S+') do names[#names + 1] = name end
    for _, start in ipairs(call('ZRANGE', prefix .. 'hours', 0, -1)) do
        if hash_or_none('hour:' .. start) then
            for i, value in ipairs(call('HMGET', prefix .. 'hour:' .. start, unpack(names))) do
                win[names[i]] = (win[names[i]] or 0) + (tonumber(value or '0') or 0)
            end
        end
    end
    for name, sum in pairs(win) do win[name] = whole(sum) end
    return win
end

local function make_now()
    local win, list = sum_of_hours(), {}
    local function set(name, value)
        list[#list + 1] = name
        list[#list + 1] = value
    end
    set('updated_ms', whole(now_ms))
    set('watermark_ms', whole(watermark() or newest_ms))
    for name in (call('HGET', prefix .. 'meta', 'counters') or ''):gmatch('%S+') do set(name .. '_24h', win[name] or '0') end
    for _, gauge in ipairs(SHARES) do set(gauge[1], pct(add_up(win, gauge[2]), add_up(win, gauge[3]))) end
    local sessions = add_up(win, 'sessions')
    set('encrypted_unknown_pct_24h', pct(sessions - add_up(win, 'decidable'), sessions))
    set('alerts_raised_24h', whole(add_up(win, 'alerts_raised')))
    set('alerts_cleared_24h', whole(add_up(win, 'alerts_cleared')))
    local cleared = add_up(win, 'alerts_cleared')
    set('fix_hours_avg', cleared > 0 and format('%.2f', add_up(win, 'alerts_open_ms') / cleared / HOUR_MS) or '-1')
    add_up_sensors(set)
    set_fields(prefix .. 'now', list)
    for name, rows in pairs(HISTS) do
        local values = {}
        for i = 1, #rows, 2 do
            values[i] = rows[i]
            values[i + 1] = win[rows[i + 1]] or '0'
        end
        call('HSET', prefix .. 'hist:' .. name, unpack(values))
    end
end

local function make_tops()
    for _, kind in ipairs(TOPS) do
        call('ZRANGESTORE', prefix .. 'top:' .. kind, prefix .. 'win:' .. kind, 0, TOP_ROWS - 1, 'REV')
    end
end

-- ---- the batch itself

for _, op in ipairs(ops) do apply[op.word](op.at, op.n) end
store_sums()
close_buckets(watermark())
close_buckets(watermark()) -- the hours and days that the minutes were handed on to
make_due_views()
if is_due('now', NOW_DUE_MS) then
    make_now()
    make_tops()
    note_done('now')
end
call('HSET', prefix .. 'meta', 'layout', '2')
return {'applied', number, ''}
