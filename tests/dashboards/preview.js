/* preview.js - a plain HTML page of a dashboard: its grid, with what each panel would show. Only to be looked at.
 *
 * It is not how Grafana draws, but the grid, titles, texts, colours and numbers are the dashboard's own. */
"use strict";
const fs = require("fs");
const path = require("path");
const { grafana } = require("./panels");

const COLUMN = 64; /* px; with Grafana's row height of 30 and gap of 8 */
const ROW = 30;
const GAP = 8;
const escape = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

function shownText(display) {
  return `${display.prefix || ""}${display.text}${display.suffix || ""}`;
}

function stat(values) {
  return `<div class="stats">${values.map(({ display }) => `<div><small>${escape(display.title || "")}</small><b style="color:${display.color}">${escape(shownText(display))}</b></div>`).join("")}</div>`;
}

function bars(values) {
  const most = Math.max(1, ...values.map((value) => value.display.numeric || 0));
  return values
    .map(
      ({ display }) =>
        `<div class="bar"><span>${escape(display.title)}</span><i><u style="width:${(100 * Math.max(0, display.numeric || 0)) / most}%;background:${display.color}"></u></i>` +
        `<b style="color:${display.color}">${escape(shownText(display))}</b></div>`,
    )
    .join("");
}

function pie(values) {
  const sum = values.reduce((total, value) => total + value.display.numeric, 0) || 1;
  let at = 0;
  const slices = values.map(({ display }) => {
    const from = at;
    at += (100 * display.numeric) / sum;
    return `${display.color} ${from}% ${at}%`;
  });
  return `<div class="pie"><div style="background:conic-gradient(${slices.join(",")})"></div><table>${values
    .map(
      ({ display }) =>
        `<tr><td style="color:${display.color}">&#9632;</td><td>${escape(display.title)}</td><td>${escape(shownText(display))}</td></tr>`,
    )
    .join("")}</table></div>`;
}

function chart(frame, stacked, height) {
  const numbers = frame.fields.filter((field) => field.type === "number");
  const rows = frame.length;
  const tops = Array.from({ length: rows }, (_, i) =>
    stacked
      ? numbers.reduce((sum, field) => sum + (field.values[i] || 0), 0)
      : Math.max(...numbers.map((field) => field.values[i] || 0)),
  );
  const most = Math.max(...tops, Number.MIN_VALUE);
  const width = 400 / Math.max(rows, 1);
  const color = (field) => field.config.color.fixedColor;
  const base = new Array(rows).fill(0);
  const marks = numbers
    .map((field) =>
      stacked
        ? field.values
            .map((value, i) => {
              base[i] += value || 0;
              return `<rect x="${i * width + 1}" y="${100 - (100 * base[i]) / most}" width="${Math.max(width - 2, 1)}" height="${(100 * (value || 0)) / most}" fill="${color(field)}"/>`;
            })
            .join("")
        : `<polyline points="${field.values.map((value, i) => `${(i + 0.5) * width},${100 - (100 * (value || 0)) / most}`).join(" ")}" fill="none" stroke="${color(field)}" stroke-width="2" vector-effect="non-scaling-stroke"${field.config.custom?.lineStyle ? ' stroke-dasharray="6 5"' : ""}/>` +
          (rows === 1
            ? `<circle cx="200" cy="${100 - (100 * (field.values[0] || 0)) / most}" r="2" fill="${color(field)}"/>`
            : ""),
    )
    .join("");
  const legend = numbers
    .map(
      (field) =>
        `<tr><td style="color:${color(field)}">&#9632;</td><td>${escape(grafana.getFieldDisplayName(field, frame))}</td><td>${escape(shownText(field.display(field.values[rows - 1])))}</td></tr>`,
    )
    .join("");
  return `<div class="chart"><svg viewBox="0 0 400 100" preserveAspectRatio="none" style="height:${height - 60}px">${marks}</svg><table>${legend}</table></div>`;
}

function order(frame, sortBy) {
  const rows = Array.from({ length: frame.length }, (_, i) => i);
  const [by] = sortBy || [];
  const field = by && frame.fields.find((item) => grafana.getFieldDisplayName(item, frame) === by.displayName);
  if (!field) return rows;
  const compare = (a, b) => (field.values[a] < field.values[b] ? -1 : field.values[a] > field.values[b] ? 1 : 0);
  return rows.sort((a, b) => (by.desc ? compare(b, a) : compare(a, b)));
}

function table(frame, panel) {
  const { fields } = frame;
  const head = fields
    .map(
      (field) =>
        `<th style="min-width:${field.config.custom?.width || 80}px">${escape(grafana.getFieldDisplayName(field, frame))}</th>`,
    )
    .join("");
  const body = order(frame, panel.options.sortBy)
    .slice(0, 12)
    .map(
      (i) =>
        `<tr>${fields
          .map((field) => {
            const display = field.display(field.values[i]);
            const paint =
              field.config.custom?.cellOptions?.type === "color-text" ? ` style="color:${display.color}"` : "";
            return `<td${paint}>${field.config.links?.length ? "&#128279; " : ""}${escape(shownText(display))}</td>`;
          })
          .join("")}</tr>`,
    )
    .join("");
  return `<div class="scroll"><table class="rows"><tr>${head}</tr>${body}</table></div>`;
}

function content(panel, shown) {
  const [frame] = shown.data;
  if (!frame?.fields.length || !frame.length)
    return `<p class="none">${escape(panel.fieldConfig.defaults.noValue)}</p>`;
  switch (panel.type) {
    case "stat":
      return stat(shown.values);
    case "bargauge":
      return bars(shown.values);
    case "piechart":
      return pie(shown.values);
    case "timeseries":
      return chart(
        frame,
        panel.fieldConfig.defaults.custom.stacking.mode === "normal",
        panel.gridPos.h * (ROW + GAP) - GAP,
      );
    default:
      return table(frame, panel);
  }
}

const STYLE = `body{background:#111217;color:#ccccdc;font:13px sans-serif;margin:0}main{position:relative}section{position:absolute;box-sizing:border-box;overflow:hidden;background:#181b1f;
border:1px solid #25272d;padding:6px 8px}section.row{background:none;border:0;font-weight:bold}h1{font-size:18px;margin:8px}h2{font-size:13px;font-weight:500;margin:0 0 6px;white-space:nowrap;overflow:hidden;
text-overflow:ellipsis}.stats{display:flex;justify-content:space-around;text-align:center;padding-top:14px}.stats b{display:block;font-size:26px;font-weight:500}.bar{display:flex;gap:8px;align-items:center;margin:2px 0}
.bar span{width:40%;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;text-align:right}.bar i{flex:1;background:#22252b;height:14px}.bar u{display:block;height:14px}.bar b{width:60px}.pie,.chart{display:flex;
gap:10px;align-items:center}.pie>div{width:150px;height:150px;border-radius:50%;flex:none}.chart svg{flex:1;min-width:0}table{border-collapse:collapse;font-size:12px}td,th{padding:2px 6px;white-space:nowrap;text-align:left}
.rows td{border-top:1px solid #25272d;max-width:420px;overflow:hidden;text-overflow:ellipsis}.none{color:#8e8e8e;text-align:center}`;

/* preview - FOLDER/UID.html; shown: what evaluate() gave, by the panel's id. */
function preview(folder, board, shown, expand) {
  const panels = board.panels.map((panel) => {
    const { x, y, w, h } = panel.gridPos;
    const place = `left:${x * COLUMN}px;top:${y * (ROW + GAP)}px;width:${w * COLUMN - GAP}px;height:${h * (ROW + GAP) - GAP}px`;
    if (panel.type === "row")
      return `<section class="row" style="${place}">${escape(expand(panel.title))}</section>`;
    const inside = shown.has(panel.id) ? content(panel, shown.get(panel.id)) : '<p class="none">failed</p>';
    return `<section style="${place}" title="${escape(panel.description)}"><h2>${escape(expand(panel.title))}</h2>${inside}</section>`;
  });
  const height = Math.max(...board.panels.map((panel) => panel.gridPos.y + panel.gridPos.h)) * (ROW + GAP);
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(
    path.join(folder, `${board.uid}.html`),
    `<!doctype html><meta charset="utf-8"><title>${escape(board.title)}</title><style>${STYLE}</style><h1>${escape(board.title)}</h1><main style="width:${24 * COLUMN}px;height:${height}px">${panels.join("\n")}</main>`,
  );
  return height;
}

module.exports = { preview };
