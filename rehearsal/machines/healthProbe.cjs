// Asks balancers' targets whether they are well; runs inside the router's network namespace (see balancers.ts). Plain
// JavaScript, so that it starts at once. Each line on its input is the whole list of "address:port"; each line on its output
// the list of those that answer. It ends with its input, and so with the process that started it.
"use strict";
const https = require("node:https");
const readline = require("node:readline");
const { setTimeout } = require("node:timers");

const INTERVAL_MILLISECONDS = 2000;
const TIMEOUT_MILLISECONDS = 2000;
/** One answer is enough to be well, two silences in a row to be not. */
const PATIENCE = 2;

/** @type {string[]} */
let targets = [];
/** Silences in a row, by target. */
const missed = new Map();
let told = "";

/** @param {string} target */
const ask = (target) =>
  new Promise((resolve) => {
    const [host, port] = target.split(":");
    // In the options, not by setTimeout: that counts only once there is a connection, and whoever is gone accepts none.
    const timeout = TIMEOUT_MILLISECONDS;
    const options = { host, port, path: "/readyz", rejectUnauthorized: false, agent: false, timeout };
    const request = https.get(options, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(false));
  });

async function round() {
  await Promise.all(
    targets.map(async (target) =>
      missed.set(target, (await ask(target)) ? 0 : (missed.get(target) ?? PATIENCE - 1) + 1),
    ),
  );
  const well = JSON.stringify(targets.filter((target) => missed.get(target) < PATIENCE));
  if (well !== told) process.stdout.write(`${well}\n`);
  told = well;
  setTimeout(() => void round(), INTERVAL_MILLISECONDS);
}

readline
  .createInterface({ input: process.stdin })
  .on("line", (line) => (targets = JSON.parse(line)))
  .on("close", () => process.exit(0));
void round();
