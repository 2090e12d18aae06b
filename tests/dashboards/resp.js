/* resp.js - a Redis client of the smallest kind: RESP2 over a Unix socket, one command at a time. */
"use strict";
const net = require("net");

/* One reply at `at`: {value, at}, or null where bytes are still to come. An error reply is an Error, not thrown. */
function readReply(text, at) {
  const end = text.indexOf("\r\n", at);
  if (end < 0) return null;
  const line = text.slice(at + 1, end);
  const next = end + 2;
  switch (text[at]) {
    case "+":
      return { value: line, at: next };
    case "-":
      return { value: new Error(line), at: next };
    case ":":
      return { value: Number(line), at: next };
    case "$":
      return readBulk(text, next, Number(line));
    case "*":
      return readArray(text, next, Number(line));
    default:
      throw new Error(`not RESP2: ${JSON.stringify(text.slice(at, at + 20))}`);
  }
}

function readBulk(text, at, length) {
  if (length < 0) return { value: null, at };
  if (text.length < at + length + 2) return null;
  return { value: Buffer.from(text.slice(at, at + length), "latin1").toString("utf8"), at: at + length + 2 };
}

function readArray(text, at, count) {
  const value = [];
  for (let i = 0; i < count; i++) {
    const item = readReply(text, at);
    if (!item) return null;
    value.push(item.value);
    at = item.at;
  }
  return { value, at };
}

function encode(args) {
  const parts = args.map((arg) => Buffer.from(String(arg)));
  return Buffer.concat([
    Buffer.from(`*${parts.length}\r\n`),
    ...parts.flatMap((part) => [Buffer.from(`$${part.length}\r\n`), part, Buffer.from("\r\n")]),
  ]);
}

/* connect - to a socket; call(...args) resolves to the reply or rejects with what Redis said. */
function connect(path) {
  const socket = net.createConnection(path);
  const waiting = [];
  let chunks = [];
  let failed = null;
  const fail = (error) => {
    failed = error;
    waiting.splice(0).forEach((w) => w.reject(error));
  };
  socket.on("error", fail);
  socket.on("close", () => fail(failed || new Error("Redis closed the connection")));
  socket.on("data", (data) => {
    chunks.push(data.toString("latin1"));
    if (data[data.length - 1] !== 0x0a) return; /* every reply ends in a line feed: parse long ones once */
    const text = chunks.join("");
    let at = 0;
    for (let reply; waiting.length && (reply = readReply(text, at)); at = reply.at) {
      const { resolve, reject } = waiting.shift();
      if (reply.value instanceof Error) reject(reply.value);
      else resolve(reply.value);
    }
    chunks = at < text.length ? [text.slice(at)] : [];
  });
  return {
    call: (...args) =>
      new Promise((resolve, reject) => {
        if (failed) return reject(failed);
        waiting.push({ resolve, reject });
        socket.write(encode(args));
      }),
    close: () => socket.destroy(),
  };
}

module.exports = { connect };
