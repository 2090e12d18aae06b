/* plugin.js - what the Redis data source 2.2 sends for a target, and the frames that it builds from the reply.
 *
 * With its traps: a stream's column gets its type from its first value, what is missing becomes 0 or "", a number is what Go's
 * ParseFloat takes for one. Only some keys of a target are interpolated. */
"use strict";
const { interpolate } = require("./variables");

const INTERPOLATED = ["keyName", "query", "field", "filter", "legend", "value", "path"];
/* The keys of a target that the plugin reads, with their JSON types. */
const KEYS = {
  refId: "string",
  type: "string",
  command: "string",
  query: "string",
  cli: "boolean",
  keyName: "string",
  field: "string",
  start: "string",
  end: "string",
  count: "number",
  min: "string",
  max: "string",
  zrangeQuery: "string",
  filter: "string",
  aggregation: "string",
  bucket: "number",
  fill: "boolean",
  legend: "string",
  value: "string",
  section: "string",
  size: "number",
  path: "string",
};
const COMMANDS = [
  "get",
  "hget",
  "hgetall",
  "hmget",
  "hkeys",
  "hlen",
  "llen",
  "scard",
  "smembers",
  "ttl",
  "type",
  "xlen",
  "xrange",
  "xrevrange",
  "xinfoStream",
  "zrange",
  "info",
];

/* The spellings that Go's strconv.ParseFloat accepts. */
const FLOAT =
  /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|0[xX](?:[\da-fA-F_]+\.?[\da-fA-F_]*|\.[\da-fA-F_]+)[pP][+-]?\d+|inf(?:inity)?|nan)$/i;

function parseFloatLikeGo(text) {
  if (text === null || !FLOAT.test(text)) return null;
  if (/nan/i.test(text)) return NaN;
  if (/inf/i.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
  if (/^[+-]?0x/i.test(text)) return 0;
  return Number(text);
}

function column(name, text) {
  const number = parseFloatLikeGo(text);
  return number === null
    ? { name, type: "string", values: [text === null ? "" : text] }
    : { name, type: "number", values: [number] };
}

/* Words of `field`, separated by spaces, with shell quotes. */
function words(text) {
  return (text.match(/"(?:\\.|[^"\\])*"|'[^']*'|[^\s"']+/g) || []).map((word) =>
    word.replace(/^(["'])(.*)\1$/s, "$2"),
  );
}

function withVariables(target, variables) {
  const copy = { ...target };
  for (const key of INTERPOLATED) if (typeof copy[key] === "string") copy[key] = interpolate(copy[key], variables);
  return copy;
}

/* range: {from, to} in ms, the panel's. */
function argumentsOf(target, range) {
  if (target.query) throw new Error("query is not empty: it would be sent instead of the command");
  const { command, keyName: key } = target;
  const count = target.count > 0 ? ["COUNT", target.count] : [];
  const start = target.start || (range ? `${range.from}-0` : "-");
  const end = target.end || (range ? `${range.to}-0` : "+");
  switch (command) {
    case "hget":
      return ["HGET", key, target.field];
    case "hmget":
      return ["HMGET", key, ...words(target.field)];
    case "zrange":
      return [
        "ZRANGE",
        key,
        target.min,
        target.max,
        ...(target.zrangeQuery ? [target.zrangeQuery] : []),
        "WITHSCORES",
      ];
    case "xrange":
      return ["XRANGE", key, start, end, ...count];
    case "xrevrange":
      return ["XREVRANGE", key, end, start, ...count];
    case "info":
      return ["INFO", ...(target.section ? [target.section] : [])];
    case "get":
    case "hgetall":
    case "hkeys":
    case "hlen":
    case "llen":
    case "scard":
    case "smembers":
    case "ttl":
    case "type":
    case "xlen":
      return [command.toUpperCase(), key];
    default:
      throw new Error(`no such command of the plugin: ${command}`);
  }
}

/* Rows before a column's first appearance, and entries without it, get 0 or "". */
function streamFields(reply) {
  const fields = [
    { name: "$streamId", type: "string", values: [] },
    { name: "$time", type: "time", values: [] },
  ];
  const byName = new Map();
  reply.forEach(([id, pairs], row) => {
    fields[0].values.push(id);
    fields[1].values.push(Number(id.split("-")[0]));
    for (let i = 0; i < pairs.length; i += 2) {
      const number = parseFloatLikeGo(pairs[i + 1]);
      let field = byName.get(pairs[i]);
      if (!field) {
        field = { name: pairs[i], type: number === null ? "string" : "number", values: [] };
        byName.set(pairs[i], field);
        fields.push(field);
      }
      while (field.values.length < row) field.values.push(field.type === "number" ? 0 : "");
      field.values.push(field.type === "number" ? (number === null ? 0 : number) : pairs[i + 1]);
    }
  });
  for (const field of byName.values())
    while (field.values.length < reply.length) field.values.push(field.type === "number" ? 0 : "");
  return fields;
}

function pairsToColumns(reply) {
  const fields = [];
  for (let i = 0; i < reply.length; i += 2) fields.push(column(reply[i], reply[i + 1]));
  return fields;
}

function infoFields(reply) {
  return reply
    .split("\r\n")
    .filter((line) => line && !line.startsWith("#"))
    .map((line) => column(...line.split(/:(.*)/s).slice(0, 2)));
}

/* framesOf - plain objects {name, refId, fields: [{name, type, values}]}. */
function framesOf(target, reply) {
  const frame = (name, fields) => [{ name, refId: target.refId, fields }];
  switch (target.command) {
    case "get":
    case "ttl":
    case "type":
    case "hlen":
    case "xlen":
    case "llen":
    case "scard":
      return frame(target.keyName, [column("Value", reply === null ? "" : String(reply))]);
    case "hget":
      return frame(target.field, [column(target.field, reply === null ? "" : reply)]);
    case "hmget":
      return frame(
        "hmget",
        words(target.field).map((name, i) => column(name, reply[i])),
      );
    case "hgetall":
      return frame("hgetall", pairsToColumns(reply));
    case "zrange":
      return frame("zrange", pairsToColumns(reply));
    case "hkeys":
    case "smembers":
      return frame(target.keyName, [{ name: "Value", type: "string", values: reply }]);
    case "xrange":
    case "xrevrange":
      return frame(target.command, streamFields(reply));
    case "info":
      return frame("info", infoFields(reply));
    default:
      throw new Error(`no frames for ${target.command}`);
  }
}

/* query - one target, as the plugin runs it. */
async function query(redis, target, variables, range) {
  const ready = withVariables(target, variables);
  return framesOf(ready, await redis.call(...argumentsOf(ready, range)));
}

module.exports = {
  COMMANDS,
  INTERPOLATED,
  KEYS,
  argumentsOf,
  framesOf,
  parseFloatLikeGo,
  query,
  withVariables,
  words,
};
