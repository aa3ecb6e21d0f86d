// The link works once, and a delivery appears within a second on open pages.
"use strict";

const { assert, context, deliver, facts, open, run } = require("./common.js");

run(async (browser) => {
  const now = await open(browser);
  assert.equal(await now.locator("h1").innerText(), "Now");
  const second = await (await browser.newContext()).newPage();
  const used = await second.goto(facts.link);
  assert.equal(used.status(), 403);
  assert.match(await second.locator("main").innerText(), /This link is not valid/);
  // A context that failed has no faults to compare.
  await second.context().close();

  const list = await (await context(browser)).newPage();
  await Promise.all([
    list.waitForResponse(/events\/entries$/),
    list.goto(`${facts.page}deliveries?endpoint=pix`),
  ]);
  const waiting = now.locator("tr", { hasText: "pix" }).locator("td.number").first();
  // The median, because another test may keep the processor busy for a moment.
  const times = { list: [], now: [] };
  for (let round = 0; round < 7; round += 1) {
    const count = `${Number(await waiting.innerText()) + 1}`;
    const cell = await waiting.elementHandle();
    const id = await deliver(JSON.stringify({ round }));
    const begin = performance.now();
    const measure = async (name, appears) => { await appears; times[name].push(performance.now() - begin); };
    await Promise.all([
      measure("list", list.waitForSelector(`#rows tr:first-child[data-id="${id}"]`)),
      measure("now", now.waitForFunction(([node, text]) => node.textContent === text, [cell, count], { polling: 20 })),
    ]);
  }
  for (const [name, values] of Object.entries(times)) {
    const median = values.sort((a, b) => a - b)[3];
    assert.ok(median < 1000, `${name}: ${values}`);
  }
  // What is for another endpoint is not on this list.
  const other = await deliver("{}", "second", "/second");
  const last = await deliver("{}");
  await list.waitForSelector(`#rows tr:first-child[data-id="${last}"]`);
  assert.equal(await list.locator(`tr[data-id="${other}"]`).count(), 0);

  // Pages that are no longer updated say so. Chromium reports the closed connections on the console.
  for (const page of [now, list]) {
    assert.ok(await page.locator("#stale").isHidden());
    assert.deepEqual(page.context().faults, []);
  }
  process.kill(facts.view, "SIGKILL");
  for (const page of [now, list]) {
    await page.locator("#stale").waitFor({ state: "visible" });
    await page.context().close();
  }
});
