/* alerts.js - Grafana's alert rules: their form, what the rule engine would say to their data, and whether they fire. */
"use strict";
const fs = require("fs");
const path = require("path");
const YAML = require("yaml");
const { query, words } = require("./plugin");
const { keyShape } = require("./layout");

const NO_DATA = ["NoData", "OK", "Alerting"];
const ON_ERROR = ["Error", "OK", "Alerting"];
const TESTS = {
  gt: (value, [limit]) => value > limit,
  lt: (value, [limit]) => value < limit,
  within_range: (value, [low, high]) => value > low && value < high,
  outside_range: (value, [low, high]) => value < low || value > high,
};
/* One number a query, no column of text. A stream's answer has one and is refused; a hash has many numbers. */
const ACCEPTED = ["hget", "get", "ttl", "xlen", "hlen", "llen", "scard"];

function load(file) {
  return YAML.parse(fs.readFileSync(file, "utf8"));
}

function lintModel(model, layout) {
  const bad = [];
  if (!ACCEPTED.includes(model.command)) bad.push(`${model.command} gives what the rule engine refuses`);
  if (model.query !== "" || model.type !== "command") bad.push("query or type");
  if (JSON.stringify(model).includes("$")) bad.push("nothing is interpolated in a rule");
  const shape = keyShape(String(model.keyName));
  if (!shape || !layout.keys.includes(shape)) bad.push(`no such key in deploy/redis-layout.md: ${model.keyName}`);
  if (model.command === "hget" && (words(model.field || "").length !== 1 || !layout.gauges.includes(model.field)))
    bad.push(`no such gauge: ${model.field}`);
  return bad;
}

function lintRule(rule, layout, boards) {
  const bad = [];
  if (!/^[\w-]{1,40}$/.test(rule.uid || "")) bad.push("uid");
  if (!rule.title || !Array.isArray(rule.data) || !rule.data.length) return [...bad, "title or data is missing"];
  if (!rule.data.some((part) => part.refId === rule.condition)) bad.push("condition names no part of data");
  if (!NO_DATA.includes(rule.noDataState)) bad.push("noDataState");
  if (!ON_ERROR.includes(rule.execErrState)) bad.push("execErrState is not set: it would be Alerting");
  if (!/^\d+[smh]$/.test(rule.for || "")) bad.push("for");
  if (!rule.labels?.severity || !rule.annotations?.summary || !rule.annotations?.description)
    bad.push("no severity, summary or advice");
  if (JSON.stringify([rule.labels, rule.annotations]).includes("$"))
    bad.push("$ in labels or annotations would be taken for the environment");
  const board = boards.find((other) => other.uid === rule.dashboardUid);
  if (!board?.panels.some((panel) => panel.id === rule.panelId && panel.type !== "row"))
    bad.push(`no panel ${rule.panelId} in ${rule.dashboardUid}`);
  for (const part of rule.data) {
    if (part.model?.refId !== part.refId) bad.push("refId");
    if (part.datasourceUid === "__expr__") bad.push(...lintExpression(part.model, rule));
    else bad.push(...lintModel(part.model, layout), ...(part.relativeTimeRange ? [] : ["no relativeTimeRange"]));
  }
  return bad;
}

function lintExpression(model, rule) {
  const evaluator = model.conditions?.[0]?.evaluator;
  if (model.type !== "threshold" || !TESTS[evaluator?.type] || !Array.isArray(evaluator?.params))
    return ["expression"];
  return rule.data.some((part) => part.refId === model.expression) ? [] : ["expression of nothing"];
}

function lint(document, layout, boards) {
  const bad = [];
  const uids = new Set();
  if (document.apiVersion !== 1) bad.push("apiVersion");
  for (const group of document.groups || []) {
    if (!group.name || !group.folder || !group.interval) bad.push("group without name, folder or interval");
    for (const rule of group.rules) {
      if (uids.has(rule.uid)) bad.push(`${rule.uid}: uid is not unique`);
      uids.add(rule.uid);
      bad.push(...lintRule(rule, layout, boards).map((text) => `${rule.title}: ${text}`));
    }
  }
  return bad;
}

/* What the expression stage takes: no columns (NoData), or one frame without time and with exactly one number. */
function acceptedValues(frames) {
  const fields = frames.flatMap((frame) => frame.fields);
  if (!fields.length) return [];
  const numbers = fields.filter((field) => field.type === "number");
  if (fields.some((field) => field.type === "time"))
    throw new Error("a column of time: the data would have to be reduced first");
  if (frames.length !== 1 || numbers.length !== 1)
    throw new Error(
      `${numbers.length} numeric columns, text "${fields.map((f) => f.values[0]).join(" ")}": a gauge is missing`,
    );
  return numbers[0].values;
}

/* evaluate - {state, value}: Normal, Alerting, NoData, or an Error thrown. */
async function evaluate(rule, redis) {
  const asked = rule.data.find((part) => part.datasourceUid !== "__expr__");
  const { evaluator } = rule.data.find((part) => part.refId === rule.condition).model.conditions[0];
  const values = acceptedValues(await query(redis, asked.model, {}, null));
  if (!values.length) return { state: "NoData" };
  return {
    state: values.some((value) => TESTS[evaluator.type](value, evaluator.params)) ? "Alerting" : "Normal",
    value: values[0],
  };
}

/* Everything else in provisioning/: it parses, and has what Grafana asks for. */
function lintProvisioning(folder) {
  const bad = [];
  const source = load(path.join(folder, "datasources", "waxseal.yaml")).datasources?.[0] || {};
  if (source.type !== "redis-datasource" || source.uid !== "waxseal-redis" || source.editable !== false)
    bad.push("data source: type, uid or editable");
  if (source.jsonData?.acl !== true || source.jsonData?.user !== "grafana" || source.jsonData?.cliDisabled !== true)
    bad.push("data source: not the read-only user");
  if (/^\w+:\/\//.test(source.url)) bad.push("data source: url is host:port");
  if (!/^\$__file\{/.test(source.secureJsonData?.password || "")) bad.push("data source: a password in the file");
  const provider = load(path.join(folder, "dashboards", "waxseal.yaml")).providers?.[0] || {};
  if (provider.type !== "file" || provider.allowUiUpdates !== false || !provider.options?.path)
    bad.push("provider of dashboards");
  const contacts = load(path.join(folder, "alerting", "contact-points.yaml.example"));
  for (const point of contacts.contactPoints)
    for (const receiver of point.receivers)
      if (!receiver.uid || !receiver.type || !Object.keys(receiver.settings || {}).length)
        bad.push(`receiver ${receiver.uid}`);
  const loaded = fs.readdirSync(path.join(folder, "alerting")).filter((name) => /\.ya?ml$/.test(name));
  if (loaded.join() !== "rules.yaml") bad.push(`alerting/ would load ${loaded.join(", ")}`);
  return bad;
}

module.exports = { acceptedValues, evaluate, lint, lintProvisioning, load };
