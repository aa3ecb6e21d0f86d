// Steps that the browser tests share. The test in `view_browser.rs` passes the facts about its world in $FACTS.
"use strict";

const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const https = require("node:https");
const { chromium } = require("playwright-core");

// Much longer than any step takes.
const TIMEOUT = 30_000;
const facts = JSON.parse(process.env.FACTS);
const WIDTHS = [375, 1440];

// Starts Debian's chromium. It makes no connections other than those of the test.
function launch(more = []) {
  const executablePath = execFileSync("sh", ["-c", "command -v chromium"], { encoding: "utf8" }).trim();
  const args = ["--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", ...more];
  return chromium.launch({ executablePath, args, chromiumSandbox: process.getuid() !== 0 });
}

// A context whose pages fail the test on a dialog, an exception, an error on the console, or a violation of the policy.
async function context(browser, options = {}) {
  const made = await browser.newContext(options);
  made.setDefaultTimeout(TIMEOUT);
  made.faults = [];
  const fault = (text) => made.faults.push(text);
  made.on("dialog", (dialog) => { fault(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  made.on("weberror", (error) => fault(`exception: ${error.error()}`));
  made.on("console", (message) => {
    // Chromium reports each response with an error status, which tests cause on purpose.
    const isStatus = message.text().startsWith("Failed to load resource: the server responded with a status of");
    if (["error", "warning"].includes(message.type()) && !isStatus) fault(`console: ${message.text()}`);
  });
  if (facts.session) await made.addCookies([facts.session]);
  return made;
}

// Opens the session with the one-time link, and keeps its cookie for later contexts.
async function open(browser, options = {}) {
  const opened = await context(browser, options);
  const page = await opened.newPage();
  await page.goto(facts.link);
  await page.waitForURL(facts.page);
  facts.session = (await opened.cookies(facts.page)).find((cookie) => cookie.name === "hookspool");
  return page;
}

// Delivers a payload as a sender; returns the ID of the entry, or throws an error if the handshake is refused.
function deliver(payload, sender = "client", path = "/webhooks/pix/pix") {
  const read = (name) => fs.readFileSync(`${facts.directory}/certs/${name}`);
  return new Promise((resolve, reject) => {
    const options = {
      host: "localhost", port: facts.daemon, path, method: "POST", agent: false,
      ca: read("root-ca.pem"), cert: read(`${sender}.pem`), key: read(`${sender}.key`),
    };
    const request = https.request(options, (response) => {
      let body = "";
      response.on("data", (data) => { body += data; });
      response.on("end", () => resolve(JSON.parse(body).id));
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end(payload);
  });
}

// The page does not scroll sideways; only tables and texts in it do.
async function fits(page) {
  const { scroll, client } = await page.evaluate(() => {
    const root = document.documentElement;
    return { scroll: root.scrollWidth, client: root.clientWidth };
  });
  assert.ok(scroll <= client, `${page.url()} is ${scroll} px wide in a window of ${client} px`);
}

// Runs a test, and ends the browser and the process in any case.
async function run(test, more = []) {
  const limit = setTimeout(() => { console.error("timeout"); process.exit(1); }, 10 * TIMEOUT);
  const browser = await launch(more);
  try {
    await test(browser);
    for (const used of browser.contexts()) assert.deepEqual(used.faults, []);
  } finally {
    clearTimeout(limit);
    await browser.close();
  }
}

module.exports = { assert, context, deliver, facts, fits, fs, open, run, TIMEOUT, WIDTHS };
