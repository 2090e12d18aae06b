/* hostile.js - names as an attacker would choose them for an EHLO or a certificate: they must stay names.
 *
 * They must not be interpolated (template syntax), must not become markup, and must not lead a link anywhere else or set another
 * variable. What Grafana draws as text is safe in itself (React); so the ways out are titles, links and interpolation. Links are
 * made of addresses and hashes only, which the lint holds; here it is seen that nothing else gets into one. */
"use strict";
const { interpolate } = require("./variables");
const { LINKED } = require("./lint");
const panels = require("./panels");
const { seed } = require("./seed");

const SITE = "default";
const TEXTS = [
  "${site}",
  "$__from",
  "${__data.fields[0]}",
  "[[site]]",
  "{{ .Values.A }}",
  "{{x}}",
  "<img src=x onerror=alert(1)>",
  "<script>alert(1)</script>",
  "javascript:alert(1)",
  'x&var-site=other&orgId=2#"><b>',
  "../../admin?",
  "%24%7Bsite%7D",
  "a\nb\tc",
  "\u202eevil",
  "__proto__",
  "constructor",
];

const isWire = (text, wire) => typeof text === "string" && text.includes(wire);

/* A link of a cell, as Grafana would open it. */
const ADDRESS = "[2001:db8::1]:25";

function linkProblems(frame, name) {
  const bad = [];
  for (const field of frame.fields)
    for (const link of field.getLinks?.({ valueRowIndex: 0 }) || []) {
      const url = new URL(link.href, "http://grafana.example.net");
      if (url.origin !== "http://grafana.example.net" || !url.pathname.startsWith("/d/waxseal-"))
        bad.push(`${name}: leads to ${link.href}`);
      const names = [...url.searchParams.keys()];
      if (
        new Set(names).size !== names.length ||
        names.some((key) => !/^(var-(datasource|site|sensor|resolution|server|cert|client)|from|to)$/.test(key))
      )
        bad.push(`${name}: parameters ${names.join(" ")}`);
      if (url.searchParams.get("var-site") !== SITE || url.hash) bad.push(`${name}: another site, or a fragment`);
      const given = ["server", "cert", "client"]
        .map((key) => url.searchParams.get(`var-${key}`))
        .find((value) => value !== null);
      if (given !== ADDRESS) bad.push(`${name}: ${ADDRESS} arrives as ${JSON.stringify(given)}`);
    }
  return bad;
}

function textProblems(panel, shown, asked, wire) {
  const bad = [];
  for (const text of asked)
    if (isWire(text, wire)) bad.push(`${panel.title}: ${JSON.stringify(text)} is interpolated`);
  const seen = [
    ...shown.values.map((value) => value.display.title),
    ...shown.data.flatMap((frame) => frame.fields.flatMap((field) => field.values.map(String))),
  ];
  const isText = panel.type === "table" || /top:/.test(panel.targets[0].keyName || "");
  if (isText && !seen.some((text) => isWire(text, wire)))
    bad.push(`${panel.title}: ${JSON.stringify(wire)} is not shown as it is`);
  return [...bad, ...shown.data.flatMap((frame) => linkProblems(frame, panel.title))];
}

/* texts: left out, all of them. */
async function problems(boards, layout, redis, admin, texts = TEXTS) {
  const bad = [];
  const at = Date.now();
  const variables = {
    datasource: "waxseal-redis",
    site: SITE,
    sensor: "tap",
    resolution: "1m",
    server: "chosen",
    cert: "chosen",
    client: "chosen",
  };
  for (const wire of texts) {
    await admin.call("FLUSHALL");
    const text = (column) =>
      LINKED.includes(column)
        ? ADDRESS
        : column === "verdict"
          ? "insecure"
          : column === "rule"
            ? `starttls ${wire}`
            : wire;
    await seed(admin, boards, layout, (key) => interpolate(key, variables), at, text);
    for (const board of boards)
      for (const panel of board.panels.filter((item) => item.type !== "row")) {
        const asked = [];
        const shown = await panels.evaluate(panel, {
          redis,
          board,
          variables,
          asked,
          range: { from: at - 60000, to: at + 60000 },
        });
        bad.push(...textProblems(panel, shown, asked, wire));
      }
  }
  return bad;
}

module.exports = { problems };
