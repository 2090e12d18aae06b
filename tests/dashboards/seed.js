/* seed.js - fills a Redis with one row of everything that the dashboards read, with texts of the caller's choice.
 *
 * The real figures come from the sensor (see check.js); this is for texts that no honest wire carries. */
"use strict";
const { keyShape, streamOf } = require("./layout");
const { words } = require("./plugin");

const NUMBER =
  /(_pct|_ms|_ts|days|sessions|sev|bits|servers|weak|weak_offer|legacy|plaintext|no_\w+|auth_cleartext|mismatch|hits|packets|bytes|flows|flows_max|queue_batches|batches_applied|events_lost|rtt_us|_port)$/;

function entry(columns, text) {
  return columns.flatMap((name) => [name, NUMBER.test(name) ? "1" : text(name)]);
}

/* The commands that give a target something to find. */
function commandsFor(panel, target, key, layout, at, text) {
  const shape = keyShape(target.keyName || "") || "";
  const columns = layout.streams[streamOf(shape)];
  switch (target.command) {
    case "hmget":
      return [["HSET", key, ...words(target.field).flatMap((name) => [name, "1"])]];
    case "zrange":
      return [["ZADD", key, "3", text("member"), "2", text("other member"), "1", "third"]];
    case "ttl":
      return [["SET", key, "1", "EX", "60"]];
    case "hgetall":
      return [
        [
          "HSET",
          key,
          ...(shape.startsWith("hist:")
            ? panel.fieldConfig.overrides.flatMap(({ matcher }) => [matcher.options, "1"])
            : ["name", text("name"), "sessions", "1"]),
        ],
      ];
    case "xrange":
    case "xrevrange":
      return [
        ["DEL", key],
        [
          "XADD",
          key,
          `${at}-1`,
          ...(/^(roll|health)/.test(streamOf(shape))
            ? columns.flatMap((name) => [name, "1"])
            : entry(columns, text)),
        ],
      ];
    default:
      return [];
  }
}

/* seed - admin: a connection that may write; at: ms of every entry; text(column) gives what stands in it. */
async function seed(admin, boards, layout, expand, at, text) {
  for (const board of boards)
    for (const panel of board.panels)
      for (const target of panel.targets || [])
        if (target.command)
          for (const command of commandsFor(panel, target, expand(target.keyName || ""), layout, at, text))
            await admin.call(...command);
}

module.exports = { seed };
