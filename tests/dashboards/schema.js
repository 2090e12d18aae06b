/* schema.js - dashboards against the JSON Schemas that run makes of @grafana/schema. */
"use strict";
const fs = require("fs");
const path = require("path");
const Ajv = require("ajv");

const KINDS = ["stat", "bargauge", "piechart", "timeseries", "table"];

function read(name) {
  return JSON.parse(fs.readFileSync(path.join(process.env.DASHBOARD_SCHEMAS, `${name}.schema.json`), "utf8"));
}

/* Grafana fills in what a panel leaves out; what it writes must be known. */
function withoutRequired(schema) {
  return JSON.parse(
    JSON.stringify(schema, (key, value) => (key === "required" && Array.isArray(value) ? undefined : value)),
  );
}

function compile(schema) {
  return new Ajv({ strict: false, allErrors: true }).compile(schema);
}

function errorsOf(validate, value, where) {
  if (validate(value)) return [];
  return validate.errors.map(
    ({ instancePath, message, params }) =>
      `${where}: ${instancePath} ${message} ${params.additionalProperty || ""}`,
  );
}

/* The settings of a panel's own in overrides, as if they were one object: custom.x is x. */
function customOf({ properties }) {
  const own = properties.filter(({ id }) => id.startsWith("custom."));
  return Object.fromEntries(own.map(({ id, value }) => [id.slice("custom.".length), value]));
}

/* makeSchemaCheck - a function of a dashboard that gives one line a problem. */
function makeSchemaCheck() {
  const whole = compile(read("dashboard"));
  const own = Object.fromEntries(
    KINDS.map((kind) => [
      kind,
      {
        options: compile(withoutRequired(read(`${kind}.Options`))),
        custom: compile(withoutRequired(read(`${kind}.FieldConfig`))),
      },
    ]),
  );
  const panelErrors = (panel, where) => {
    const checks = own[panel.type];
    if (!checks) return [];
    const customs = [panel.fieldConfig.defaults.custom || {}, ...panel.fieldConfig.overrides.map(customOf)];
    return [
      ...errorsOf(checks.options, panel.options, `${where}, options`),
      ...customs.flatMap((custom) => errorsOf(checks.custom, custom, `${where}, custom`)),
    ];
  };
  return (board) => [
    ...errorsOf(whole, board, board.title),
    ...board.panels.flatMap((panel) => panelErrors(panel, `${board.title}: ${panel.title}`)),
  ];
}

module.exports = { makeSchemaCheck };
