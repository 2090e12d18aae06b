/* lint.js - the rules that a dashboard of this project keeps: lint(dashboard, layout, all) gives one line a problem. */
"use strict";
const { COMMANDS, KEYS, words } = require("./plugin");
const { keyShape, streamOf } = require("./layout");
const { PATTERN } = require("./variables");

const KINDS = ["row", "stat", "bargauge", "piechart", "timeseries", "table"];
const CELLS = ["auto", "color-text", "color-background"];
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
  "custom.width",
  "custom.align",
  "custom.cellOptions",
  "custom.lineStyle",
  "custom.fillOpacity",
];
const TRANSFORMATIONS = [
  "filterFieldsByName",
  "organize",
  "calculateField",
  "filterByValue",
  "groupBy",
  "reduce",
  "sortBy",
];
const SAYS_UNKNOWN = /unknown|undecidable|not seen|hidden|hides|cannot be (seen|counted|judged)|not visible|grey/i;

const isShared = (datasource) => datasource && datasource.uid === "-- Dashboard --";

function lintHead(board) {
  const bad = [];
  const must = (holds, text) => holds || bad.push(text);
  must(/^waxseal-[a-z]+$/.test(board.uid), "uid is not stable");
  must(board.title && board.description, "no title or description");
  must(Array.isArray(board.tags) && board.tags.includes("waxseal"), "the tag waxseal is missing");
  must(board.editable === false, "editable is not false");
  must(board.id === null || board.id === undefined, "id must be null");
  must(board.schemaVersion === 39, "schemaVersion is not 39");
  must(typeof board.refresh === "string" && board.refresh, "refresh is not text");
  must(!("__inputs" in board) && !("__requires" in board), "__inputs does not belong in a provisioned file");
  must(
    board.links?.some((link) => link.type === "dashboards" && link.includeVars === true && link.keepTime === true),
    "no link to the other dashboards that keeps variables and time",
  );
  return bad;
}

function lintVariables(board) {
  const bad = [];
  const list = board.templating?.list || [];
  const by = Object.fromEntries(list.map((variable) => [variable.name, variable]));
  if (
    by.datasource?.type !== "datasource" ||
    by.datasource?.query !== "redis-datasource" ||
    by.datasource?.label !== "Data source"
  )
    bad.push("no variable datasource, labelled Data source, of type redis-datasource");
  if (by.site?.query !== "SMEMBERS waxseal:sites") bad.push("variable site does not ask SMEMBERS waxseal:sites");
  if (by.sensor?.query !== "SMEMBERS waxseal:{${site}}:sensors")
    bad.push("variable sensor does not ask for the site's sensors");
  if (board.uid !== "waxseal-sensors" && (by.sensor?.includeAll !== true || by.sensor?.allValue !== "all"))
    bad.push("variable sensor has no option All that stands for `all`");
  if (by.resolution?.query !== "1m,1h,1d") bad.push("variable resolution is not 1m,1h,1d");
  for (const variable of list) {
    if (["time", "streamId"].includes(variable.name))
      bad.push(`variable ${variable.name} would change the columns $time and $streamId`);
    if (!variable.label || !variable.description) bad.push(`variable ${variable.name} has no label or description`);
    if (
      variable.type === "query" &&
      (typeof variable.query !== "string" || !variable.query.startsWith("SMEMBERS waxseal:"))
    )
      bad.push(`variable ${variable.name} asks something else than SMEMBERS`);
    if (variable.type === "query" && variable.datasource?.uid !== "${datasource}")
      bad.push(`variable ${variable.name} has a fixed data source`);
  }
  return bad;
}

function lintGrid(board) {
  const bad = [];
  const ids = new Set();
  board.panels.forEach((panel, index) => {
    const name = panel.title || `panel ${index}`;
    const { x, y, w, h } = panel.gridPos || {};
    if (![x, y, w, h].every(Number.isInteger) || x < 0 || y < 0 || w < 1 || h < 1 || x + w > 24)
      bad.push(`${name}: gridPos is not within 24 columns`);
    if (!Number.isInteger(panel.id) || panel.id < 1 || ids.has(panel.id)) bad.push(`${name}: id is not unique`);
    ids.add(panel.id);
    for (const other of board.panels.slice(0, index)) {
      const o = other.gridPos || {};
      if (x < o.x + o.w && o.x < x + w && y < o.y + o.h && o.y < y + h)
        bad.push(`${name}: overlaps ${other.title}`);
    }
    if (panel.type !== "row" && (panel.title || "").length > w * 7)
      bad.push(`${name}: the title is too long for a width of ${w}`);
  });
  return bad;
}

function lintTarget(target, layout) {
  const bad = [];
  for (const [key, value] of Object.entries(target)) {
    if (key === "datasource") continue;
    if (!(key in KEYS)) bad.push(`the plugin does not know the key ${key}`);
    else if (typeof value !== KEYS[key]) bad.push(`${key} must be a ${KEYS[key]}`);
  }
  if (target.query !== "") bad.push("query is not empty: it would be sent instead of the command");
  if (!COMMANDS.includes(target.command)) return [...bad, `unknown command ${target.command}`];
  if (target.type !== "command") bad.push("type is not command");
  for (const key of ["start", "end", "min", "max"])
    if (String(target[key] || "").includes("$")) bad.push(`${key} is not interpolated: ${target[key]}`);
  if (target.command === "info") return target.section ? bad : [...bad, "INFO without a section"];
  const shape = keyShape(String(target.keyName));
  if (!shape || !layout.keys.includes(shape))
    return [...bad, `no such key in deploy/redis-layout.md: ${target.keyName}`];
  return [...bad, ...lintCommand(target, shape, layout)];
}

function lintCommand(target, shape, layout) {
  const bad = [];
  const range = {
    xrange: /^(roll|view)/,
    xrevrange: /^(events|alerts)$/,
    zrange: /^top:/,
    hgetall: /^(hist|srv|cert|cli):/,
    ttl: /^hb:/,
    hmget: /^(now$|srv:|cli:|cert:)/,
    hget: /^now$/,
  };
  if (range[target.command] && !range[target.command].test(shape)) bad.push(`${target.command} of ${shape}`);
  const isView = shape.startsWith("view:");
  if (
    target.command === "xrange" &&
    isView &&
    (target.start !== "-" || target.end !== "+" || !(target.count > 0 && target.count <= 2000))
  )
    bad.push("a view is read from - to +, at most 2000 rows");
  if (target.command === "xrange" && !isView && (target.start || target.end || target.count))
    bad.push("a rollup is read in the panel's time range");
  if (target.command === "xrevrange" && !(target.count > 0 && target.count <= 1000))
    bad.push("a log is read with a count of at most 1000");
  if (
    target.command === "zrange" &&
    !(/^\d+$/.test(target.min) && /^\d+$/.test(target.max) && target.zrangeQuery === "REV")
  )
    bad.push("top N is read from 0 to N-1, REV");
  if (["hget", "hmget"].includes(target.command) && shape === "now")
    for (const field of words(target.field || ""))
      if (!layout.gauges.includes(field)) bad.push(`no such gauge: ${field}`);
  return bad;
}

/* The columns that a target's answer has, where the layout lists them. */
function columnsOf(target, layout) {
  if (target.command === "hmget" || target.command === "hget") return words(target.field);
  const columns = layout.streams[streamOf(keyShape(String(target.keyName)) || "")];
  return columns ? ["$time", "$streamId", ...columns] : null;
}

/* Columns that a transformation names must be there at that step; returns the columns after it. */
function lintStep(step, columns, bad) {
  const need = (name) =>
    columns === null || columns.includes(name) || bad.push(`${step.id} names a column that is not there: ${name}`);
  const { options } = step;
  switch (step.id) {
    case "filterFieldsByName":
      options.include.names.forEach(need);
      return options.include.names;
    case "organize":
      [...Object.keys(options.indexByName), ...Object.keys(options.renameByName)].forEach(need);
      return columns && columns.map((name) => options.renameByName[name] || name);
    case "calculateField":
      need(options.binary.left);
      need(options.binary.right);
      return columns && [...columns, options.alias];
    case "sortBy":
      options.sort.forEach((by) => need(by.field));
      return columns;
    case "filterByValue":
      options.filters.forEach((filter) => need(filter.fieldName));
      return columns;
    case "groupBy":
      Object.keys(options.fields).forEach(need);
      return Object.entries(options.fields).flatMap(([name, { operation, aggregations }]) =>
        operation === "groupby" ? [name] : aggregations.map((a) => `${name} (${a})`),
      );
    case "reduce":
      return ["Field", "Last *"];
    default:
      bad.push(`unknown transformation ${step.id}`);
      return columns;
  }
}

function lintFields(panel, target, layout) {
  const bad = [];
  let columns = columnsOf(target, layout);
  for (const step of panel.transformations || []) {
    if (!TRANSFORMATIONS.includes(step.id))
      bad.push(`transformation ${step.id} is not among those that were tried`);
    columns = lintStep(step, columns, bad);
  }
  for (const { matcher, properties } of panel.fieldConfig.overrides) {
    if (matcher.id !== "byName") bad.push(`override by ${matcher.id}`);
    if (columns && !columns.includes(matcher.options))
      bad.push(`override of a column that is not there: ${matcher.options}`);
    for (const { id, value } of properties) {
      if (!PROPERTIES.includes(id)) bad.push(`unknown property ${id}`);
      if (id === "custom.cellOptions" && !CELLS.includes(value.type))
        bad.push(`cell type ${value.type} could give text from the wire a meaning`);
    }
  }
  for (const { displayName } of panel.options.sortBy || [])
    if (columns && !columns.includes(displayName)) bad.push(`sorted by a column that is not there: ${displayName}`);
  return bad;
}

/* Columns that hold addresses and hashes, written by the sensor. Grafana cleans the address of a link by decoding it, which
 * undoes percentencode: an & in free text would set another variable. So no link is made of text from the wire. */
const LINKED = ["server", "client", "client_ip", "cert"];

/* A link leads to a dashboard of ours, sets a variable that is there, and takes only addresses and hashes from the row. */
function lintLink(link, boards, columns) {
  const bad = [];
  const [where, query = ""] = link.url.split("?");
  const board = boards.find((other) => where === `/d/${other.uid}`);
  if (!board) return [`link to ${where}`];
  for (const match of link.url.matchAll(PATTERN)) {
    const [, plain, , , name, , format] = match;
    if (plain || ((name.startsWith("__data") || name.startsWith("__value")) && format !== "percentencode"))
      bad.push(`link without percentencode: ${match[0]}`);
  }
  for (const [, heading] of link.url.matchAll(/fields\["([^"]+)"\]/g))
    if (!LINKED.includes(columns[heading]))
      bad.push(`link made of the column ${heading}, which may hold text from the wire`);
  for (const match of query.matchAll(/(?:^|&)var-(\w+)=/g))
    if (!board.templating.list.some((variable) => variable.name === match[1]))
      bad.push(`link sets ${match[1]}, which ${board.title} does not have`);
  if (!/\$\{site:queryparam\}/.test(query) || !/\$\{__url_time_range\}/.test(query))
    bad.push("link does not keep site and time");
  return bad;
}

/* Health, heartbeat and Redis itself are measured by the sensor on itself; nothing of them is judged. */
function aboutTheSensor(target) {
  return target.command === "info" || /:(hb|roll:health|view:sensors)/.test(target.keyName || "");
}

function lintText(panel, target) {
  const bad = [];
  const { defaults, overrides } = panel.fieldConfig;
  if (!panel.title) bad.push("no title");
  if (!panel.description || panel.description.length < 40) bad.push("no description that says what is shown");
  if (!defaults.unit) bad.push("no unit");
  if (!defaults.noValue) bad.push("no text for no data");
  if (!JSON.stringify(defaults.mappings || []).includes('"-1"')) bad.push("-1 is not mapped to unknown");
  const shown = JSON.stringify([panel.title, panel.description, overrides]);
  if (!aboutTheSensor(target) && !SAYS_UNKNOWN.test(shown)) bad.push("says nothing of what is unknown");
  if (JSON.stringify([defaults, overrides]).includes('"percent') && !SAYS_UNKNOWN.test(shown))
    bad.push("a share without its unknown share");
  return bad;
}

function lintPanel(panel, board, layout, boards) {
  if (!KINDS.includes(panel.type)) return [`panel type ${panel.type}`];
  if (panel.type === "row")
    return panel.title && panel.collapsed === false ? [] : ["a row is collapsed or has no title"];
  if (panel.targets?.length !== 1) return ["not one target"];
  let [target] = panel.targets;
  const bad = [];
  for (const where of [panel.datasource, target.datasource])
    if (!isShared(where) && where?.uid !== "${datasource}") bad.push("the data source is not the variable");
  if (isShared(target.datasource)) {
    const source = board.panels.find((other) => other.id === target.panelId);
    if (source?.targets?.[0].command !== "xrange" || board.panels.indexOf(source) > board.panels.indexOf(panel))
      return [...bad, "shares the answer of a panel that asks nothing"];
    [target] = source.targets;
  } else bad.push(...lintTarget(target, layout));
  bad.push(...lintText(panel, target), ...lintFields(panel, target, layout));
  const named = (panel.transformations || [])
    .filter((step) => step.id === "organize")
    .flatMap((step) => Object.entries(step.options.renameByName));
  const columns = Object.fromEntries(named.map(([column, heading]) => [heading, column]));
  for (const { properties } of panel.fieldConfig.overrides)
    for (const { id, value } of properties)
      if (id === "links") value.forEach((link) => bad.push(...lintLink(link, boards, columns)));
  return bad;
}

function lint(board, layout, boards) {
  const panels = board.panels.flatMap((panel) =>
    lintPanel(panel, board, layout, boards).map((text) => `${panel.title}: ${text}`),
  );
  return [...lintHead(board), ...lintVariables(board), ...lintGrid(board), ...panels].map(
    (text) => `${board.title}: ${text}`,
  );
}

module.exports = { LINKED, lint };
