// Filters and the search find one entry of many, and a search can be stopped.
"use strict";

const { assert, facts, fits, fs, open, run, TIMEOUT } = require("./common.js");

run(async (browser) => {
  const page = await open(browser);
  const { id, needle } = facts.more;
  const ids = () => page.locator("#rows tr[data-id]").evaluateAll((rows) => rows.map((row) => row.dataset.id));
  await page.getByRole("link", { name: "Deliveries" }).first().click();
  await page.waitForURL(/deliveries$/);
  const first = await ids();
  assert.equal(first.length, 50);
  await page.getByRole("link", { name: "Older" }).click();
  await page.waitForURL(/before=/);
  const second = await ids();
  assert.ok(second.length === 50 && second.every((it) => !first.includes(it)));

  await page.getByRole("searchbox").fill(needle);
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByText("There are no older entries.").waitFor({ timeout: 4 * TIMEOUT });
  assert.deepEqual(await ids(), [id]);
  await page.locator(`tr[data-id="${id}"] a`).click();
  assert.ok((await page.locator("#payload + pre").innerText()).includes(needle));

  // Each filter, added to those before it.
  await page.goBack();
  const filters = [["day", facts.more.day, "2020-01-01"], ["endpoint", "pix", "second"], ["queue", "new", "failed"],
    ["sender", "bank", "other"], ["event", "pix", "rec"]];
  for (const [name, value, absent] of filters) {
    for (const [text, found] of [[absent, []], [value, [id]]]) {
      const field = page.locator(`.filter [name=${name}]`);
      await (name === "endpoint" || name === "queue" ? field.selectOption(text) : field.fill(text));
      await page.getByRole("button", { name: "Show" }).click();
      await page.locator("tr.end").waitFor();
      assert.deepEqual(await ids(), found, `${name} ${text}`);
    }
  }
  await page.getByRole("link", { name: "Clear" }).click();
  await page.waitForURL(/deliveries$/);
  assert.equal((await ids()).length, 50);

  // A search that would take minutes: payloads of 64 MiB, without blocks on the disk.
  const queue = `${facts.directory}/spool/pix/new`;
  const [envelope] = fs.readFileSync(`${queue}/${id}.hook`, "utf8").split("\n");
  for (let number = 0; number < 200; number += 1) {
    const other = id.slice(0, 24) + number.toString(16).padStart(12, "0");
    fs.writeFileSync(`${queue}/${other}.hook`, `${envelope.replace(id, other)}\n`);
    fs.truncateSync(`${queue}/${other}.hook`, 64 << 20);
  }
  // The page shows how far it is, and Stop ends it: otherwise the fifth tab would have one too many.
  for (let search = 0; search < 5; search += 1) {
    const tab = await page.context().newPage();
    const deadline = Date.now() + 30_000;
    let response;
    do {
      assert.ok(Date.now() < deadline, "an earlier search goes on");
      response = await tab.goto(`${facts.page}deliveries?day=${facts.more.day}&q=nowhere`, { waitUntil: "commit" });
    } while (response.status() === 503);
    await tab.locator("tr.progress:visible").waitFor();
    await fits(tab);
    await tab.getByRole("button", { name: "Stop" }).click();
    await tab.getByRole("button", { name: "Stop" }).waitFor({ state: "hidden" });
    assert.equal(await tab.locator("tr.end").count(), 0);
  }
});
