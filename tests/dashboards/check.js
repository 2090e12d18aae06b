/* check.js WAXSEAL [FOLDER] - everything that can be known of the dashboards without a Grafana; see run. */
"use strict";
const { execFileSync } = require("child_process");
const fs = require("fs");
const os = require("os");
const path = require("path");
const alerts = require("./alerts");
const hostile = require("./hostile");
const layouts = require("./layout");
const { lint } = require("./lint");
const mutations = require("./mutations");
const panels = require("./panels");
const { preview } = require("./preview");
const { makeSchemaCheck } = require("./schema");
const { feed, report, start } = require("./servers");
const { interpolate } = require("./variables");

const DASHBOARDS = path.join(layouts.ROOT, "dashboards");
const SITE = "default"; /* the site and the sensor of the committed alert rules */
const SENSOR = "mx-tap-1";
const tally = { passed: 0, failed: 0 };

function check(name, problems) {
  tally[problems.length ? "failed" : "passed"] += 1;
  console.log(`${problems.length ? "FAILED" : "passed"}  ${name}`);
  for (const problem of problems.slice(0, 40)) console.log(`        ${problem}`);
}

function loadBoards() {
  return fs
    .readdirSync(DASHBOARDS)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => JSON.parse(fs.readFileSync(path.join(DASHBOARDS, name), "utf8")));
}

const copy = (value) => JSON.parse(JSON.stringify(value));

function checkGenerated() {
  try {
    execFileSync(path.join(DASHBOARDS, "generate"), ["--check"], { encoding: "utf8", stdio: "pipe" });
    return [];
  } catch (error) {
    return [error.stderr || String(error)];
  }
}

/* Broken copies that a check does not notice. */
function unnoticed(list, original, isNoticed) {
  return list
    .filter(([, breakIt]) => {
      const broken = copy(original);
      breakIt(broken);
      return !isNoticed(broken);
    })
    .map(([what]) => `not noticed: ${what}`);
}

async function variablesOf(admin, sensor, resolution) {
  const newest = async (view, column) => {
    const [row] = await admin.call("XREVRANGE", `waxseal:{${SITE}}:view:${view}`, "+", "-", "COUNT", "1");
    return row ? row[1][row[1].indexOf(column) + 1] : "";
  };
  return {
    datasource: "waxseal-redis",
    site: SITE,
    sensor,
    resolution,
    server: await newest("servers", "server"),
    cert: await newest("certs", "cert"),
    client: await newest("clients", "client"),
  };
}

/* The time range that holds all buckets. */
async function rangeOf(admin) {
  const [first] = await admin.call("XRANGE", `waxseal:{${SITE}}:roll:1d:all`, "-", "+", "COUNT", "1");
  const [last] = await admin.call("XREVRANGE", `waxseal:{${SITE}}:events`, "+", "-", "COUNT", "1");
  return first && last
    ? { from: Number(first[0].split("-")[0]) - 1, to: Number(last[0].split("-")[0]) + 86400000 }
    : { from: 0, to: Date.now() };
}

async function evaluateBoard(board, context) {
  const bad = [];
  const shown = new Map();
  for (const panel of board.panels.filter((item) => item.type !== "row")) {
    try {
      const result = await panels.evaluate(panel, { ...context, board });
      shown.set(panel.id, result);
      bad.push(...panels.problems(panel, result).map((text) => `${panel.title}: ${text}`));
    } catch (error) {
      bad.push(`${panel.title}: ${error.message}`);
    }
  }
  return { bad, shown };
}

async function checkData(boards, redis, admin, folder) {
  const range = await rangeOf(admin);
  for (const [sensor, resolution] of [
    ["all", "1m"],
    [SENSOR, "1h"],
    [SENSOR, "1d"],
  ]) {
    const variables = await variablesOf(admin, sensor, resolution);
    for (const board of boards) {
      const own = board.uid === "waxseal-sensors" ? { ...variables, sensor: SENSOR } : variables;
      const { bad, shown } = await evaluateBoard(board, { redis, range, variables: own });
      check(`${board.title}: every panel has its data (${own.sensor}, ${resolution})`, bad);
      if (folder && resolution === "1m") preview(folder, board, shown, (text) => interpolate(text, own));
    }
  }
  const variables = await variablesOf(admin, "all", "1m");
  const board = boards.find((item) => item.uid === "waxseal-servers");
  const notices = [];
  for (const [what, breakIt] of mutations.DATA) {
    const broken = copy(board);
    breakIt(broken);
    if (!(await evaluateBoard(broken, { redis, range, variables })).bad.length)
      notices.push(`not noticed: ${what}`);
  }
  check(`${mutations.DATA.length} broken dashboards are noticed by their data`, notices);
}

/* Before a sensor has written, and where nothing is chosen: the text for no data, and no error. */
async function checkEmpty(boards, redis) {
  const bad = [];
  const variables = {
    datasource: "waxseal-redis",
    site: "nowhere",
    sensor: "all",
    resolution: "1m",
    server: "",
    cert: "",
    client: "",
  };
  for (const board of boards)
    for (const panel of board.panels.filter((item) => item.type !== "row")) {
      const name = `${board.title}: ${panel.title}`;
      const shown = await panels.evaluate(panel, { redis, board, variables, range: { from: 0, to: 1000 } });
      const texts = shown.values.map(({ display }) => display.text);
      const rows = shown.data.reduce((sum, frame) => sum + (panel.options.reduceOptions ? 0 : frame.length), 0);
      const own = /:hb:|^$/.test(shown.target.keyName || "");
      if (
        rows ||
        (!own && texts.some((text) => ![panel.fieldConfig.defaults.noValue, "no session"].includes(text)))
      )
        bad.push(`${name}: shows ${rows} rows, ${texts.join(", ")}`);
    }
  check("an empty Redis gives the texts for no data", bad);
}

async function checkHostileMutations(boards, layout, redis, admin) {
  const notices = [];
  for (const [what, breakIt, name] of mutations.HOSTILE) {
    const broken = copy(boards.find((item) => item.uid === "waxseal-servers"));
    breakIt(broken);
    if (!(await hostile.problems([broken], layout, redis, admin, [name])).length)
      notices.push(`not noticed: ${what}`);
  }
  check(`${mutations.HOSTILE.length} dashboards that give such texts a meaning are noticed`, notices);
}

async function checkVariables(boards, redis) {
  const bad = [];
  for (const board of boards)
    for (const { type, name, query } of board.templating.list.filter((variable) => variable.type === "query")) {
      const found = await redis.call(...interpolate(query, { site: SITE }).split(" "));
      const wanted = { site: SITE, sensor: SENSOR }[name];
      if (type === "query" && !found.includes(wanted)) bad.push(`${board.title}: ${query} does not list ${wanted}`);
    }
  check("variables list the site and the sensor", bad);
}

async function checkAlerts(document, layout, boards, redis) {
  check(
    "alert rules: form, keys, panels, queries that the rule engine takes",
    alerts.lint(document, layout, boards),
  );
  check(
    `${mutations.ALERTS.length} broken alert rules are noticed`,
    unnoticed(mutations.ALERTS, document, (broken) => alerts.lint(broken, layout, boards).length),
  );
  const bad = [];
  const states = {};
  for (const rule of document.groups.flatMap((group) => group.rules)) {
    try {
      const { state, value } = await alerts.evaluate(rule, redis);
      states[rule.uid.replace(/^waxseal-\w{6}-/, "")] = state;
      if (state === "NoData") bad.push(`${rule.title}: no data`);
      console.log(`        ${state.padEnd(9)} ${String(value).padStart(8)}  ${rule.title}`);
    } catch (error) {
      bad.push(`${rule.title}: ${error.message}`);
    }
  }
  /* What the captures hold, by their nature: readable logins, masked offers; and they are read, so that the sensor has ended. */
  for (const key of ["cleartext-logins", "stripped", "compliance"])
    if (states[key] !== "Alerting") bad.push(`${key} does not fire on the captures, which hold it`);
  for (const key of ["events-lost", "certificates-7-days"])
    if (states[key] !== "Normal") bad.push(`${key} fires, though nothing is wrong`);
  check("alert rules: every query gives one number, and what the captures hold fires", bad);
}

/* Values on this side and that of a rule's limit; -1 is an unknown gauge, at which no rule may fire. */
function samples({ type, params: [low, high] }, command) {
  if (command === "ttl") return { fires: [null], rests: ["60"] };
  return type === "gt"
    ? { fires: [low + 1], rests: [low, -1] }
    : { fires: [(low + high) / 2], rests: [high + 1, -1] };
}

async function setGauge(admin, { command, keyName, field }, value) {
  if (command === "hget") await admin.call("HSET", keyName, field, value);
  else if (value === null) await admin.call("DEL", keyName);
  else await admin.call("SET", keyName, "1", "EX", value);
}

async function checkLimits(document, redis, admin) {
  const bad = [];
  for (const rule of document.groups.flatMap((group) => group.rules)) {
    const { model } = rule.data[0];
    const { fires, rests } = samples(rule.data[1].model.conditions[0].evaluator, model.command);
    const cases = [...fires.map((value) => [value, "Alerting"]), ...rests.map((value) => [value, "Normal"])];
    for (const [value, wanted] of cases) {
      await setGauge(admin, model, value);
      const { state } = await alerts.evaluate(rule, redis);
      if (state !== wanted) bad.push(`${rule.title}: ${state} at ${value}`);
    }
  }
  check("alert rules: each fires beyond its limit, rests within it, and rests where the gauge is unknown", bad);
}

/* The user of Grafana reads, and nothing else. */
async function checkRights(redis, admin) {
  const bad = [];
  const refused = [
    ["FLUSHALL"],
    ["CONFIG", "GET", "*"],
    ["SET", `waxseal:{${SITE}}:now`, "x"],
    ["SELECT", "1"],
    ["CLIENT", "LIST"],
    ["KEYS", "*"],
    ["GET", "elsewhere"],
    ["EVAL", "return 1", "0"],
    ["XADD", `waxseal:{${SITE}}:events`, "*", "a", "b"],
    ["DEL", `waxseal:{${SITE}}:now`],
    ["ACL", "LIST"],
    ["MONITOR"],
    ["HSET", `waxseal:{${SITE}}:now`, "a", "b"],
  ];
  const mayNot = async (connection, command) => {
    try {
      await connection.call(...command);
      return false;
    } catch (error) {
      return /^NOPERM|NOAUTH/.test(error.message);
    }
  };
  for (const command of refused) if (!(await mayNot(redis, command))) bad.push(`grafana may ${command.join(" ")}`);
  const users = await admin.call("ACL", "LIST");
  if (!users.some((line) => line.startsWith("user default off"))) bad.push("the user default is not off");
  check("deploy/redis.acl: the user grafana reads and does nothing else", bad);
  return mayNot;
}

async function checkSensorRights(server, mayNot) {
  const bad = [];
  const sensor = await server.login("waxseal");
  for (const command of [
    ["FLUSHALL"],
    ["FLUSHDB"],
    ["CONFIG", "SET", "maxmemory", "1"],
    ["KEYS", "*"],
    ["SET", "elsewhere", "x"],
    ["ACL", "LIST"],
    ["SHUTDOWN"],
    ["MONITOR"],
  ])
    if (!(await mayNot(sensor, command))) bad.push(`waxseal may ${command.join(" ")}`);
  sensor.close();
  const line = layouts
    .read("deploy/redis.acl")
    .split("\n")
    .find((text) => text.startsWith("user waxseal "));
  const allowed = new Set([...line.matchAll(/ \+([\w|]+)/g)].map((match) => match[1].split("|")[0]));
  const folder = path.join(layouts.ROOT, "sensor", "publish");
  for (const name of fs.readdirSync(folder).filter((file) => file.endsWith(".lua")))
    for (const [, command] of fs.readFileSync(path.join(folder, name), "utf8").matchAll(/\bp?call\('([A-Z]+)'/g))
      if (!allowed.has(command.toLowerCase())) bad.push(`${name} calls ${command}, which the user waxseal may not`);
  check("deploy/redis.acl: the user waxseal may what apply.lua calls, and does nothing else", bad);
}

function checkFiles(boards, layout) {
  check("the committed files are what dashboards/source says", checkGenerated());
  const bySchema = makeSchemaCheck();
  check(
    "JSON Schema of @grafana/schema: dashboards, and options and fields of each panel",
    boards.flatMap(bySchema),
  );
  check(
    "lint",
    boards.flatMap((board) => lint(board, layout, boards)),
  );
  const uids = boards.map((board) => board.uid);
  check("six dashboards, each with a uid of its own", new Set(uids).size === 6 ? [] : [uids.join(" ")]);
  const board = boards.find((item) => item.uid === "waxseal-servers");
  check(
    `${mutations.LINT.length} broken dashboards are noticed by the lint`,
    unnoticed(mutations.LINT, board, (broken) => lint(broken, layout, boards).length),
  );
  check(
    `${mutations.SCHEMA.length} broken dashboards are noticed by the schema`,
    unnoticed(mutations.SCHEMA, board, (broken) => bySchema(broken).length),
  );
  check("provisioning", alerts.lintProvisioning(path.join(DASHBOARDS, "provisioning")));
}

async function checkAgainstRedis(boards, layout, program, work, folder) {
  const server = await start(work);
  try {
    feed(server, program, work, SITE, SENSOR);
    const [redis, admin] = [await server.login("grafana"), await server.login("admin")];
    await checkVariables(boards, redis);
    await checkData(boards, redis, admin, folder);
    const rules = alerts.load(path.join(DASHBOARDS, "provisioning", "alerting", "rules.yaml"));
    await checkAlerts(rules, layout, boards, redis);
    await checkLimits(rules, redis, admin);
    await checkSensorRights(server, await checkRights(redis, admin));
    const reports = ["grafana", "waxseal"].map((user) => report(server, program, SITE, user));
    check("deploy/redis.acl: both users may ask for a report", reports.filter(Boolean));
    await admin.call("FLUSHALL");
    await checkEmpty(boards, redis);
    check("texts from the wire stay texts", await hostile.problems(boards, layout, redis, admin));
    await checkHostileMutations(boards, layout, redis, admin);
    redis.close();
    admin.close();
  } finally {
    await server.stop();
  }
}

async function main() {
  const [program, folder] = process.argv.slice(2);
  if (!program) throw new Error("usage: tests/dashboards/run WAXSEAL [FOLDER]");
  const boards = loadBoards();
  const layout = layouts.load();
  const work = fs.mkdtempSync(path.join(os.tmpdir(), "waxseal-dashboards-"));
  try {
    checkFiles(boards, layout);
    panels.prepare();
    await checkAgainstRedis(boards, layout, program, work, folder);
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
  console.log(`${tally.passed} passed, ${tally.failed} failed`);
  process.exit(tally.failed || !tally.passed ? 1 : 0);
}

main().catch((error) => {
  console.error(error.stack);
  process.exit(1);
});
