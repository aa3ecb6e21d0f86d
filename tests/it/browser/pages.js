// axe-core finds no violation on any page, and no page scrolls sideways.
"use strict";

const axe = require("axe-core");
const { assert, context, facts, fits, open, run, WIDTHS } = require("./common.js");

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

async function check(page, what, runOnly) {
  const { violations, passes } = await page.evaluate(
    (only) => globalThis.axe.run(document, { runOnly: only, resultTypes: ["violations"] }), runOnly);
  assert.ok(passes.length > 0, `${what}: the rules were applied`);
  const found = violations.flatMap((it) => it.nodes.map((node) => `${it.id}: ${node.html}\n    ${node.failureSummary}`));
  return found.map((text) => `${what}: ${text}`);
}

run(async (browser) => {
  const first = await open(browser);
  const found = [];
  for (const locale of ["en", "pt-BR"]) {
    const page = await (await context(browser, { locale })).newPage();
    // Its cookie is not sent, so it has no session.
    const stranger = await (await browser.newContext({ locale })).newPage();
    stranger.context().faults = [];
    for (const path of [...facts.more.pages, "stranger:", "stranger:?token=0"]) {
      const tab = path.startsWith("stranger:") ? stranger : page;
      const response = await tab.goto(facts.page + path.replace("stranger:", ""));
      assert.ok((await response.text()).includes(`<html lang="${locale.slice(0, 2)}">`), path);
      await tab.evaluate(axe.source);
      for (const width of WIDTHS) {
        await tab.setViewportSize({ width, height: 900 });
        await fits(tab);
        // Only the colors depend on the scheme.
        for (const [colorScheme, rules] of [["light", RULES], ["dark", ["color-contrast"]]]) {
          await tab.emulateMedia({ colorScheme, reducedMotion: "reduce" });
          const runOnly = { type: rules === RULES ? "tag" : "rule", values: rules };
          found.push(...await check(tab, `${path} ${locale} ${width} ${colorScheme}`, runOnly));
        }
      }
    }
  }
  assert.deepEqual([...new Set(found)], []);
  await first.close();
});
