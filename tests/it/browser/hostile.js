// Markup, scripts and control characters in payloads, certificates, envelopes and notes are shown as text.
"use strict";

const { assert, context, deliver, facts, fits, open, run, WIDTHS } = require("./common.js");

// Everything that a peer wrote is on the page as text, and nothing of it is an element or a control character.
async function isText(page, what) {
  const { text, html, added } = await page.evaluate(() => ({
    text: document.body.innerText,
    html: document.documentElement.outerHTML,
    added: document.querySelectorAll("main script:not([src]), main img, main iframe, main [onload], main [onerror], main b").length,
  }));
  assert.ok(text.includes("alert(1)"), `${what} shows the text`);
  assert.equal(added, 0, what);
  assert.doesNotMatch(html, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/, what);
}

run(async (browser) => {
  const first = await open(browser);
  for (const width of WIDTHS) {
    const page = await (await context(browser, { viewport: { width, height: 900 } })).newPage();
    for (const path of facts.more.pages) {
      await page.goto(facts.page + path);
      await isText(page, path);
      await fits(page);
    }
  }
  // A row that arrives while the list is open.
  const list = await (await context(browser)).newPage();
  await Promise.all([list.waitForResponse(/events\/entries$/), list.goto(`${facts.page}deliveries`)]);
  const id = await deliver(facts.more.payload, "hostile", "/hostile");
  await list.locator(`tr[data-id="${id}"]`).waitFor();
  await list.locator(`tr[data-id="${id}"] a`).click();
  await list.waitForURL(`**/entry/${id}`);
  await isText(list, "the new entry");
  assert.equal(await first.evaluate(() => globalThis.ran), undefined);
});
