// The lines that would admit a refused certificate are copied as the page shows them and the daemon reports them.
"use strict";

const { assert, context, facts, fits, open, run } = require("./common.js");

run(async (browser) => {
  await open(browser);
  for (const [locale, copy, copied] of [["en", "Copy", "Copied"], ["pt-BR", "Copiar", "Copiado"]]) {
    const granted = await context(browser, { locale, permissions: ["clipboard-read", "clipboard-write"] });
    const page = await granted.newPage();
    await page.goto(`${facts.page}refused`);
    await page.getByRole("button", { name: copy, exact: true }).first().click();
    await page.getByRole("button", { name: copied, exact: true }).waitFor();
    const text = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(text.trim(), facts.more.admit);
    assert.equal(text.trim(), (await page.locator("pre.copied").first().innerText()).trim());
    for (const width of [375, 1440]) {
      await page.setViewportSize({ width, height: 900 });
      await fits(page);
    }
  }
});
