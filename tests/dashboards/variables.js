/* variables.js - Grafana's template syntax, as far as the dashboards use it: $name, ${name}, ${name:format}, ${__data.fields["x"]:format}. */
"use strict";

const PATTERN = /\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:^}]+))?(?::([^}]+))?\}/g;

function format(value, how, name) {
  switch (how) {
    case undefined:
    case "raw":
    case "text":
      return value;
    case "csv":
      return value;
    case "percentencode":
      return encodeURIComponent(value).replace(/[!'()*]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase());
    case "queryparam":
      return `var-${name}=${encodeURIComponent(value)}`;
    default:
      throw new Error(`unknown variable format ${how}`);
  }
}

/* interpolate - variables: {name: text}; row: {column: text} for data links. What is not known stays as it is, as in Grafana. */
function interpolate(text, variables, row) {
  return String(text).replace(PATTERN, (whole, plain, square, squareFormat, name, path, how) => {
    const wanted = plain || square || name;
    if (wanted === "__url_time_range") return "from=now-6h&to=now";
    if (wanted === "__data" && row) {
      const column = /^fields\["([^"]+)"\]$/.exec(path);
      return column && column[1] in row ? format(String(row[column[1]]), how, wanted) : whole;
    }
    return wanted in variables ? format(String(variables[wanted]), how || squareFormat, wanted) : whole;
  });
}

module.exports = { interpolate, PATTERN };
