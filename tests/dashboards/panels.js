/* panels.js - a panel as Grafana makes it: frames of the plugin, the real transformations and field settings of @grafana/data.
 *
 * evaluate() gives what is drawn; problems() says what is missing in it. Drawing itself is Grafana's and is not done here. */
"use strict";
const grafana = require(process.env.GRAFANA_DATA);
const { interpolate } = require("./variables");
const { query } = require("./plugin");

const PROPERTIES = [
  "displayName",
  "unit",
  "decimals",
  "min",
  "max",
  "thresholds",
  "color",
  "mappings",
  "links",
  "noValue",
  "description",
];
const CUSTOM = ["width", "align", "cellOptions", "lineStyle", "fillOpacity"];

function property(id, path, isCustom) {
  return {
    id,
    path,
    isCustom,
    name: id,
    description: "",
    override: () => null,
    editor: () => null,
    process: (value) => value,
    shouldApply: () => true,
  };
}

/* @grafana/data expects a browser around it, and a human to read its warnings. */
function prepare() {
  globalThis.navigator ||= { language: "en-GB", languages: ["en-GB"] };
  console.warn = () => {};
  grafana.standardTransformersRegistry.setInit(() => {
    const list = new Map(
      Object.values(grafana.standardTransformers).map((transformer) => [transformer.id, transformer]),
    );
    return [...list.values()].map((transformer) => ({
      id: transformer.id,
      name: transformer.name,
      transformation: async () => transformer,
      editor: () => null,
    }));
  });
  grafana.standardFieldConfigEditorRegistry.setInit(() => PROPERTIES.map((id) => property(id, id, false)));
  globalThis.window = {
    grafanaBootData: { settings: { featureToggles: {} } },
    location: { origin: "http://grafana.example.net" },
  };
  grafana.locationUtil.initialize({
    config: { appSubUrl: "", appUrl: "http://grafana.example.net/" },
    getVariablesUrlParams: () => ({}),
    getTimeRangeForUrl: () => ({}),
  });
}

function registry() {
  return new grafana.Registry(() => [
    ...PROPERTIES.map((id) => property(id, id, false)),
    ...CUSTOM.map((id) => property(`custom.${id}`, id, true)),
  ]);
}

function toData(frames) {
  return frames.map((frame) =>
    grafana.toDataFrame({
      ...frame,
      fields: frame.fields.map((field) => ({ ...field, values: [...field.values], config: {} })),
    }),
  );
}

function transform(steps, frames, variables) {
  return new Promise((resolve, reject) => {
    const seen = [];
    grafana
      .transformDataFrame(steps, frames, { interpolate: (text) => interpolate(text, variables) })
      .subscribe({ next: (data) => seen.push(data), error: reject, complete: () => resolve(seen.pop()) });
  });
}

/* context: {redis, board, variables, range, asked}; `asked` collects every text that is interpolated. */
async function evaluate(panel, context) {
  const source = panel.targets[0].panelId
    ? context.board.panels.find((other) => other.id === panel.targets[0].panelId)
    : panel;
  const [target] = source.targets;
  const raw = await query(context.redis, target, context.variables, context.range);
  const steps = panel.transformations || [];
  const inputs = [];
  for (let i = 0; i < steps.length; i++)
    inputs.push(columnNames(await transform(steps.slice(0, i), toData(raw), context.variables)));
  const transformed = await transform(steps, toData(raw), context.variables);
  const replaceVariables = (text, scoped, how) => {
    context.asked?.push(text);
    const row = scoped?.__dataContext && rowOf(scoped.__dataContext.value);
    return interpolate(text, context.variables, row || undefined, how);
  };
  const data = grafana.applyFieldOverrides({
    data: transformed,
    fieldConfig: panel.fieldConfig,
    replaceVariables,
    theme: grafana.createTheme({ colors: { mode: "dark" } }),
    timeZone: "utc",
    fieldConfigRegistry: registry(),
  });
  return { target, raw, inputs, data, values: displayValues(panel, data, replaceVariables) };
}

function rowOf({ frame, rowIndex }) {
  return Object.fromEntries(
    frame.fields.map((field) => [grafana.getFieldDisplayName(field, frame), field.values[rowIndex]]),
  );
}

function columnNames(frames) {
  return frames.flatMap((frame) => frame.fields.map((field) => grafana.getFieldDisplayName(field, frame, frames)));
}

/* What stat, bar gauge and pie show: a value with a title each. */
function displayValues(panel, data, replaceVariables) {
  if (!panel.options.reduceOptions) return [];
  return grafana.getFieldDisplayValues({
    data,
    fieldConfig: panel.fieldConfig,
    reduceOptions: panel.options.reduceOptions,
    replaceVariables,
    timeZone: "utc",
    theme: grafana.createTheme({ colors: { mode: "dark" } }),
  });
}

/* The columns that a transformation names. */
function namedBy({ id, options }) {
  switch (id) {
    case "filterFieldsByName":
      return options.include.names;
    case "organize":
      return [...Object.keys(options.indexByName), ...Object.keys(options.renameByName)];
    case "calculateField":
      return [options.binary.left, options.binary.right];
    case "filterByValue":
      return options.filters.map((filter) => filter.fieldName);
    case "sortBy":
      return options.sort.map((by) => by.field);
    case "groupBy":
      return Object.keys(options.fields);
    default:
      return [];
  }
}

function missingColumns(panel, shown) {
  const bad = [];
  (panel.transformations || []).forEach((step, i) => {
    for (const name of namedBy(step))
      if (!shown.inputs[i].includes(name))
        bad.push(`${step.id} needs the column ${name}, which Redis does not send`);
  });
  const names = new Set([
    ...columnNames(shown.data),
    ...shown.data.flatMap((frame) => frame.fields.map((field) => field.name)),
  ]);
  for (const { matcher } of panel.fieldConfig.overrides)
    if (!names.has(matcher.options)) bad.push(`no column ${matcher.options} for its settings`);
  for (const { displayName } of panel.options.sortBy || [])
    if (!names.has(displayName)) bad.push(`no column ${displayName} to sort by`);
  return bad;
}

function emptyColumns(shown) {
  const bad = [];
  for (const frame of shown.data) {
    if (!frame.fields.length || !frame.length) bad.push("no row");
    for (const field of frame.fields) {
      const name = grafana.getFieldDisplayName(field, frame, shown.data);
      if (field.values.every((value) => value === "" || value === null || value === undefined))
        bad.push(`the column ${name} is empty`);
    }
  }
  return shown.data.length ? bad : ["no frame"];
}

function problems(panel, shown) {
  const bad = [...missingColumns(panel, shown), ...emptyColumns(shown)];
  if (panel.type === "timeseries") {
    const [frame] = shown.data;
    if (!frame?.fields.some((field) => field.type === "time")) bad.push("no column of time");
    if (!frame?.fields.some((field) => field.type === "number")) bad.push("no number to draw");
    const legend = frame
      ? frame.fields
          .filter((field) => field.type !== "time")
          .map((field) => grafana.getFieldDisplayName(field, frame, shown.data))
      : [];
    const wanted = panel.fieldConfig.overrides.map(({ matcher }) => matcher.options);
    if (JSON.stringify(legend) !== JSON.stringify(wanted))
      bad.push(`the legend reads ${legend.join(", ")} and not ${wanted.join(", ")}`);
    if (frame?.fields.some((field) => field.type === "string")) bad.push("a text column in a chart");
  }
  if (panel.options.reduceOptions) {
    if (!shown.values.length) bad.push("no value");
    for (const value of shown.values) {
      if (!value.display.title && shown.values.length > 1) bad.push("a value without a name");
      if (typeof value.display.text !== "string" || value.display.text === "")
        bad.push(`no text for ${value.display.title}`);
    }
  }
  return bad;
}

module.exports = { columnNames, evaluate, grafana, prepare, problems };
