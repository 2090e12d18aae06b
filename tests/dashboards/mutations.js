/* mutations.js - broken copies: each must be noticed. [what is broken, how, which check sees it]. */
"use strict";

const all = (board, kind) => board.panels.filter((panel) => panel.type === kind);
const asking = (board, command) => board.panels.find((panel) => panel.targets?.[0].command === command);
const names = (panel) =>
  panel.transformations.find((step) => step.id === "filterFieldsByName").options.include.names;
const linked = (board) =>
  board.panels
    .flatMap((panel) => panel.fieldConfig?.overrides || [])
    .flatMap(({ properties }) => properties)
    .find(({ id }) => id === "links");

/* Seen by the lint of servers-and-certificates, which has a panel of every kind. */
const LINT = [
  [
    "a title is gone",
    (b) => {
      all(b, "stat")[0].title = "";
    },
  ],
  [
    "a description is gone",
    (b) => {
      delete all(b, "table")[0].description;
    },
  ],
  [
    "a unit is gone",
    (b) => {
      delete all(b, "bargauge")[0].fieldConfig.defaults.unit;
    },
  ],
  [
    "no text for no data",
    (b) => {
      delete all(b, "table")[0].fieldConfig.defaults.noValue;
    },
  ],
  [
    "-1 is shown as a number",
    (b) => {
      all(b, "stat")[0].fieldConfig.defaults.mappings = [];
    },
  ],
  [
    "two panels overlap",
    (b) => {
      b.panels[2].gridPos.x = b.panels[1].gridPos.x;
    },
  ],
  [
    "a panel leaves the grid",
    (b) => {
      b.panels[2].gridPos.w = 23;
    },
  ],
  [
    "an id is used twice",
    (b) => {
      b.panels[2].id = b.panels[1].id;
    },
  ],
  [
    "id is not null",
    (b) => {
      b.id = 5;
    },
  ],
  [
    "editable",
    (b) => {
      b.editable = true;
    },
  ],
  [
    "another schemaVersion",
    (b) => {
      b.schemaVersion = 42;
    },
  ],
  [
    "refresh is no text",
    (b) => {
      b.refresh = false;
    },
  ],
  [
    "__inputs of an export",
    (b) => {
      b.__inputs = [];
    },
  ],
  [
    "a fixed data source",
    (b) => {
      all(b, "stat")[0].datasource = { type: "redis-datasource", uid: "waxseal-redis" };
    },
  ],
  [
    "no links to the others",
    (b) => {
      b.links = [];
    },
  ],
  [
    "links that lose the variables",
    (b) => {
      b.links[0].includeVars = false;
    },
  ],
  [
    "a variable that changes $time",
    (b) => {
      b.templating.list.push({ name: "time", label: "x", description: "x", type: "textbox" });
    },
  ],
  [
    "KEYS in a variable",
    (b) => {
      b.templating.list[1].query = "KEYS waxseal:*";
    },
  ],
  [
    "sensor without All",
    (b) => {
      b.templating.list[2].includeAll = false;
    },
  ],
  [
    "a command that is none",
    (b) => {
      asking(b, "zrange").targets[0].command = "zrevrange";
    },
  ],
  [
    "CLI beside the command",
    (b) => {
      asking(b, "zrange").targets[0].query = "FLUSHALL";
    },
  ],
  [
    "a key of the target that the plugin ignores",
    (b) => {
      asking(b, "zrange").targets[0].limit = 5;
    },
  ],
  [
    "a number where text belongs",
    (b) => {
      asking(b, "zrange").targets[0].min = 0;
    },
  ],
  [
    "text where a number belongs",
    (b) => {
      asking(b, "xrange").targets[0].count = "2000";
    },
  ],
  [
    "$__from in start",
    (b) => {
      asking(b, "xrange").targets[0].start = "$__from";
    },
  ],
  [
    "a key that is not in the layout",
    (b) => {
      asking(b, "zrange").targets[0].keyName = "waxseal:{${site}}:top:ciphers";
    },
  ],
  [
    "a key without the hash tag",
    (b) => {
      asking(b, "zrange").targets[0].keyName = "waxseal:${site}:top:cipher";
    },
  ],
  [
    "a gauge that is not in the layout",
    (b) => {
      asking(b, "hmget").targets[0].field += " servers_unhappy";
    },
  ],
  [
    "a view without a bound",
    (b) => {
      delete asking(b, "xrange").targets[0].count;
    },
  ],
  [
    "the whole event stream",
    (b) => {
      const t = asking(b, "xrange").targets[0];
      t.command = "xrevrange";
      t.keyName = "waxseal:{${site}}:events";
      t.start = t.end = "";
      delete t.count;
    },
  ],
  [
    "a shared answer of nobody",
    (b) => {
      b.panels.find((p) => p.targets?.[0].panelId).targets[0].panelId = 9999;
    },
  ],
  [
    "a column that no row has",
    (b) => {
      names(all(b, "table")[0]).push("mood");
    },
  ],
  [
    "a heading for no column",
    (b) => {
      all(b, "table")[0].fieldConfig.overrides[0].matcher.options = "Serverr";
    },
  ],
  [
    "sorted by no column",
    (b) => {
      all(b, "table")[0].options.sortBy = [{ displayName: "Mood", desc: true }];
    },
  ],
  [
    "a sum of no counter",
    (b) => {
      const p = all(b, "timeseries")[0];
      p.transformations.find((t) => t.id === "calculateField").options.binary.left = "establishd";
    },
  ],
  [
    "a transformation that was not tried",
    (b) => {
      all(b, "table")[0].transformations.push({ id: "extractFields", options: {} });
    },
  ],
  [
    "a cell that draws HTML",
    (b) => {
      all(b, "table")[0].fieldConfig.overrides[0].properties.push({
        id: "custom.cellOptions",
        value: { type: "markdown" },
      });
    },
  ],
  [
    "a panel of HTML",
    (b) => {
      all(b, "stat")[0].type = "text";
    },
  ],
  [
    "a link with raw text from the wire",
    (b) => {
      linked(b).value[0].url = linked(b).value[0].url.replace(":percentencode", "");
    },
  ],
  [
    "a link to elsewhere",
    (b) => {
      linked(b).value[0].url = 'https://example.net/?q=${__data.fields["Server"]:percentencode}';
    },
  ],
  [
    "a link that sets a variable of nobody",
    (b) => {
      linked(b).value[0].url = linked(b).value[0].url.replace("var-server=", "var-sever=");
    },
  ],
  [
    "a link made of a name from the wire",
    (b) => {
      linked(b).value[0].url = linked(b).value[0].url.replace('"Server"', '"Name"');
    },
  ],
  [
    "a link that forgets the site",
    (b) => {
      linked(b).value[0].url = linked(b).value[0].url.replace("${site:queryparam}", "");
    },
  ],
  [
    "a share alone",
    (b) => {
      const p = all(b, "stat").find((s) => s.title === "Strength of TLS");
      p.description = "Shares of sessions, shown as what they are here.";
      p.fieldConfig.overrides.pop();
    },
  ],
  [
    "a collapsed row, whose panels do not ask",
    (b) => {
      all(b, "row")[0].collapsed = true;
    },
  ],
];

/* Seen by the JSON Schema of @grafana/schema. */
const SCHEMA = [
  [
    "schemaVersion as text",
    (b) => {
      b.schemaVersion = "39";
    },
  ],
  [
    "a panel without a type",
    (b) => {
      delete b.panels[1].type;
    },
  ],
  [
    "gridPos as text",
    (b) => {
      b.panels[1].gridPos.w = "12";
    },
  ],
  [
    "tags as text",
    (b) => {
      b.tags = "waxseal";
    },
  ],
  [
    "a transformation without an id",
    (b) => {
      delete all(b, "table")[0].transformations[0].id;
    },
  ],
  [
    "time as numbers",
    (b) => {
      b.time = { from: 1, to: 2 };
    },
  ],
];

/* Seen by the schema of a kind of panel. */
SCHEMA.push(
  [
    "an option that the panel does not know",
    (b) => {
      all(b, "bargauge")[0].options.displaymode = "basic";
    },
  ],
  [
    "an option with a word that is none",
    (b) => {
      all(b, "stat")[0].options.colorMode = "text";
    },
  ],
  [
    "a setting of a chart that is none",
    (b) => {
      all(b, "timeseries")[0].fieldConfig.defaults.custom.drawStyle = "columns";
    },
  ],
  [
    "a setting of one column that is none",
    (b) => {
      all(b, "table")[0].fieldConfig.overrides[0].properties.push({
        id: "custom.cellOptions",
        value: { type: "text" },
      });
    },
  ],
);

/* Seen with data only. */
const DATA = [
  [
    "stat of a gauge that Redis does not have",
    (b) => {
      const t = asking(b, "hmget").targets[0];
      t.field = t.field.replace(/^\S+/, "servers_unhappy");
    },
  ],
  [
    "a column that Redis does not send",
    (b) => {
      names(all(b, "table")[0])[0] = "serverr";
    },
  ],
  [
    "a key that is not there",
    (b) => {
      asking(b, "zrange").targets[0].keyName = "waxseal:{${site}}:top:moods";
    },
  ],
  [
    "a legend that is not renamed",
    (b) => {
      const p = all(b, "timeseries")[0];
      p.transformations.find((t) => t.id === "organize").options.renameByName = {};
      p.transformations[p.transformations.length - 2].options.include.names = ["$time", "aead"];
    },
  ],
  [
    "a command that grafana may not send",
    (b) => {
      const t = asking(b, "zrange").targets[0];
      t.command = "llen";
      t.keyName = "elsewhere";
    },
  ],
];

/* Seen only when a name from the wire has a meaning to somebody: [what, how, the name]. */
const HOSTILE = [
  [
    "a link made of a name from the wire",
    (b) => {
      linked(b).value[0].url = linked(b).value[0].url.replace('"Server"', '"Name"');
    },
    "x&var-site=other&orgId=2#",
  ],
  [
    "a link whose address is a name from the wire",
    (b) => {
      linked(b).value[0].url = '${__data.fields["Name"]}';
    },
    "https://example.net/",
  ],
  [
    "a bar named by a template",
    (b) => {
      asking(b, "zrange").fieldConfig.defaults.displayName = "${site}";
    },
    "an issuer",
  ],
];

/* Seen by the lint of the rules: document of rules.yaml. */
const first = (document) => document.groups[0].rules[0];
const ALERTS = [
  [
    "XRANGE in a rule",
    (d) => {
      Object.assign(first(d).data[0].model, {
        command: "xrange",
        keyName: "waxseal:{default}:roll:1m:all",
        field: undefined,
        start: "",
        end: "",
      });
    },
  ],
  [
    "HGETALL in a rule",
    (d) => {
      first(d).data[0].model.command = "hgetall";
    },
  ],
  [
    "two gauges in a rule",
    (d) => {
      first(d).data[0].model.field = "open_high open_low";
    },
  ],
  [
    "a variable in a rule",
    (d) => {
      first(d).data[0].model.keyName = "waxseal:{${site}}:now";
    },
  ],
  [
    "a gauge of nobody",
    (d) => {
      first(d).data[0].model.field = "open_terrible";
    },
  ],
  [
    "a panel of nobody",
    (d) => {
      first(d).panelId = 999;
    },
  ],
  [
    "no execErrState",
    (d) => {
      delete first(d).execErrState;
    },
  ],
  [
    "a uid too long",
    (d) => {
      first(d).uid = "x".repeat(41);
    },
  ],
  [
    "a uid twice",
    (d) => {
      first(d).uid = d.groups[0].rules[1].uid;
    },
  ],
  [
    "a condition of nothing",
    (d) => {
      first(d).condition = "C";
    },
  ],
  [
    "no advice",
    (d) => {
      delete first(d).annotations.description;
    },
  ],
  [
    "the environment in an annotation",
    (d) => {
      first(d).annotations.summary = "$HOME";
    },
  ],
  [
    "an evaluator that is none",
    (d) => {
      first(d).data[1].model.conditions[0].evaluator.type = "above";
    },
  ],
];

module.exports = { ALERTS, DATA, HOSTILE, LINT, SCHEMA };
