/* servers.js - a redis-server of our own with the rights of deploy/redis.acl, and the real sensor that fills it. */
"use strict";
const { execFileSync, spawn, spawnSync } = require("child_process");
const crypto = require("crypto");
const fs = require("fs");
const net = require("net");
const path = require("path");
const { connect } = require("./resp");
const { ROOT } = require("./layout");

const USERS = ["waxseal", "grafana", "admin"];

function makeUsers(folder) {
  const files = USERS.map((user) => path.join(folder, `${user}.password`));
  files.forEach((file) => fs.writeFileSync(file, crypto.randomBytes(32).toString("hex") + "\n", { mode: 0o600 }));
  fs.writeFileSync(path.join(folder, "users.acl"), execFileSync(path.join(ROOT, "deploy", "redis-users"), files));
}

function freePort() {
  return new Promise((resolve) => {
    const probe = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/* start - {login(user), passwordFile(user), port, stop()}; the configuration is deploy/redis.conf, on loopback and a free port. */
async function start(folder) {
  makeUsers(folder);
  const socket = path.join(folder, "redis.sock");
  const log = path.join(folder, "redis.log");
  const port = await freePort();
  const server = spawn(
    "redis-server",
    [
      path.join(ROOT, "deploy", "redis.conf"),
      "--bind",
      "127.0.0.1",
      "--port",
      port,
      "--unixsocket",
      socket,
      "--dir",
      folder,
      "--logfile",
      log,
      "--aclfile",
      path.join(folder, "users.acl"),
      "--daemonize",
      "no",
    ],
    { stdio: "ignore" },
  );
  let ended = false;
  server.on("exit", () => {
    ended = true;
  });
  for (let i = 0; i < 100 && !fs.existsSync(socket); i++) {
    if (ended)
      throw new Error(
        `redis-server did not start:\n${fs.existsSync(log) ? fs.readFileSync(log, "utf8").split("\n").slice(-5).join("\n") : ""}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const passwordFile = (user) => path.join(folder, `${user}.password`);
  return {
    port,
    passwordFile,
    login: async (user) => {
      const redis = connect(socket);
      await redis.call("AUTH", user, fs.readFileSync(passwordFile(user), "utf8").trim());
      return redis;
    },
    /* It still writes its append-only file, in the folder that the caller removes next. */
    stop: () =>
      new Promise((resolve) => {
        if (ended) return resolve();
        server.once("exit", resolve);
        server.kill("SIGKILL");
      }),
  };
}

/* feed - the bundled captures, read by the sensor as the user waxseal. */
function feed(redis, program, folder, site, sensor) {
  const config = path.join(folder, "waxseal.yaml");
  fs.writeFileSync(config, `site: ${site}\nsensor: ${sensor}\nown_networks:\n  - 10.78.0.0/16\n`);
  execFileSync(
    program,
    [
      "read",
      "--quiet",
      "-c",
      config,
      "--redis",
      `redis://waxseal@127.0.0.1:${redis.port}`,
      path.join(ROOT, "tests", "captures"),
    ],
    {
      env: {
        ...process.env,
        WAXSEAL_REDIS_PASSWORD: fs.readFileSync(redis.passwordFile("waxseal"), "utf8").trim(),
      },
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
}

/* report - what is wrong with `waxseal report` as one of the users; null where nothing is. */
function report(redis, program, site, user) {
  const url = `redis://${user}@127.0.0.1:${redis.port}`;
  const done = spawnSync(
    program,
    ["report", "--json", "--redis", url, "--redis-password-file", redis.passwordFile(user), "--site", site],
    { encoding: "utf8" },
  );
  if (done.status !== 0) return `waxseal report as ${user}: ${done.stderr.trim()}`;
  return done.stdout.startsWith("{") ? null : `waxseal report as ${user} gives no JSON`;
}

module.exports = { feed, report, start };
