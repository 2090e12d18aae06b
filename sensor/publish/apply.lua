#!lua
-- apply.lua - the single door to what Waxseal keeps in Redis: applies one batch of one sensor, whole or not at all.
-- KEYS[1] waxseal:{SITE}:meta   ARGV sensor run number operations...   Answers {word, last_batch, text}.
local prefix = KEYS[1]:sub(1, -5)
local sensor, run, number = ARGV[1], ARGV[2], tonumber(ARGV[3])
local last = tonumber(redis.call('HGET', prefix .. 'sensor:' .. sensor, 'last_batch') or 0)
local own = tonumber(redis.call('ZSCORE', prefix .. 'runs:' .. sensor, run) or 0)
if number <= own then return {'repeated', string.format('%.0f', last), ''} end
if number <= last then return {'renumber', string.format('%.0f', last), ''} end
redis.call('ZADD', prefix .. 'runs:' .. sensor, ARGV[3], run)
redis.call('HSET', prefix .. 'sensor:' .. sensor, 'last_batch', ARGV[3])
return {'applied', ARGV[3], ''}
