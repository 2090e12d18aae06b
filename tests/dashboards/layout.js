/* layout.js - what deploy/redis-layout.md says is in Redis, and the counters and event fields of the tables in the source. */
"use strict";
const fs = require("fs");
const path = require("path");

const ROOT = path.join(__dirname, "..", "..");
const read = (name) => fs.readFileSync(path.join(ROOT, name), "utf8");
const ticked = (text) => [...text.matchAll(/`([^`]+)`/g)].map((match) => match[1]);

function section(text, heading) {
  const match = new RegExp(`^### ${heading}\\n([\\s\\S]*?)(?=^##|$(?![\\s\\S]))`, "m").exec(text);
  if (!match) throw new Error(`deploy/redis-layout.md has no section "${heading}"`);
  return match[1];
}

/* The text behind a list item or paragraph that begins with the name, up to the next item. */
function columnsOf(text, name) {
  const match = new RegExp(`\`${name}\`:([\\s\\S]*?)(?=^- \`|^###|$(?![\\s\\S]))`, "m").exec(text);
  if (!match) throw new Error(`deploy/redis-layout.md does not list the columns of ${name}`);
  return ticked(match[1].replace(/\([^)]*\)/g, ""));
}

function keysOf(text) {
  const rows = text
    .split("### ")[0]
    .split("\n")
    .filter((line) => /^\| `/.test(line));
  return rows.flatMap((line) => ticked(line.split("|")[1])).filter((key) => !key.startsWith("open"));
}

function load() {
  const text = read("deploy/redis-layout.md");
  const counters = [...read("sensor/audit/rollup.def").matchAll(/^COUNT\((\w+),/gm)].map((match) => match[1]);
  const events = [...read("sensor/audit/event.def").matchAll(/^FIELD\((\w+),/gm)].map((match) => match[1]);
  const gauges = ticked(section(text, "now")).filter((name) => /^[a-z0-9_]+$/.test(name));
  const views = section(text, "Views");
  return {
    keys: keysOf(text),
    counters,
    gauges: [...gauges, ...counters.map((name) => name + "_24h")],
    streams: {
      events,
      alerts: ticked(section(text, "Alerts")),
      roll: counters,
      health: columnsOf(section(text, "Health"), "roll:health:1m:SENSOR"),
      ...Object.fromEntries(
        ["servers", "certs", "clients", "sensors"].map((name) => [
          `view:${name}`,
          columnsOf(views, `view:${name}`),
        ]),
      ),
    },
  };
}

/* keyShape - a target's key without the site, as the layout writes it; null where it is not under the site's tag. */
function keyShape(key) {
  const match = /^waxseal:\{(?:\$\{site\}|[\w.-]+)\}:(.+)$/.exec(key);
  if (!match) return null;
  return match[1]
    .replace(/^roll:\$\{resolution\}:\$\{sensor\}$/, "roll:1m:all")
    .replace(/^roll:health:1m:\$\{sensor\}$/, "roll:health:1m:SENSOR")
    .replace(/^hb:(?!all$)(\$\{sensor\}|[\w.-]+)$/, "hb:SENSOR")
    .replace(/^srv:\$\{server\}$/, "srv:IP:PORT")
    .replace(/^cert:\$\{cert\}$/, "cert:sha256:...")
    .replace(/^cli:\$\{client\}$/, "cli:IP");
}

/* streamOf - the name in `streams` of what a shape holds. */
function streamOf(shape) {
  return { "roll:1m:all": "roll", "roll:health:1m:SENSOR": "health" }[shape] || shape;
}

module.exports = { ROOT, keyShape, load, read, streamOf };
